package rollouts

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const service = `{"Resources": {
	"Service": {"Type": "AWS::ECS::Service", "Properties": {"LoadBalancers": [{"TargetGroupArn": {"Ref": "Blue"}, "AdvancedConfiguration": {
		"AlternateTargetGroupArn": {"Ref": "Green"}, "ProductionListenerRule": {"Fn::GetAtt": ["Rule", "RuleArn"]}, "TestListenerRule": {"Ref": "Test"}}}]}},
	"Plain": {"Type": "AWS::ECS::Service", "Properties": {"LoadBalancers": [{"TargetGroupArn": "tg"}]}},
	"Alias": {"Type": "AWS::Lambda::Alias", "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {"ApplicationName": {"Ref": "App"}, "DeploymentGroupName": "group"}}},
	"Computed": {"Type": "AWS::Lambda::Alias", "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {"ApplicationName": {"Ref": "App"}, "DeploymentGroupName": {"Fn::Sub": "x"}}}},
	"Simple": {"Type": "AWS::Lambda::Alias"}}}`

var physical = map[string]string{"Blue": "blue-arn", "Green": "green-arn", "Rule": "rule-arn", "Test": "test-arn", "App": "my-app"}

func TestWhatMovesTrafficIsReadFromTheTemplate(t *testing.T) {
	want := map[string][]string{"rule-arn": {"blue-arn", "green-arn"}, "test-arn": {"blue-arn", "green-arn"}}
	if diff := cmp.Diff(want, Managed(service, physical)); diff != "" {
		t.Error(diff)
	}
	if got := Managed("Resources:\n  A: !Ref B\n", physical); len(got) != 0 {
		t.Errorf("of a template in YAML: %v", got)
	}
	for alias, want := range map[string]Application{"Alias": {"my-app", "group"}, "Computed": {}, "Simple": {}, "Missing": {}} {
		if got := ApplicationOf(service, alias, physical); got != want {
			t.Errorf("%s is moved by %+v, want %+v", alias, got, want)
		}
	}
}

func TestTheClusterIsInTheNameOfAService(t *testing.T) {
	if got := clusterOf("arn:aws:ecs:us-east-1:111122223333:service/apps/web"); got == nil || *got != "apps" {
		t.Errorf("it is %v", got)
	}
	if got := clusterOf("arn:aws:ecs:us-east-1:111122223333:service/web"); got != nil {
		t.Errorf("an ARN of the old form names %s", *got)
	}
}
