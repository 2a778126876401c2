package cloudformation

import (
	"errors"
	"slices"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/decide"
)

func alarm(name string) tree {
	return tree{"Type": "AWS::CloudWatch::Alarm", "Properties": tree{"AlarmName": name, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}}
}

// begin plans a stack anew with what is to be watched, and executes it.
func (c cloud) begin(t *testing.T, operation string, r ChangeSetRequest) decide.ChangeSet {
	t.Helper()
	r.StackName, r.Name, r.Token = "app", "op-"+operation, "op-"+operation
	seen := c.change(t, r)
	if err := c.ExecuteChangeSet(t.Context(), Execution{StackID: seen.StackID, ChangeSet: r.Name, Token: r.Token}); err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestWhatCloudFormationWatchesIsSetAndRemoved(t *testing.T) {
	c := newCloud(t, "--minute", "1ms")
	app := func(value string) v1alpha1.Plan {
		return c.plan(t, template{Resources: tree{"Config": parameter("/app/config", value), "Errors": alarm("errors")}})
	}
	stack := c.deploy(t, "1", app("one"))
	arn := "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:errors"
	watch := &v1alpha1.RollbackConfiguration{MonitoringMinutes: 2, Triggers: []v1alpha1.RollbackTrigger{{ARN: arn}}}
	c.begin(t, "2", ChangeSetRequest{Plan: app("two"), Rollback: watch})
	c.settled(t, stack.ID)
	if found := c.described(t, stack.ID).RollbackConfiguration; len(found.RollbackTriggers) != 1 || *found.RollbackTriggers[0].Arn != arn || *found.MonitoringTimeInMinutes != 2 {
		t.Errorf("the stack has %+v", found)
	}
	c.begin(t, "3", ChangeSetRequest{Plan: app("three"), Rollback: &v1alpha1.RollbackConfiguration{}})
	c.settled(t, stack.ID)
	if found := c.described(t, stack.ID).RollbackConfiguration; found != nil && (len(found.RollbackTriggers) > 0 || *found.MonitoringTimeInMinutes != 0) {
		t.Errorf("the stack has %+v", found)
	}
}

func TestAMonitoredUpdateIsCancelledOnce(t *testing.T) {
	c := newCloud(t, "--minute", "1h")
	app := func(value string) v1alpha1.Plan {
		return c.plan(t, template{Resources: tree{"Config": parameter("/app/config", value)}})
	}
	stack := c.deploy(t, "1", app("one"))
	c.begin(t, "2", ChangeSetRequest{Plan: app("two"), Rollback: &v1alpha1.RollbackConfiguration{MonitoringMinutes: 10}})
	awstest.Eventually(t, "the resource is done", func() bool {
		return c.Events(t.Context(), stack.ID, "op-2", time.Time{}).Done == 1
	})
	for range 3 {
		if err := c.CancelUpdate(t.Context(), stack.ID, "op-2-cancel"); err != nil {
			t.Fatal(err)
		}
	}
	if seen := c.settled(t, stack.ID); seen.Status != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("the stack is %s", seen.Status)
	}
	if err := c.CancelUpdate(t.Context(), stack.ID, "op-2-cancel"); err != nil {
		t.Errorf("a cancellation that has ended, asked for again: %v", err)
	}
	if err := c.CancelUpdate(t.Context(), stack.ID, "op-3-cancel"); !errors.Is(err, ErrValidation) {
		t.Errorf("another one: error is %v, want ErrValidation", err)
	}
	ours, theirs := c.Events(t.Context(), stack.ID, "op-2-cancel", time.Time{}), c.Events(t.Context(), stack.ID, "op-2", time.Time{})
	if ours.Final != "UPDATE_ROLLBACK_COMPLETE" || theirs.Final != "UPDATE_IN_PROGRESS" {
		t.Errorf("events of the cancellation %+v, of the update %+v", ours, theirs)
	}
}

func TestARoleThatMayNotCancelIsTold(t *testing.T) {
	c := newCloud(t)
	stack := c.deploy(t, "1", c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one")}}))
	c.Fault(t, awstest.Fault{Service: "cloudformation", Action: "CancelUpdateStack", Code: "AccessDenied", Message: "User is not authorized", Status: 403})
	err := c.CancelUpdate(t.Context(), stack.ID, "op-cancel")
	if !errors.Is(err, decide.ErrCancelDenied) {
		t.Errorf("error is %v", err)
	}
}

func TestATemplateThatIsGoneIsKnown(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one")}})
	if err := c.TemplateThere(t.Context(), plan.TemplateURL); err != nil {
		t.Error(err)
	}
	if err := c.TemplateThere(t.Context(), plan.TemplateURL+"-gone"); !errors.Is(err, decide.ErrTemplateGone) {
		t.Errorf("error is %v", err)
	}
}

func TestARollbackKeepsTheValuesThatTheStackHas(t *testing.T) {
	c := newCloud(t)
	app := func(parameters ...string) v1alpha1.Plan {
		declared := tree{}
		for _, name := range parameters {
			declared[name] = tree{"Type": "String", "NoEcho": true}
		}
		return c.plan(t, template{Parameters: declared, Resources: tree{"Config": parameter("/app/config", ref(parameters[0])), "Last": topic(parameters[len(parameters)-1])},
			Outputs: tree{"Value": tree{"Value": tree{"Fn::GetAtt": []string{"Config", "Value"}}}}})
	}
	first := app("Password")
	first.Parameters = map[string]string{"Password": "open sesame"}
	stack := c.deploy(t, "1", first)
	// The older template lacks Token, which is given by now, and has Old, which the
	// stack has no value for.
	c.begin(t, "2", ChangeSetRequest{Plan: app("Password", "Old"), KeepValues: true, Given: map[string]Given{
		"Password": {Value: "another", Secret: true}, "Token": {Value: "t"}, "Old": {Value: "o", Secret: true},
	}})
	if seen := c.settled(t, stack.ID); seen.Outputs["Value"] != "open sesame" {
		t.Errorf("the parameter has become %q", seen.Outputs["Value"])
	}
}

func TestTheStacksOwnTemplateIsPutBackWithOtherTags(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one")}})
	stack := c.deploy(t, "1", plan)
	gone := plan
	gone.TemplateURL += "-gone"
	gone.Tags = map[string]string{"team": "web"}
	c.begin(t, "2", ChangeSetRequest{Plan: gone, KeepValues: true, PreviousTemplate: true})
	if seen := c.settled(t, stack.ID); seen.Status != "UPDATE_COMPLETE" || len(c.described(t, stack.ID).Tags) != 1 {
		t.Errorf("the stack is %+v", seen)
	}
}

func TestWhatARollbackIsStuckAtIsNamed(t *testing.T) {
	c := newCloud(t)
	app := func(value string) v1alpha1.Plan {
		broken := func(after string) tree {
			return tree{"Type": "Local::Test::Resource", "DependsOn": after, "Properties": tree{"Value": value, "FailOn": "Update,Rollback"}}
		}
		return c.plan(t, template{Resources: tree{"Config": parameter("/app/config", value), "Db": broken("Config")}})
	}
	stack := c.deploy(t, "1", app("one"))
	c.begin(t, "2", ChangeSetRequest{Plan: app("two")})
	c.settled(t, stack.ID)
	seen := c.Events(t.Context(), stack.ID, "op-2", time.Time{})
	if seen.Final != "UPDATE_ROLLBACK_FAILED" || !slices.Equal(seen.Stuck, []string{"Db"}) {
		t.Fatalf("events %+v", seen)
	}
	if err := c.ContinueUpdateRollback(t.Context(), stack.ID, "op-3", "", []string{"Config"}); !errors.Is(err, ErrValidation) {
		t.Errorf("error is %v, want ErrValidation", err)
	}
	for range 2 {
		if err := c.ContinueUpdateRollback(t.Context(), stack.ID, "op-4", "", []string{"Db"}); err != nil {
			t.Fatal(err)
		}
	}
	if seen := c.settled(t, stack.ID); seen.Status != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("the stack is %+v", seen)
	}
}
