package localaws_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"awscdk.dev/operator/demo/localaws"
	"awscdk.dev/operator/demo/localaws/cfn"
)

const twoParameters = `{"Resources": {
	"A": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/a", "Type": "String", "Value": "1"}},
	"B": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/b", "Type": "String", "Value": "1"}},
	"M": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "x"}}}}`

// drift runs a drift check and returns the stack's status and each resource's.
func (l *lab) drift(name string) (types.StackDriftStatus, map[string]types.StackResourceDrift) {
	l.Helper()
	started, err := l.cfn.DetectStackDrift(l.Context(), &cloudformation.DetectStackDriftInput{StackName: &name})
	if err != nil {
		l.Fatal(err)
	}
	var status *cloudformation.DescribeStackDriftDetectionStatusOutput
	for range 5000 {
		status, err = l.cfn.DescribeStackDriftDetectionStatus(l.Context(), &cloudformation.DescribeStackDriftDetectionStatusInput{StackDriftDetectionId: started.StackDriftDetectionId})
		if err != nil {
			l.Fatal(err)
		}
		if status.DetectionStatus != types.StackDriftDetectionStatusDetectionInProgress {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	out, err := l.cfn.DescribeStackResourceDrifts(l.Context(), &cloudformation.DescribeStackResourceDriftsInput{StackName: &name})
	if err != nil {
		l.Fatal(err)
	}
	found := map[string]types.StackResourceDrift{}
	for _, d := range out.StackResourceDrifts {
		found[*d.LogicalResourceId] = d
	}
	return status.StackDriftStatus, found
}

func (l *lab) hack(name, value string) {
	l.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)}
	if _, err := l.ssm.PutParameter(l.Context(), in); err != nil {
		l.Fatal(err)
	}
}

func TestDriftNamesPropertyAndValues(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", twoParameters, "CREATE_COMPLETE")
	if status, found := l.drift("s"); status != types.StackDriftStatusInSync || len(found) != 2 {
		t.Fatalf("new stack is %s with %d checked resources", status, len(found))
	}
	l.hack("/a", "hacked")
	if _, err := l.ssm.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("/b")}); err != nil {
		t.Fatal(err)
	}
	status, found := l.drift("s")
	if status != types.StackDriftStatusDrifted || found["A"].StackResourceDriftStatus != types.StackResourceDriftStatusModified ||
		found["B"].StackResourceDriftStatus != types.StackResourceDriftStatusDeleted {
		t.Fatalf("status %s, found %+v", status, found)
	}
	d := found["A"].PropertyDifferences[0]
	if *d.PropertyPath != "/Value" || *d.ExpectedValue != "1" || *d.ActualValue != "hacked" || d.DifferenceType != types.DifferenceTypeNotEqual {
		t.Errorf("difference = %+v", d)
	}
	if got := l.stack("s").DriftInformation.StackDriftStatus; got != types.StackDriftStatusDrifted {
		t.Errorf("the stack says %s", got)
	}
}

func TestChangeSetCanRevertDrift(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", twoParameters, "CREATE_COMPLETE")
	l.hack("/a", "hacked")
	if _, err := l.ssm.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("/b")}); err != nil {
		t.Fatal(err)
	}
	cs := l.changeSet("s", "back", twoParameters, types.ChangeSetTypeUpdate, func(in *cloudformation.CreateChangeSetInput) {
		in.DeploymentMode = types.DeploymentModeRevertDrift
	})
	if len(cs.Changes) != 2 || cs.Changes[0].ResourceChange.ResourceDriftStatus != types.StackResourceDriftStatusModified {
		t.Fatalf("changes = %+v", cs.Changes)
	}
	l.execute(cs, "UPDATE_COMPLETE")
	if a, b := l.parameter("/a"), l.parameter("/b"); a != "1" || b != "1" {
		t.Errorf("/a = %q, /b = %q", a, b)
	}
	if status, _ := l.drift("s"); status != types.StackDriftStatusInSync {
		t.Errorf("stack is %s afterwards", status)
	}
}

func TestOrdinaryUpdateLeavesDriftAlone(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", twoParameters, "CREATE_COMPLETE")
	l.hack("/a", "hacked")
	cs := l.changeSet("s", "same", twoParameters, types.ChangeSetTypeUpdate)
	if cs.Status != types.ChangeSetStatusFailed {
		t.Errorf("change set is %s, want no changes", cs.Status)
	}
}

const unreadable = `{"Resources": {
	"A": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/a", "Type": "String", "Value": "1"}},
	"H": {"Type": "Local::Test::Resource", "Properties": {"FailOn": "Drift", "Message": "not readable"}}}}`

func TestDriftOfWhatCannotBeReadIsUnknown(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", unreadable, "CREATE_COMPLETE")
	status, found := l.drift("s")
	hidden := found["H"]
	if status != types.StackDriftStatusUnknown || hidden.StackResourceDriftStatus != types.StackResourceDriftStatusUnknown ||
		aws.ToString(hidden.DriftStatusReason) != "not readable" {
		t.Errorf("stack %s, resource %+v", status, hidden)
	}
	l.hack("/a", "hacked")
	if status, _ = l.drift("s"); status != types.StackDriftStatusDrifted {
		t.Errorf("with a drifted resource the stack is %s", status)
	}
}

// AWS's change sets that revert drift are known to show what nobody changed, and
// to leave out what somebody did.
func TestRevertsOfDriftGoWrongOnDemand(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", twoParameters, "CREATE_COMPLETE")
	l.hack("/a", "hacked")
	revert := func(in *cloudformation.CreateChangeSetInput) { in.DeploymentMode = types.DeploymentModeRevertDrift }
	odd := func(o cfn.OddRevert) {
		t.Helper()
		if err := l.CloudFormation.SetOddRevert("s", o); err != nil {
			t.Fatal(err)
		}
	}
	odd(cfn.OddRevert{LogicalID: "B", How: "Phantom", Property: "Value", Replacement: true})
	cs := l.changeSet("s", "phantom", twoParameters, types.ChangeSetTypeUpdate, revert)
	if len(cs.Changes) != 2 || cs.Changes[1].ResourceChange.Replacement != types.ReplacementTrue {
		t.Errorf("with a phantom: %+v", cs.Changes)
	}
	odd(cfn.OddRevert{LogicalID: "B"})
	odd(cfn.OddRevert{LogicalID: "A", How: "LeftOut"})
	if cs := l.changeSet("s", "left-out", twoParameters, types.ChangeSetTypeUpdate, revert); cs.Status != types.ChangeSetStatusFailed {
		t.Errorf("with all left out the change set is %s", cs.Status)
	}
	odd(cfn.OddRevert{LogicalID: "A", How: "Ineffective"})
	l.execute(l.changeSet("s", "ineffective", twoParameters, types.ChangeSetTypeUpdate, revert), "UPDATE_COMPLETE")
	if a := l.parameter("/a"); a != "hacked" {
		t.Errorf("/a = %q after a revert that has no effect", a)
	}
}
