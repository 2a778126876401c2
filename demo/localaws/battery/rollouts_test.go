package battery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const rolloutTemplate = `
Resources:
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  One: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.0.0/24, AvailabilityZone: eu-central-1a}}
  Two: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.1.0/24, AvailabilityZone: eu-central-1b}}
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Name: web, Subnets: [!Ref One, !Ref Two]}}
  Blue: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: blue, Port: 80, Protocol: HTTP, TargetType: ip, VpcId: !Ref Network}}
  Green: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: green, Port: 80, Protocol: HTTP, TargetType: ip, VpcId: !Ref Network}}
  Listener: {Type: AWS::ElasticLoadBalancingV2::Listener, Properties: {LoadBalancerArn: !Ref Balancer, Port: 80, Protocol: HTTP, DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}]}}
  Rule: {Type: AWS::ElasticLoadBalancingV2::ListenerRule, Properties: {ListenerArn: !Ref Listener, Priority: 1, Conditions: [{Field: path-pattern, Values: ["/"]}], Actions: [{Type: forward, TargetGroupArn: !Ref Blue}]}}
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: apps}}
  Task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: "web:IMAGE"}]}}
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DeploymentConfiguration: {Strategy: BLUE_GREEN HOOKS}
      LoadBalancers: [{ContainerName: web, ContainerPort: 80, TargetGroupArn: !Ref Blue, AdvancedConfiguration: {AlternateTargetGroupArn: !Ref Green, ProductionListenerRule: !Ref Rule, RoleArn: "arn:aws:iam::123456789012:role/ecs"}}]
Outputs: {Rule: {Value: !Ref Rule}}
`

// TestAWSCLIFollowsARollout has the aws CLI answer a pause and look at what ECS does.
func TestAWSCLIFollowsARollout(t *testing.T) {
	t.Parallel()
	s := newStage(t).withAWS()
	template := func(image, hooks string) {
		text := strings.NewReplacer("IMAGE", image, " HOOKS", hooks).Replace(rolloutTemplate)
		if err := os.WriteFile(filepath.Join(s.folder, "template.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	until := func(want string, args ...string) string {
		t.Helper()
		for range 30 {
			if out := strings.TrimSpace(s.cli("", args...)); strings.HasPrefix(out, want) && out != "None" {
				return out
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatalf("aws %s never said %s", strings.Join(args, " "), want)
		return ""
	}
	template("1", "")
	s.cli("", "cloudformation", "create-stack", "--stack-name", "web", "--template-body", "file://template.yaml")
	s.settle("web", "CREATE_COMPLETE")
	template("2", ", LifecycleHooks: [{TargetType: PAUSE, LifecycleStages: [POST_TEST_TRAFFIC_SHIFT]}]")
	s.cli("", "cloudformation", "update-stack", "--stack-name", "web", "--template-body", "file://template.yaml")

	deployment := until("arn:", "ecs", "list-service-deployments", "--cluster", "apps", "--service", "web", "--status", "IN_PROGRESS",
		"--query", "serviceDeployments[0].serviceDeploymentArn", "--output", "text")
	hook := until("ecs-pause-", "ecs", "describe-service-deployments", "--service-deployment-arns", deployment,
		"--query", "serviceDeployments[0].lifecycleHookDetails[?status=='AWAITING_ACTION'].hookId | [0]", "--output", "text")
	s.cli("POST_TEST_TRAFFIC_SHIFT", "ecs", "describe-service-deployments", "--service-deployment-arns", deployment, "--output", "text")
	s.cli(deployment, "ecs", "describe-services", "--cluster", "apps", "--services", "web")
	s.cli("UPDATE_IN_PROGRESS", "cloudformation", "describe-stacks", "--stack-name", "web")
	s.cli(deployment, "ecs", "continue-service-deployment", "--service-deployment-arn", deployment, "--hook-id", hook, "--action", "CONTINUE")
	s.settle("web", "UPDATE_COMPLETE")
	s.cli("SUCCESSFUL", "ecs", "describe-service-deployments", "--service-deployment-arns", deployment)

	rule := strings.TrimSpace(s.cli("", "cloudformation", "describe-stacks", "--stack-name", "web", "--query", "Stacks[0].Outputs[0].OutputValue", "--output", "text"))
	weights := s.cli("", "elbv2", "describe-rules", "--rule-arns", rule, "--query", "Rules[0].Actions[0].ForwardConfig.TargetGroups[].[TargetGroupArn,Weight]", "--output", "text")
	if !strings.Contains(weights, "targetgroup/green/") || strings.Index(weights, "100") > strings.Index(weights, "blue") {
		t.Errorf("the rule forwards\n%s", weights)
	}
	s.detectDrift("web")
	drifts := s.cli("", "cloudformation", "describe-stack-resource-drifts", "--stack-name", "web", "--output", "text",
		"--query", "StackResourceDrifts[?StackResourceDriftStatus!='IN_SYNC'].[LogicalResourceId,PropertyDifferences[].PropertyPath]")
	if want := "Rule\n/Actions/0/ForwardConfig\t/Actions/0/TargetGroupArn\n"; drifts != want {
		t.Errorf("drift:\n%swant:\n%s", drifts, want)
	}
}
