package localaws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"awscdk.dev/operator/demo/localaws"
)

// pair is a template with a topic, and a parameter that depends on it.
func pair(display, value string) string {
	return fmt.Sprintf(`{"Resources": {
		"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": %q}},
		"Value": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/pair/value", "Type": "String",
			"Value": {"Fn::Sub": "%s at ${Topic.TopicName}"}}}},
		"Outputs": {"Arn": {"Value": {"Ref": "Topic"}, "Export": {"Name": "pair-arn"}}}}`, display, value)
}

// single is a template with one test resource.
func single(properties string) string {
	return `{"Resources": {"It": {"Type": "Local::Test::Resource", "Properties": {` + properties + `}}}}`
}

func TestResourcesAreMadeAfterWhatTheyReferTo(t *testing.T) {
	l := newLab(t, localaws.Config{})
	st := l.create("pair", pair("one", "v1"), "CREATE_COMPLETE")
	history := l.history("pair")
	topic := slices.Index(history, "Topic CREATE_COMPLETE")
	value := slices.Index(history, "Value CREATE_IN_PROGRESS")
	if topic < 0 || value < topic {
		t.Fatalf("Value did not wait for Topic:\n%s", strings.Join(history, "\n"))
	}
	arn := outputs(st)["Arn"]
	if !strings.HasPrefix(arn, "arn:aws:sns:eu-central-1:123456789012:pair-Topic-") {
		t.Errorf("output Arn = %q", arn)
	}
	if got, want := l.parameter("/pair/value"), "v1 at "+arn[strings.LastIndex(arn, ":")+1:]; got != want {
		t.Errorf("parameter = %q, want %q", got, want)
	}
}

func TestChangeSetSaysWhatWillChange(t *testing.T) {
	l := newLab(t, localaws.Config{})
	first := l.changeSet("pair", "first", pair("one", "v1"), types.ChangeSetTypeCreate)
	if got := l.stack("pair").StackStatus; got != types.StackStatusReviewInProgress {
		t.Fatalf("stack of a new change set is %s", got)
	}
	if len(first.Changes) != 2 || first.Changes[0].ResourceChange.Action != types.ChangeActionAdd {
		t.Fatalf("changes = %+v", first.Changes)
	}
	l.execute(first, "CREATE_COMPLETE")

	second := l.changeSet("pair", "second", pair("two", "v1"), types.ChangeSetTypeUpdate)
	if len(second.Changes) != 1 {
		t.Fatalf("got %d changes, want the topic's only", len(second.Changes))
	}
	change := second.Changes[0].ResourceChange
	target := change.Details[0].Target
	got := []string{
		string(change.Action), string(change.Replacement), string(target.Attribute), aws.ToString(target.Name),
		aws.ToString(target.Path), aws.ToString(target.BeforeValue), aws.ToString(target.AfterValue),
	}
	want := []string{"Modify", "False", "Properties", "DisplayName", "/Properties/DisplayName", "one", "two"}
	if !slices.Equal(got, want) {
		t.Errorf("change = %q, want %q", got, want)
	}
	l.execute(second, "UPDATE_COMPLETE")
}

func TestChangeSetWithoutChangesFailsWithAWSsWords(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("pair", pair("one", "v1"), "CREATE_COMPLETE")
	cs := l.changeSet("pair", "same", pair("one", "v1"), types.ChangeSetTypeUpdate)
	want := "The submitted information didn't contain changes. Submit different information to create a change set."
	if cs.Status != types.ChangeSetStatusFailed || aws.ToString(cs.StatusReason) != want {
		t.Errorf("change set is %s: %s", cs.Status, aws.ToString(cs.StatusReason))
	}
	_, err := l.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("pair"), TemplateBody: aws.String(pair("one", "v1"))})
	refused(t, err, "ValidationError", "No updates are to be performed.")
}

func TestChangeSetOfTheSameClientTokenIsTheSame(t *testing.T) {
	l := newLab(t, localaws.Config{})
	in := &cloudformation.CreateChangeSetInput{
		StackName: aws.String("pair"), ChangeSetName: aws.String("cs"), TemplateBody: aws.String(pair("a", "b")),
		ChangeSetType: types.ChangeSetTypeCreate, ClientToken: aws.String("token"),
	}
	first, err := l.cfn.CreateChangeSet(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.cfn.CreateChangeSet(t.Context(), in)
	if err != nil || *again.Id != *first.Id {
		t.Fatalf("again = %v, %v; want %s", again, err, *first.Id)
	}
	in.ClientToken = aws.String("another")
	_, err = l.cfn.CreateChangeSet(t.Context(), in)
	refused(t, err, "AlreadyExistsException", "ChangeSet cs already exists")
}

func TestImmutablePropertyIsChangedByReplacement(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("one", single(`"Immutable": "a"`), "CREATE_COMPLETE")
	cs := l.changeSet("one", "cs", single(`"Immutable": "b"`), types.ChangeSetTypeUpdate)
	if got := cs.Changes[0].ResourceChange.Replacement; got != types.ReplacementTrue {
		t.Errorf("replacement = %s", got)
	}
	l.execute(cs, "UPDATE_COMPLETE")
	history := l.history("one")
	cleanup := slices.Index(history, "one UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
	deleted := slices.Index(history, "It DELETE_COMPLETE")
	if cleanup < 0 || deleted < cleanup {
		t.Errorf("the old resource was not deleted in the cleanup:\n%s", strings.Join(history, "\n"))
	}
	if n := len(l.Cloud.List(place(), "Local::Test::Resource")); n != 1 {
		t.Errorf("%d resources are there, want 1", n)
	}
}

func TestNamedResourceThatMustBeReplacedIsRefused(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("one", single(`"Name": "fixed", "Immutable": "a"`), "CREATE_COMPLETE")
	l.update("one", single(`"Name": "fixed", "Immutable": "b"`), "UPDATE_ROLLBACK_COMPLETE")
	if l.happened("one", "It UPDATE_FAILED CloudFormation cannot update a stack when a custom-named resource requires replacing.") != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("one"), "\n"))
	}
}

func TestFailedUpdateRestoresTheOldValues(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := func(value, fail string, extra string) string {
		return `{"Resources": {
			"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/p", "Type": "String", "Value": "` + value + `"}},
			"It": {"Type": "Local::Test::Resource", "DependsOn": "P", "Properties": {"Value": "` + value + `", "FailOn": "` + fail + `"}}` + extra + `}}`
	}
	l.create("s", template("old", "", ""), "CREATE_COMPLETE")
	l.update("s", template("new", "Update", `, "Q": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/q", "Type": "String", "Value": "x"}}`), "UPDATE_ROLLBACK_COMPLETE")
	if got := l.parameter("/p"); got != "old" {
		t.Errorf("/p = %q after the rollback", got)
	}
	_, err := l.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/q")})
	refused(t, err, "ParameterNotFound", "/q")
	l.update("s", template("newer", "", ""), "UPDATE_COMPLETE")
	if got := l.parameter("/p"); got != "newer" {
		t.Errorf("/p = %q after the recovery", got)
	}
}

func TestFailedCreationLeavesNothing(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := `{"Resources": {
		"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/p", "Type": "String", "Value": "x"}},
		"It": {"Type": "Local::Test::Resource", "DependsOn": "P", "Properties": {"FailOn": "Create", "Message": "no such luck"}}}}`
	st := l.create("s", template, "ROLLBACK_COMPLETE")
	_, err := l.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/p")})
	refused(t, err, "ParameterNotFound", "/p")
	if l.happened("s", `It CREATE_FAILED Resource handler returned message: "no such luck"`) != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("s"), "\n"))
	}
	_, err = l.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("s"), TemplateBody: &template})
	refused(t, err, "ValidationError", "Stack:"+*st.StackId+" is in ROLLBACK_COMPLETE state and can not be updated.")
	l.remove("s", "DELETE_COMPLETE")
}

func TestCreationThatMayNotRollBackStays(t *testing.T) {
	for _, tc := range []struct {
		onFailure types.OnFailure
		want      string
	}{{types.OnFailureDoNothing, "CREATE_FAILED"}, {types.OnFailureDelete, "DELETE_COMPLETE"}, {types.OnFailureRollback, "ROLLBACK_COMPLETE"}} {
		t.Run(string(tc.onFailure), func(t *testing.T) {
			l := newLab(t, localaws.Config{})
			l.create("s", single(`"FailOn": "Create"`), tc.want, func(in *cloudformation.CreateStackInput) { in.OnFailure = tc.onFailure })
		})
	}
}

func TestFailureWithoutRollbackCanBeRolledBackLater(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", single(`"Value": "old"`), "CREATE_COMPLETE")
	l.update("s", single(`"Value": "new", "FailOn": "Update"`), "UPDATE_FAILED", func(in *cloudformation.UpdateStackInput) { in.DisableRollback = aws.Bool(true) })
	if _, err := l.cfn.RollbackStack(t.Context(), &cloudformation.RollbackStackInput{StackName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	l.expect("s", "UPDATE_ROLLBACK_COMPLETE")
	_, err := l.cfn.RollbackStack(t.Context(), &cloudformation.RollbackStackInput{StackName: aws.String("s")})
	refused(t, err, "ValidationError", "can not be rolled back")
}

func TestFailedRollbackContinuesWithoutWhatIsSkipped(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := func(value string) string {
		return `{"Resources": {
			"Stubborn": {"Type": "Local::Test::Resource", "Properties": {"Value": "` + value + `", "FailOn": "Rollback"}},
			"Broken": {"Type": "Local::Test::Resource", "DependsOn": "Stubborn", "Properties": {"Value": "` + value + `", "FailOn": "Update"}}}}`
	}
	l.create("s", template("old"), "CREATE_COMPLETE")
	l.update("s", template("new"), "UPDATE_ROLLBACK_FAILED")
	_, err := l.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(template("newer"))})
	refused(t, err, "ValidationError", "is in UPDATE_ROLLBACK_FAILED state and can not be updated.")
	if _, err := l.cfn.ContinueUpdateRollback(t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	l.expect("s", "UPDATE_ROLLBACK_FAILED")
	in := &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("s"), ResourcesToSkip: []string{"Stubborn"}}
	if _, err := l.cfn.ContinueUpdateRollback(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	l.expect("s", "UPDATE_ROLLBACK_COMPLETE")
}

func TestAPreviousValueMustBeThere(t *testing.T) {
	l := newLab(t, localaws.Config{})
	const before = `{"Parameters": {"A": {"Type": "String", "Default": "a"}}, "Resources": {"It": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "A"}}}}}`
	const after = `{"Parameters": {"A": {"Type": "String", "Default": "a"}, "B": {"Type": "String", "Default": "b"}}, "Resources": {"It": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "B"}}}}}`
	l.create("s", before, "CREATE_COMPLETE")
	for name, tc := range map[string]struct {
		parameter types.Parameter
		message   string
	}{
		"it was not in the template": {types.Parameter{ParameterKey: aws.String("B"), UsePreviousValue: aws.Bool(true)}, "not in the previous template"},
		"a new one is given, too":    {types.Parameter{ParameterKey: aws.String("A"), UsePreviousValue: aws.Bool(true), ParameterValue: aws.String("x")}, "non empty value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := l.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
				StackName: aws.String("s"), TemplateBody: aws.String(after), Parameters: []types.Parameter{tc.parameter},
			})
			refused(t, err, "ValidationError", tc.message)
		})
	}
}
