package localaws_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/demo/localaws"
)

// change is the change of one resource in a change set.
func change(t *testing.T, cs *cloudformation.DescribeChangeSetOutput, logical string) *types.ResourceChange {
	t.Helper()
	for _, c := range cs.Changes {
		if aws.ToString(c.ResourceChange.LogicalResourceId) == logical {
			return c.ResourceChange
		}
	}
	t.Fatalf("no change of %s in %d", logical, len(cs.Changes))
	return nil
}

func TestAChangeSetShowsValuesOnlyWhereTheyAreAskedFor(t *testing.T) {
	l := newLab(t, localaws.Config{})
	topic := func(name, path string) string {
		return `{"Resources": {"T": {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain", "Metadata": {"aws:cdk:path": "` + path + `"}, "Properties": {"DisplayName": "` + name + `"}}}}`
	}
	l.create("s", topic("one", "S/T"), "CREATE_COMPLETE")
	cs := l.changeSet("s", "c", topic("two", "S/Moved/T"), types.ChangeSetTypeUpdate)
	with := change(t, cs, "T")
	for side, want := range map[*string]string{
		with.BeforeContext: `{"DeletionPolicy":"Retain","Metadata":{"aws:cdk:path":"S/T"},"Properties":{"DisplayName":"one"}}`,
		with.AfterContext:  `{"DeletionPolicy":"Retain","Metadata":{"aws:cdk:path":"S/Moved/T"},"Properties":{"DisplayName":"two"}}`,
	} {
		if aws.ToString(side) != want {
			t.Errorf("got %s, want %s", aws.ToString(side), want)
		}
	}
	target := with.Details[0].Target
	if aws.ToString(target.Path) != "/Properties/DisplayName" || aws.ToString(target.BeforeValue) != "one" || aws.ToString(target.AfterValue) != "two" || target.AttributeChangeType != types.AttributeChangeTypeModify {
		t.Errorf("target %+v", target)
	}
	plain, err := l.cfn.DescribeChangeSet(t.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: cs.ChangeSetId})
	if err != nil {
		t.Fatal(err)
	}
	without := change(t, plain, "T")
	if target := without.Details[0].Target; without.BeforeContext != nil || without.AfterContext != nil || target.Path != nil || target.AfterValue != nil || target.AttributeChangeType != "" || aws.ToString(target.Name) != "DisplayName" {
		t.Errorf("values that were not asked for: %+v, %+v", without, target)
	}
}

func TestAChangeSetShowsNoSecrets(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := func(name string) string {
		return `{"Parameters": {"Secret": {"Type": "String", "NoEcho": true}, "Open": {"Type": "String"}}, "Resources": {
			"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "` + name + `", "Type": "String", "Value": {"Fn::Join": ["", ["x-", {"Ref": "Secret"}]]}, "Description": {"Ref": "Open"}}}}}`
	}
	parameters := func(secret, open string) []types.Parameter {
		return []types.Parameter{{ParameterKey: aws.String("Secret"), ParameterValue: &secret}, {ParameterKey: aws.String("Open"), ParameterValue: &open}}
	}
	l.create("s", template("/p"), "CREATE_COMPLETE", func(in *cloudformation.CreateStackInput) { in.Parameters = parameters("hunter2", "seen") })
	cs := l.changeSet("s", "c", template("/p"), types.ChangeSetTypeUpdate, func(in *cloudformation.CreateChangeSetInput) {
		in.Parameters = parameters("hunter3", "seen too")
	})
	text, err := json.Marshal(cs)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter") || !strings.Contains(string(text), "seen too") {
		t.Errorf("the change set shows %s", text)
	}
	var hidden bool
	for _, d := range change(t, cs, "P").Details {
		hidden = hidden || aws.ToString(d.Target.BeforeValue) == "****" && aws.ToString(d.Target.AfterValue) == "****" && aws.ToString(d.CausingEntity) == "Secret"
	}
	if !hidden {
		t.Errorf("the change of the secret is not told: %s", text)
	}
}

func TestReferencesToSecretsStayAsTheyAreInAChangeSet(t *testing.T) {
	l := newLab(t, localaws.Config{})
	const reference = "{{resolve:secretsmanager:db:SecretString:password}}"
	cs := l.changeSet("s", "c", single(`"Value": "`+reference+`"`), types.ChangeSetTypeCreate)
	if got := aws.ToString(change(t, cs, "It").AfterContext); !strings.Contains(got, reference) {
		t.Errorf("shown as %s", got)
	}
	l.execute(cs, "ROLLBACK_COMPLETE")
	if l.happened("s", "It CREATE_FAILED the local AWS does not resolve") != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("s"), "\n"))
	}
}
