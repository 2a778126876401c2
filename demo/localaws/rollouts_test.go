package localaws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"awscdk.dev/operator/demo/localaws"
	"awscdk.dev/operator/demo/localaws/cloud"
)

// app is a service behind a listener rule. IMAGE, CONDITION and CONFIG are replaced.
const app = `
Resources:
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  One: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.0.0/24, AvailabilityZone: eu-central-1a}}
  Two: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.1.0/24, AvailabilityZone: eu-central-1b}}
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Name: web, Subnets: [!Ref One, !Ref Two]}}
  Blue: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: blue, Port: 80, Protocol: HTTP, TargetType: ip, VpcId: !Ref Network}}
  Green: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: green, Port: 80, Protocol: HTTP, TargetType: ip, VpcId: !Ref Network}}
  Listener: {Type: AWS::ElasticLoadBalancingV2::Listener, Properties: {LoadBalancerArn: !Ref Balancer, Port: 80, Protocol: HTTP, DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}]}}
  Rule: {Type: AWS::ElasticLoadBalancingV2::ListenerRule, Properties: {ListenerArn: !Ref Listener, Priority: 1, Conditions: [{Field: path-pattern, Values: [CONDITION]}], Actions: [{Type: forward, TargetGroupArn: !Ref Blue}]}}
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: errors, ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}}
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: apps}}
  Task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: "web:IMAGE"}]}}
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: 2
      DeploymentConfiguration: CONFIG
      LoadBalancers: [{ContainerName: web, ContainerPort: 80, TargetGroupArn: !Ref Blue, AdvancedConfiguration: {AlternateTargetGroupArn: !Ref Green, ProductionListenerRule: !Ref Rule, RoleArn: "arn:aws:iam::123456789012:role/ecs"}}]
Outputs:
  Rule: {Value: !Ref Rule}
  Service: {Value: !Ref Service}
  Blue: {Value: !Ref Blue}
  Green: {Value: !Ref Green}
`

func appWith(image, condition, config string) string {
	return strings.NewReplacer("IMAGE", image, "CONDITION", condition, "CONFIG", config).Replace(app)
}

const paused = `{Strategy: BLUE_GREEN, BakeTimeInMinutes: 5, Alarms: {AlarmNames: [errors], Enable: true, Rollback: true}, LifecycleHooks: [{TargetType: PAUSE, LifecycleStages: [POST_TEST_TRAFFIC_SHIFT], TimeoutConfiguration: {TimeoutInMinutes: 60, Action: ROLLBACK}}]}`

// rolling is a lab with AWS's clients of what rolls out.
type rolling struct {
	*lab
	ecs *ecs.Client
	elb *elb.Client
	cd  *codedeploy.Client
}

func newRolling(t *testing.T) *rolling {
	t.Helper()
	l := newLab(t, localaws.Config{})
	cfg := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(l.url), Retryer: connectionsOnly,
		Credentials: credentials.NewStaticCredentialsProvider("test", "secret", ""),
	}
	return &rolling{l, ecs.NewFromConfig(cfg), elb.NewFromConfig(cfg), codedeploy.NewFromConfig(cfg)}
}

// begin begins an update of a stack and does not wait for it.
func (r *rolling) begin(name, template string) {
	r.Helper()
	if _, err := r.cfn.UpdateStack(r.Context(), &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &template}); err != nil {
		r.Fatal(err)
	}
}

// until polls until a service deployment of the service is in a state.
func (r *rolling) until(service, what string, holds func(ecstypes.ServiceDeployment) bool) ecstypes.ServiceDeployment {
	r.Helper()
	var last ecstypes.ServiceDeployment
	for range 2000 {
		listed, err := r.ecs.ListServiceDeployments(r.Context(), &ecs.ListServiceDeploymentsInput{Service: &service, Cluster: aws.String("apps")})
		if err != nil {
			r.Fatal(err)
		}
		shown, err := r.ecs.DescribeServiceDeployments(r.Context(), &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*listed.ServiceDeployments[0].ServiceDeploymentArn}})
		if err != nil {
			r.Fatal(err)
		}
		if last = shown.ServiceDeployments[0]; holds(last) {
			return last
		}
		time.Sleep(2 * time.Millisecond)
	}
	r.Fatalf("it did not come about that %s: %s at %s", what, last.Status, last.LifecycleStage)
	return last
}

func waitsForAPerson(d ecstypes.ServiceDeployment) bool {
	return len(d.LifecycleHookDetails) > 0 && d.LifecycleHookDetails[0].Status == ecstypes.DeploymentLifecycleHookStatusAwaitingAction
}

// weights are what a rule forwards to its target groups.
func (r *rolling) weights(rule string) map[string]int32 {
	r.Helper()
	out, err := r.elb.DescribeRules(r.Context(), &elb.DescribeRulesInput{RuleArns: []string{rule}})
	if err != nil {
		r.Fatal(err)
	}
	found := map[string]int32{}
	for _, action := range out.Rules[0].Actions {
		if action.ForwardConfig == nil {
			found[aws.ToString(action.TargetGroupArn)] = 100
			continue
		}
		for _, group := range action.ForwardConfig.TargetGroups {
			found[*group.TargetGroupArn] = aws.ToInt32(group.Weight)
		}
	}
	return found
}

func (r *rolling) outputs(name string) map[string]string {
	found := map[string]string{}
	for _, o := range r.stack(name).Outputs {
		found[*o.OutputKey] = *o.OutputValue
	}
	return found
}

// expectWeights fails the test unless a rule forwards like that.
func (r *rolling) expectWeights(outputs map[string]string, blue, green int32) {
	r.Helper()
	w := r.weights(outputs["Rule"])
	if w[outputs["Blue"]] != blue || w[outputs["Green"]] != green {
		r.Errorf("the rule forwards %v, want blue %d and green %d", w, blue, green)
	}
}

func TestAServiceIsRolledOutBlueGreenAndPauses(t *testing.T) {
	r := newRolling(t)
	r.create("app", appWith("1", "/", "{Strategy: BLUE_GREEN}"), "CREATE_COMPLETE")
	out := r.outputs("app")
	r.expectWeights(out, 100, 0)

	r.begin("app", appWith("2", "/", paused))
	d := r.until(out["Service"], "it pauses", waitsForAPerson)
	if d.Status != ecstypes.ServiceDeploymentStatusInProgress || d.LifecycleStage != ecstypes.ServiceDeploymentLifecycleStagePostTestTrafficShift {
		t.Errorf("it pauses as %s at %s", d.Status, d.LifecycleStage)
	}
	if hook := d.LifecycleHookDetails[0]; hook.TimeoutAction != ecstypes.DeploymentLifecycleHookActionRollback || time.Until(*hook.ExpiresAt) < 59*time.Minute {
		t.Errorf("the pause is %+v", hook)
	}
	if got := string(r.stack("app").StackStatus); got != "UPDATE_IN_PROGRESS" {
		t.Errorf("the stack does not wait: %s", got)
	}
	r.expectWeights(out, 100, 0)
	answer := &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: d.ServiceDeploymentArn, HookId: d.LifecycleHookDetails[0].HookId, Action: ecstypes.DeploymentLifecycleHookActionContinue}
	if _, err := r.ecs.ContinueServiceDeployment(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	r.expect("app", "UPDATE_COMPLETE")
	r.expectWeights(out, 0, 100)
	if _, err := r.ecs.ContinueServiceDeployment(t.Context(), answer); err == nil || !strings.Contains(err.Error(), "not awaiting action") {
		t.Errorf("a pause was continued twice: %v", err)
	}

	// What is in service at the other target group goes back to the first.
	r.update("app", appWith("3", "/", "{Strategy: LINEAR, LinearConfiguration: {StepPercent: 25, StepBakeTimeInMinutes: 1}}"), "UPDATE_COMPLETE")
	r.expectWeights(out, 100, 0)

	// An update that touches the rule resets it, whatever is in service.
	r.update("app", appWith("4", "/", "{Strategy: BLUE_GREEN}"), "UPDATE_COMPLETE")
	r.expectWeights(out, 0, 100)
	r.update("app", appWith("4", "/new", "{Strategy: BLUE_GREEN}"), "UPDATE_COMPLETE")
	if w := r.weights(out["Rule"]); w[out["Blue"]] != 100 || w[out["Green"]] != 0 {
		t.Errorf("the rule forwards %v although the template was applied", w)
	}
}

func TestARolloutThatIsRolledBackFailsTheUpdate(t *testing.T) {
	for name, back := range map[string]func(*rolling, ecstypes.ServiceDeployment){
		"by a person at the pause": func(r *rolling, d ecstypes.ServiceDeployment) {
			_, err := r.ecs.ContinueServiceDeployment(r.Context(), &ecs.ContinueServiceDeploymentInput{
				ServiceDeploymentArn: d.ServiceDeploymentArn, HookId: d.LifecycleHookDetails[0].HookId, Action: ecstypes.DeploymentLifecycleHookActionRollback,
			})
			if err != nil {
				r.Error(err)
			}
		},
		"by a person": func(r *rolling, d ecstypes.ServiceDeployment) {
			_, err := r.ecs.StopServiceDeployment(r.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: d.ServiceDeploymentArn, StopType: ecstypes.StopServiceDeploymentStopTypeRollback})
			if err != nil {
				r.Error(err)
			}
		},
		"by the timeout of the pause": func(r *rolling, d ecstypes.ServiceDeployment) { r.Cloud.ExpirePauses(*d.ServiceArn) },
		"by an alarm": func(r *rolling, _ ecstypes.ServiceDeployment) {
			place := cloud.Place{Account: "123456789012", Region: "eu-central-1"}
			err := r.Cloud.Change(place, "AWS::CloudWatch::Alarm", "errors", func(a *cloud.Resource) error { a.Attrs["StateValue"] = "ALARM"; return nil })
			if err != nil {
				r.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRolling(t)
			r.create("app", appWith("1", "/", "{Strategy: BLUE_GREEN}"), "CREATE_COMPLETE")
			out := r.outputs("app")
			r.begin("app", appWith("2", "/", paused))
			back(r, r.until(out["Service"], "it pauses", waitsForAPerson))
			r.expect("app", "UPDATE_ROLLBACK_COMPLETE")
			d := r.until(out["Service"], "it is over", func(d ecstypes.ServiceDeployment) bool { return d.FinishedAt != nil })
			if d.Status != ecstypes.ServiceDeploymentStatusRollbackSuccessful {
				t.Errorf("it ended as %s", d.Status)
			}
			r.expectWeights(out, 100, 0)
		})
	}
}

// lambda is a function with an alias that CodeDeploy moves.
const lambda = `
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: fn, AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}}}
  Function: {Type: AWS::Lambda::Function, Properties: {FunctionName: fn, Runtime: nodejs22.x, Handler: index.handler, Role: !GetAtt Role.Arn, Code: {ZipFile: "x"}}}
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Function, Description: "VERSION"}}
  App: {Type: AWS::CodeDeploy::Application, Properties: {ComputePlatform: Lambda}}
  Group: {Type: AWS::CodeDeploy::DeploymentGroup, Properties: {ApplicationName: !Ref App, ServiceRoleArn: !GetAtt Role.Arn, DeploymentConfigName: CodeDeployDefault.LambdaCanary10Percent5Minutes}}
  Alias:
    Type: AWS::Lambda::Alias
    Properties: {FunctionName: !Ref Function, FunctionVersion: !GetAtt Version.Version, Name: live}
    UpdatePolicy: {CodeDeployLambdaAliasUpdate: {ApplicationName: !Ref App, DeploymentGroupName: !Ref Group}}
Outputs:
  App: {Value: !Ref App}
  Group: {Value: !Ref Group}
  Alias: {Value: !Ref Alias}
`

var named = []types.Capability{types.CapabilityCapabilityNamedIam}

func TestAnAliasIsMovedByCodeDeploy(t *testing.T) {
	r := newRolling(t)
	version := func(v string) string { return strings.Replace(lambda, "VERSION", v, 1) }
	r.create("fn", version("one"), "CREATE_COMPLETE", func(in *cloudformation.CreateStackInput) { in.Capabilities = named })
	out := r.outputs("fn")
	r.Cloud.Hold(out["Alias"], "Canary")
	move := version("two")
	if _, err := r.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("fn"), TemplateBody: &move, Capabilities: named}); err != nil {
		t.Fatal(err)
	}
	var id string
	for id == "" {
		listed, err := r.cd.ListDeployments(t.Context(), &codedeploy.ListDeploymentsInput{
			ApplicationName: aws.String(out["App"]), DeploymentGroupName: aws.String(out["Group"]), IncludeOnlyStatuses: []cdtypes.DeploymentStatus{cdtypes.DeploymentStatusInProgress},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range listed.Deployments {
			id = found
		}
	}
	targets, err := r.cd.ListDeploymentTargets(t.Context(), &codedeploy.ListDeploymentTargetsInput{DeploymentId: &id})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.cd.BatchGetDeploymentTargets(t.Context(), &codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &id, TargetIds: targets.TargetIds})
	if err != nil {
		t.Fatal(err)
	}
	if info := got.DeploymentTargets[0].LambdaTarget.LambdaFunctionInfo; *info.CurrentVersion != "1" || *info.TargetVersion != "2" || info.TargetVersionWeight != 0.1 {
		t.Errorf("the target is %+v", info)
	}
	if _, err := r.cd.StopDeployment(t.Context(), &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	r.expect("fn", "UPDATE_ROLLBACK_COMPLETE")
	r.Cloud.Hold(out["Alias"], "")
	r.update("fn", version("three"), "UPDATE_COMPLETE", func(in *cloudformation.UpdateStackInput) { in.Capabilities = named })
	info, err := r.cd.GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil || info.DeploymentInfo.Status != cdtypes.DeploymentStatusStopped {
		t.Errorf("the stopped deployment is %+v, %v", info, err)
	}
}
