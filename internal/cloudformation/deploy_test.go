package cloudformation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/decide"
)

func ref(name string) tree { return tree{"Ref": name} }

func TestACreatedStackTellsItsStoryAndItsOutputs(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{
		Resources: tree{"Config": parameter("/app/config", "one"), "Topic": topic("hello")},
		Outputs:   tree{"ConfigName": tree{"Value": ref("Config")}},
	})
	plan.Tags = map[string]string{"team": "platform"}
	stack := c.deploy(t, "1", plan)
	want := decide.Stack{
		Seen: true, Exists: true, Name: "app", Status: "CREATE_COMPLETE", Outputs: map[string]string{"ConfigName": "/app/config"},
		ID: stack.ID, StatusReason: stack.StatusReason, CreatedAt: stack.CreatedAt, UpdatedAt: stack.UpdatedAt,
	}
	if diff := cmp.Diff(want, stack); diff != "" || stack.UpdatedAt.IsZero() || !strings.HasPrefix(stack.ID, "arn:") {
		t.Errorf("stack %s:\n%s", stack.ID, diff)
	}
	events := c.Events(t.Context(), stack.ID, "op-1", time.Time{})
	if diff := cmp.Diff(decide.Events{Seen: true, Started: true, Final: "CREATE_COMPLETE", Done: 2}, events); diff != "" {
		t.Error(diff)
	}
	if last, err := c.LastOperation(t.Context(), stack.ID); err != nil || last != "op-1" {
		t.Errorf("last operation is %q, %v", last, err)
	}
}

func TestNothingToChangeIsAnEmptyChangeSet(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one")}})
	c.deploy(t, "1", plan)
	seen := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-2", Token: "op-2", Plan: plan})
	if !seen.Empty || seen.Status != "FAILED" || len(seen.Changes) != 0 {
		t.Errorf("change set: %+v", seen)
	}
}

func TestAnUpdateIsCountedAndKeepsParametersThatThePlanLeavesOpen(t *testing.T) {
	c := newCloud(t)
	text := tree{"Type": "String"}
	first := c.plan(t, template{
		Parameters: tree{"Value": text, "Gone": text},
		Resources:  tree{"Config": parameter("/app/config", ref("Value")), "Other": parameter("/app/other", ref("Gone"))},
	})
	first.Parameters = map[string]string{"Value": "kept", "Gone": "gone"}
	c.deploy(t, "1", first)
	second := c.plan(t, template{
		Parameters: tree{"Value": text},
		Resources:  tree{"Config": parameter("/app/config", ref("Value")), "New": topic("new")},
		Outputs:    tree{"Kept": tree{"Value": tree{"Fn::GetAtt": []string{"Config", "Value"}}}},
	})
	stack := c.deploy(t, "2", second)
	if stack.Status != "UPDATE_COMPLETE" || stack.Outputs["Kept"] != "kept" {
		t.Errorf("stack: %+v", stack)
	}
}

func TestAFailedCreationNamesTheRootCause(t *testing.T) {
	c := newCloud(t)
	slow := tree{"Type": "AWS::DynamoDB::Table", "Properties": tree{
		"AttributeDefinitions": []tree{{"AttributeName": "k", "AttributeType": "S"}},
		"KeySchema":            []tree{{"AttributeName": "k", "KeyType": "HASH"}},
		"BillingMode":          "PAY_PER_REQUEST",
	}}
	plan := c.plan(t, template{Resources: tree{"Bad": failing("the quota of frobs is used up"), "Table": slow}})
	stack := c.deploy(t, "1", plan)
	if stack.Status != "ROLLBACK_COMPLETE" {
		t.Errorf("stack: %+v", stack)
	}
	cause := c.Events(t.Context(), stack.ID, "op-1", time.Time{}).RootCause
	if cause == nil || cause.LogicalID != "Bad" || cause.ResourceType != "Local::Test::Resource" ||
		cause.Status != "CREATE_FAILED" || !strings.Contains(cause.Reason, "the quota of frobs is used up") {
		t.Errorf("root cause: %+v", cause)
	}
}

func TestTheRootCauseOfANestedStackIsInsideOfIt(t *testing.T) {
	c := newCloud(t)
	inner := c.plan(t, template{Resources: tree{"Fine": topic("x"), "Culprit": failing("no more frobs")}})
	plan := c.plan(t, template{Resources: tree{"Inner": nestedStack(inner.TemplateURL)}})
	stack := c.deploy(t, "1", plan)
	cause := c.Events(t.Context(), stack.ID, "op-1", time.Time{}).RootCause
	if cause == nil || cause.LogicalID != "Culprit" || !strings.Contains(cause.Reason, "no more frobs") ||
		!strings.Contains(cause.Reason, "in nested stack app-Inner-") {
		t.Errorf("root cause: %+v", cause)
	}
}

func TestNestedResourcesCountInProgress(t *testing.T) {
	c := newCloud(t)
	inner := c.plan(t, template{Resources: tree{"A": topic("a"), "B": topic("b")}})
	plan := c.plan(t, template{Resources: tree{"Inner": nestedStack(inner.TemplateURL), "C": topic("c")}})
	seen := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-0", Token: "op-0", Create: true, Plan: plan})
	if err := c.ExecuteChangeSet(t.Context(), Execution{StackID: seen.StackID, ChangeSet: "op-0", Token: "op-0"}); err != nil {
		t.Fatal(err)
	}
	stack := c.settled(t, seen.StackID)
	if events := c.Events(t.Context(), stack.ID, "op-0", time.Time{}); events.Done != 4 || events.Current != "" {
		t.Errorf("events: %+v", events)
	}
}

func TestEventsAreOfOneOperationOnly(t *testing.T) {
	c := newCloud(t)
	stack := c.deploy(t, "1", c.plan(t, template{Resources: tree{"A": topic("a"), "B": topic("b")}}))
	c.deploy(t, "2", c.plan(t, template{Resources: tree{"A": topic("changed"), "B": topic("b")}}))
	if events := c.Events(t.Context(), stack.ID, "op-2", time.Time{}); !events.Started || events.Done != 1 {
		t.Errorf("events of the second operation: %+v", events)
	}
	unknown := c.Events(t.Context(), stack.ID, "op-3", time.Now())
	if diff := cmp.Diff(decide.Events{Seen: true}, unknown); diff != "" {
		t.Errorf("events of an operation that never began:\n%s", diff)
	}
}

func TestProgressNamesTheResourceAtWork(t *testing.T) {
	c := newCloud(t, "--speed", "1")
	wait := tree{"Type": "AWS::CloudFormation::WaitCondition", "DependsOn": "Topic", "Properties": tree{"Handle": ref("Handle"), "Timeout": "60"}}
	plan := c.plan(t, template{Resources: tree{"Topic": topic("x"), "Handle": tree{"Type": "AWS::CloudFormation::WaitConditionHandle"}, "Wait": wait}})
	seen := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan})
	if err := c.ExecuteChangeSet(t.Context(), Execution{StackID: seen.StackID, ChangeSet: "op-1", Token: "op-1"}); err != nil {
		t.Fatal(err)
	}
	awstest.Eventually(t, "two resources are done and the third is at work", func() bool {
		events := c.Events(t.Context(), seen.StackID, "op-1", time.Time{})
		return events.Done == 2 && events.Current == "Wait" && events.RootCause == nil
	})
}

func TestAMissingStackIsSeenAndDoesNotExist(t *testing.T) {
	c := newCloud(t)
	missing := "arn:aws:cloudformation:eu-central-1:123456789012:stack/app/00000000-0000-0000-0000-000000000000"
	for _, name := range []string{"app", missing} {
		if diff := cmp.Diff(decide.Stack{Seen: true}, c.Stack(t.Context(), name)); diff != "" {
			t.Errorf("stack %s:\n%s", name, diff)
		}
		if diff := cmp.Diff(decide.ChangeSet{Seen: true}, c.ChangeSet(t.Context(), name, "op-1")); diff != "" {
			t.Errorf("change set of %s:\n%s", name, diff)
		}
		if events := c.Events(t.Context(), name, "op-1", time.Time{}); !errors.Is(events.Err, ErrNotFound) {
			t.Errorf("events of %s: %+v", name, events)
		}
	}
}

func TestAParameterWithoutAValueIsNamedBeforeAWSIsAsked(t *testing.T) {
	c := newCloud(t)
	with := func(parameters tree) v1alpha1.Plan {
		return c.plan(t, template{Parameters: parameters, Resources: tree{"A": topic("a")}})
	}
	text := tree{"Type": "String"}
	plan := with(tree{"Needed": text})
	plan.OpenParameters = []string{"Needed"}
	err := c.CreateChangeSet(t.Context(), ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan})
	if !errors.Is(err, ErrParameters) || !strings.Contains(err.Error(), "Needed") || !strings.Contains(err.Error(), "default") {
		t.Errorf("error is %v", err)
	}
	// A stack that has the parameter keeps its value; only a new one is open.
	given := with(tree{"Needed": text})
	given.Parameters = map[string]string{"Needed": "x"}
	c.deploy(t, "2", given)
	plan = with(tree{"Needed": text, "Fresh": text})
	plan.OpenParameters = []string{"Fresh", "Needed"}
	err = c.CreateChangeSet(t.Context(), ChangeSetRequest{StackName: "app", Name: "op-3", Token: "op-3", Plan: plan})
	if !errors.Is(err, ErrParameters) || strings.Contains(err.Error(), "Needed") || !strings.Contains(err.Error(), "Fresh") {
		t.Errorf("error is %v", err)
	}
	plan = with(tree{"Needed": text, "Unused": tree{"Type": "String", "Default": "d"}})
	plan.OpenParameters = []string{"Needed"}
	if err := c.CreateChangeSet(t.Context(), ChangeSetRequest{StackName: "app", Name: "op-4", Token: "op-4", Plan: plan}); err != nil {
		t.Error(err)
	}
}

func TestARefusedTemplateIsAValidationError(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Parameters: tree{"Needed": tree{"Type": "String"}}, Resources: tree{"A": topic("a")}})
	err := c.CreateChangeSet(t.Context(), ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan})
	if !errors.Is(err, ErrValidation) || !strings.Contains(err.Error(), "Needed") {
		t.Errorf("error is %v", err)
	}
}

func TestAPlanTellsWhatBecomesOfEachResource(t *testing.T) {
	c := newCloud(t)
	table := func(key string) tree {
		return tree{"Type": "AWS::DynamoDB::Table", "Properties": tree{
			"AttributeDefinitions": []tree{{"AttributeName": key, "AttributeType": "S"}},
			"KeySchema":            []tree{{"AttributeName": key, "KeyType": "HASH"}},
			"BillingMode":          "PAY_PER_REQUEST",
		}}
	}
	c.deploy(t, "1", c.plan(t, template{Resources: tree{"Table": table("a"), "Gone": topic("x"), "Config": parameter("/app/config", "one")}}))
	plan := c.plan(t, template{Resources: tree{"Table": table("b"), "New": topic("y"), "Config": parameter("/app/config", "two")}})
	seen := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-2", Token: "op-2", Plan: plan})
	got := map[string]decide.Change{}
	for _, change := range seen.Changes {
		got[change.LogicalID] = change
	}
	if r := got["Table"]; r.Action != "Modify" || r.Replacement != "True" || !strings.Contains(strings.Join(r.Because, " "), "KeySchema") || r.Type != "AWS::DynamoDB::Table" {
		t.Errorf("the table, which must be replaced: %+v", r)
	}
	if r := got["Gone"]; r.Action != "Remove" || r.PolicyAction != "Delete" {
		t.Errorf("the topic that is removed: %+v", r)
	}
	if r := got["Config"]; r.Action != "Modify" || r.Replacement != "False" || !strings.Contains(strings.Join(r.Properties, " "), "Value") || len(r.Because) > 0 {
		t.Errorf("the parameter that is modified: %+v", r)
	}
	if r := got["New"]; r.Action != "Add" || len(got) != 4 {
		t.Errorf("the topic that is added: %+v of %d", r, len(got))
	}
}
