package localaws_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/demo/localaws"
	"awscdk.dev/operator/demo/localaws/cloud"
)

// alarm makes an alarm, and gives its ARN.
func (l *lab) alarm(name string) string {
	l.Helper()
	l.create(name, fmt.Sprintf(`{"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": %q, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}}}}`, name), "CREATE_COMPLETE")
	return "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:" + name
}

// goes sets the state of an alarm.
func (l *lab) goes(name, state string) {
	l.Helper()
	err := l.Cloud.Change(place(), "AWS::CloudWatch::Alarm", name, func(r *cloud.Resource) error {
		r.Attrs["StateValue"] = state
		return nil
	})
	if err != nil {
		l.Fatal(err)
	}
}

func configured(minutes int32, arns ...string) *types.RollbackConfiguration {
	c := &types.RollbackConfiguration{MonitoringTimeInMinutes: &minutes, RollbackTriggers: []types.RollbackTrigger{}}
	for _, arn := range arns {
		c.RollbackTriggers = append(c.RollbackTriggers, types.RollbackTrigger{Arn: &arn, Type: aws.String("AWS::CloudWatch::Alarm")})
	}
	return c
}

func monitored(c *types.RollbackConfiguration) func(*cloudformation.UpdateStackInput) {
	return func(in *cloudformation.UpdateStackInput) { in.RollbackConfiguration = c }
}

// until waits for a line of a stack's history.
func (l *lab) until(name, prefix string) {
	l.Helper()
	for range 5000 {
		if l.happened(name, prefix) > 0 {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	l.Fatalf("%q never happened to %s:\n%s", prefix, name, strings.Join(l.history(name), "\n"))
}

// begin starts an update, and waits until its resource is done.
func (l *lab) begin(name, template, token string, c *types.RollbackConfiguration) {
	l.Helper()
	in := &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &template, ClientRequestToken: &token, RollbackConfiguration: c}
	if _, err := l.cfn.UpdateStack(l.Context(), in); err != nil {
		l.Fatal(err)
	}
	l.until(name, "It UPDATE_COMPLETE")
}

func TestAnAlarmRollsAnOperationBack(t *testing.T) {
	l := newLab(t, localaws.Config{Minute: time.Hour})
	loud, quiet := l.alarm("loud"), l.alarm("quiet")
	triggered := "Rollback triggered by alarm " + loud + " in state ALARM."

	t.Run("at once when it is in ALARM before", func(*testing.T) {
		l.create("early", single(`"Value": "a"`), "CREATE_COMPLETE")
		l.goes("loud", "ALARM")
		st := l.update("early", single(`"Value": "b"`), "UPDATE_ROLLBACK_COMPLETE", monitored(configured(0, quiet, loud)))
		if outputs(st)["V"] == "b" || l.happened("early", "early UPDATE_ROLLBACK_IN_PROGRESS "+triggered) != 1 || l.happened("early", "It UPDATE_COMPLETE") > 0 {
			t.Errorf("history:\n%s", strings.Join(l.history("early"), "\n"))
		}
	})
	t.Run("in the monitoring time", func(*testing.T) {
		l.goes("loud", "OK")
		l.create("late", single(`"Value": "a"`), "CREATE_COMPLETE")
		l.begin("late", single(`"Value": "b"`), "ours", configured(1, loud))
		if st := l.stack("late"); st.StackStatus != "UPDATE_IN_PROGRESS" {
			t.Errorf("while it is monitored the stack is %s", st.StackStatus)
		}
		l.goes("loud", "ALARM")
		l.expect("late", "UPDATE_ROLLBACK_COMPLETE")
		if l.happened("late", "late UPDATE_ROLLBACK_IN_PROGRESS "+triggered) != 1 {
			t.Errorf("history:\n%s", strings.Join(l.history("late"), "\n"))
		}
		ours := false
		for _, e := range l.events("late") {
			ours = ours || e.ResourceStatus == "UPDATE_IN_PROGRESS"
			if ours && aws.ToString(e.ClientRequestToken) != "ours" {
				t.Errorf("%s of %s has the token %q", e.ResourceStatus, *e.LogicalResourceId, aws.ToString(e.ClientRequestToken))
			}
		}
	})
	t.Run("of a creation", func(*testing.T) {
		l.goes("loud", "OK")
		in := &cloudformation.CreateStackInput{StackName: aws.String("made"), TemplateBody: aws.String(single(`"Value": "a"`)), RollbackConfiguration: configured(1, loud)}
		if _, err := l.cfn.CreateStack(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		l.until("made", "It CREATE_COMPLETE")
		if st := l.stack("made"); st.StackStatus != "CREATE_IN_PROGRESS" {
			t.Errorf("while it is monitored the stack is %s", st.StackStatus)
		}
		l.goes("loud", "ALARM")
		l.expect("made", "ROLLBACK_COMPLETE")
	})
	t.Run("when it does not exist", func(*testing.T) {
		l.create("blind", single(`"Value": "a"`), "CREATE_COMPLETE")
		l.update("blind", single(`"Value": "b"`), "UPDATE_ROLLBACK_COMPLETE", monitored(configured(0, quiet+"er")))
		if l.happened("blind", "blind UPDATE_ROLLBACK_IN_PROGRESS Rollback trigger "+quiet+"er does not exist.") != 1 {
			t.Errorf("history:\n%s", strings.Join(l.history("blind"), "\n"))
		}
	})
}

func TestTheRollbackConfigurationStaysUntilAnotherIsGiven(t *testing.T) {
	l := newLab(t, localaws.Config{Minute: time.Millisecond})
	loud := l.alarm("loud")
	l.create("s", single(`"Value": "a"`), "CREATE_COMPLETE")
	st := l.update("s", single(`"Value": "b"`), "UPDATE_COMPLETE", monitored(configured(3, loud)))
	if c := st.RollbackConfiguration; len(c.RollbackTriggers) != 1 || *c.MonitoringTimeInMinutes != 3 {
		t.Errorf("configuration %+v", c)
	}
	l.goes("loud", "ALARM")
	l.update("s", single(`"Value": "c"`), "UPDATE_ROLLBACK_COMPLETE") // it says nothing of alarms
	st = l.update("s", single(`"Value": "c"`), "UPDATE_COMPLETE", monitored(configured(0)))
	if c := st.RollbackConfiguration; c != nil && len(c.RollbackTriggers) > 0 {
		t.Errorf("configuration %+v", c)
	}
	l.update("s", single(`"Value": "d"`), "UPDATE_COMPLETE")
}

func TestARollbackConfigurationBeyondAWSsBoundsIsRefused(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", single(`"Value": "a"`), "CREATE_COMPLETE")
	ask := func(c *types.RollbackConfiguration) error {
		_, err := l.cfn.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
			StackName: aws.String("s"), ChangeSetName: aws.String("c"), TemplateBody: aws.String(single(`"Value": "b"`)), RollbackConfiguration: c,
		})
		return err
	}
	arn := "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:x"
	refused(t, ask(configured(0, arn, arn, arn, arn, arn, arn)), "ValidationError", "less than or equal to 5")
	refused(t, ask(configured(181)), "ValidationError", "less than or equal to 180")
	other := configured(0, arn)
	other.RollbackTriggers[0].Type = aws.String("AWS::SNS::Topic")
	refused(t, ask(other), "ValidationError", "AWS::SNS::Topic")
}

func TestAnUpdateCanBeCancelledWhileItIsMonitored(t *testing.T) {
	l := newLab(t, localaws.Config{Minute: time.Hour})
	l.create("m", single(`"Value": "a", "Name": "old"`), "CREATE_COMPLETE")
	l.begin("m", single(`"Value": "b", "Name": "old"`), "ours", configured(10))
	if _, err := l.cfn.CancelUpdateStack(t.Context(), &cloudformation.CancelUpdateStackInput{StackName: aws.String("m"), ClientRequestToken: aws.String("ours-cancel")}); err != nil {
		t.Fatal(err)
	}
	l.expect("m", "UPDATE_ROLLBACK_COMPLETE")
	tokens := map[string]string{}
	for _, e := range l.events("m") {
		if *e.LogicalResourceId == "m" {
			tokens[string(e.ResourceStatus)] = aws.ToString(e.ClientRequestToken)
		}
	}
	if tokens["UPDATE_IN_PROGRESS"] != "ours" || tokens["UPDATE_ROLLBACK_IN_PROGRESS"] != "ours-cancel" || tokens["UPDATE_ROLLBACK_COMPLETE"] != "ours-cancel" {
		t.Errorf("tokens: %v", tokens)
	}
	_, err := l.cfn.CancelUpdateStack(t.Context(), &cloudformation.CancelUpdateStackInput{StackName: aws.String("m"), ClientRequestToken: aws.String("ours-cancel")})
	refused(t, err, "ValidationError", "cannot be called from current stack status")
}

func TestOldResourcesAreKeptUntilTheMonitoringTimeIsOver(t *testing.T) {
	l := newLab(t, localaws.Config{Minute: 100 * time.Millisecond})
	two := `{"Resources": {
		"It": {"Type": "Local::Test::Resource", "Properties": {"Value": %q}},
		"Old": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "old"}}}}`
	one := `{"Resources": {"It": {"Type": "Local::Test::Resource", "Properties": {"Value": %q}}}}`
	l.create("s", fmt.Sprintf(two, "a"), "CREATE_COMPLETE")
	l.begin("s", fmt.Sprintf(one, "b"), "ours", configured(5))
	if len(l.Cloud.List(place(), "AWS::SNS::Topic")) != 1 {
		t.Error("the old topic is gone while the update is monitored")
	}
	l.expect("s", "UPDATE_COMPLETE")
	if len(l.Cloud.List(place(), "AWS::SNS::Topic")) != 0 {
		t.Error("the old topic is left after the update")
	}
}

func TestOnlyWhatIsStuckCanBeSkipped(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := func(value string) string {
		return `{"Resources": {
			"Fine": {"Type": "Local::Test::Resource", "Properties": {"Value": "` + value + `"}},
			"Stuck": {"Type": "Local::Test::Resource", "DependsOn": "Fine", "Properties": {"Value": "` + value + `", "FailOn": "Update,Rollback"}}}}`
	}
	l.create("s", template("a"), "CREATE_COMPLETE")
	l.update("s", template("b"), "UPDATE_ROLLBACK_FAILED")
	ask := func(ids ...string) error {
		_, err := l.cfn.ContinueUpdateRollback(t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("s"), ResourcesToSkip: ids, ClientRequestToken: aws.String("skip")})
		return err
	}
	refused(t, ask("Fine"), "ValidationError", "not in UPDATE_FAILED state: [Fine]")
	refused(t, ask("Nobody"), "ValidationError", "not in UPDATE_FAILED state: [Nobody]")
	if err := ask("Stuck"); err != nil {
		t.Fatal(err)
	}
	l.expect("s", "UPDATE_ROLLBACK_COMPLETE")
}

func TestAFailureThatWasKeptIsGoneOnWithAsItWasBegun(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", single(`"Value": "a"`), "CREATE_COMPLETE")
	keep := func(in *cloudformation.UpdateStackInput) { in.DisableRollback = aws.Bool(true) }
	l.update("s", single(`"Value": "b", "FailOn": "Update"`), "UPDATE_FAILED", keep)
	_, err := l.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(single(`"Value": "c"`))})
	refused(t, err, "ValidationError", "currently in a non-terminal [UPDATE_FAILED] state")
	l.update("s", single(`"Value": "c"`), "UPDATE_COMPLETE", keep)
}
