package controller_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/utils/ptr"
)

type object = map[string]any

func of(kind string, properties object) object {
	return object{"Type": kind, "Properties": properties}
}

func refTo(id string) object { return object{"Ref": id} }

// service is an app with an ECS service behind a listener rule.
func service(image, path string, config object) map[string]any {
	subnet := func(cidr, zone string) object {
		return of("AWS::EC2::Subnet", object{"VpcId": refTo("Network"), "CidrBlock": cidr, "AvailabilityZone": region + zone})
	}
	group := func() object {
		return of("AWS::ElasticLoadBalancingV2::TargetGroup", object{"Port": 80, "Protocol": "HTTP", "TargetType": "ip", "VpcId": refTo("Network")})
	}
	return map[string]any{
		"Network":  of("AWS::EC2::VPC", object{"CidrBlock": "10.0.0.0/16"}),
		"One":      subnet("10.0.0.0/24", "a"),
		"Two":      subnet("10.0.1.0/24", "b"),
		"Balancer": of("AWS::ElasticLoadBalancingV2::LoadBalancer", object{"Subnets": []any{refTo("One"), refTo("Two")}}),
		"Blue":     group(),
		"Green":    group(),
		"Listener": of("AWS::ElasticLoadBalancingV2::Listener", object{
			"LoadBalancerArn": refTo("Balancer"), "Port": 80, "Protocol": "HTTP",
			"DefaultActions": []any{object{"Type": "fixed-response", "FixedResponseConfig": object{"StatusCode": "404"}}},
		}),
		"Rule": of("AWS::ElasticLoadBalancingV2::ListenerRule", object{
			"ListenerArn": refTo("Listener"), "Priority": 1, "Conditions": []any{object{"Field": "path-pattern", "Values": []any{path}}},
			"Actions": []any{object{"Type": "forward", "TargetGroupArn": refTo("Blue")}},
		}),
		"Cluster": of("AWS::ECS::Cluster", object{}),
		"Task":    of("AWS::ECS::TaskDefinition", object{"Family": "web", "ContainerDefinitions": []any{object{"Name": "web", "Image": "web:" + image}}}),
		"Service": of("AWS::ECS::Service", object{
			"Cluster": refTo("Cluster"), "TaskDefinition": refTo("Task"), "DesiredCount": 2, "DeploymentConfiguration": config,
			"LoadBalancers": []any{object{"ContainerName": "web", "ContainerPort": 80, "TargetGroupArn": refTo("Blue"), "AdvancedConfiguration": object{
				"AlternateTargetGroupArn": refTo("Green"), "ProductionListenerRule": refTo("Rule"), "RoleArn": "arn:aws:iam::" + account + ":role/ecs",
			}}},
		}),
	}
}

func blueGreen() object { return object{"Strategy": "BLUE_GREEN"} }

// pausing is blue/green with a pause before traffic moves.
func pausing() object {
	return object{"Strategy": "BLUE_GREEN", "LifecycleHooks": []any{object{
		"TargetType": "PAUSE", "LifecycleStages": []any{"POST_TEST_TRAFFIC_SHIFT"}, "TimeoutConfiguration": object{"TimeoutInMinutes": 60, "Action": "ROLLBACK"},
	}}}
}

// rolledOut is an object of such an app that is deployed.
func (w *world) rolledOut(edit func(*v1alpha1.CdkTsStack)) {
	w.Helper()
	w.commit(service("1", "/", blueGreen()))
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	if edit != nil {
		edit(obj)
	}
	w.create(obj)
	w.untilReady("web")
}

// paused waits until the rollout of an object is paused.
func (w *world) paused(name string) v1alpha1.RolloutStatus {
	w.Helper()
	obj := w.until(name, "its rollout is paused", because("RolloutPaused"))
	if len(obj.Status.Rollouts) != 1 || obj.Status.Rollouts[0].Pause == nil {
		w.Fatalf("the rollouts are %+v", obj.Status.Rollouts)
	}
	return obj.Status.Rollouts[0]
}

func (w *world) order(name, annotation, digest string) {
	w.Helper()
	w.edit(name, fmt.Sprintf(`{"metadata":{"annotations":{%q:%q,%q:"ada",%q:"CHG-1"}}}`, annotation, digest, v1alpha1.ApprovedByAnnotation, v1alpha1.ApproveReasonAnnotation))
}

func (w *world) elb() *elb.Client {
	return elb.New(elb.Options{Region: region, BaseEndpoint: &w.aws.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", "")})
}

// rule is the one listener rule that forwards.
func (w *world) rule() elbtypes.Rule {
	w.Helper()
	listeners, err := w.elb().DescribeListeners(w.Context(), &elb.DescribeListenersInput{})
	w.must(err)
	rules, err := w.elb().DescribeRules(w.Context(), &elb.DescribeRulesInput{ListenerArn: listeners.Listeners[0].ListenerArn})
	w.must(err)
	return rules.Rules[0]
}

// TestAPauseIsApprovedByItsDigest with the real cdk, and asks AWS for nothing of
// rollouts when there is none.
func TestAPauseIsApprovedByItsDigest(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.rolledOut(nil)
	w.commit(service("2", "/", pausing()))
	r := w.paused("web")
	if r.Service != "Service" || r.Kind != v1alpha1.RolloutECS || r.Strategy != "BLUE_GREEN" || r.Stage != "POST_TEST_TRAFFIC_SHIFT" || r.State != v1alpha1.RolloutPaused || *r.Weight != 0 {
		t.Errorf("the rollout is %+v", r)
	}
	contains(t, message(w.get("web")), "awscdk.dev/approve="+r.Pause.Digest, "awscdk.dev/abort="+r.Pause.Digest, "ROLLBACK")
	w.order("web", v1alpha1.ApproveAnnotation, "0123456789abcdef")
	w.until("web", "an approval of something else is refused", func(o *v1alpha1.CdkTsStack) bool {
		return strings.Contains(message(o), "is of something else") && strings.Contains(message(o), r.Pause.Digest)
	})
	if n := w.aws.Succeeded(t, "ContinueServiceDeployment"); n != 0 {
		t.Errorf("%d answers", n)
	}
	w.order("web", v1alpha1.ApproveAnnotation, r.Pause.Digest)
	done := w.until("web", "it is deployed", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && len(o.Status.History) == 2 })
	if got := done.Status.Rollouts[0]; got.State != v1alpha1.RolloutSucceeded || got.Pause.Answer != v1alpha1.PauseContinued || got.Pause.By != "ada" || *got.Weight != 100 {
		data, _ := json.Marshal(got)
		t.Errorf("the rollout ended as %s", data)
	}
	w.onlyOnce("ContinueServiceDeployment", 1)
	contains(t, eventNotes(w, "web"), "RolloutPaused", "ada continued the rollout of Service (BLUE_GREEN) at POST_TEST_TRAFFIC_SHIFT")
	w.nothingToldTwice("web")

	// What ECS has made of the rule since is no drift.
	w.edit("web", `{"spec":{"actions":{"driftDetection":true}}}`)
	checked := w.until("web", "drift is looked for", func(o *v1alpha1.CdkTsStack) bool { return o.Status.LastDriftCheck != nil })
	if checked.Status.DriftDetected {
		t.Errorf("what ECS moves counts as drift: %+v", checked.Status.Drift)
	}
	// Where it forwards to a target group of somebody else, it is.
	rule := w.rule()
	foreign := "arn:aws:elasticloadbalancing:" + region + ":" + account + ":targetgroup/evil/0123456789abcdef"
	_, err := w.elb().ModifyRule(t.Context(), &elb.ModifyRuleInput{RuleArn: rule.RuleArn, Actions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &foreign}}})
	w.must(err)
	w.until("web", "that is drift", func(o *v1alpha1.CdkTsStack) bool { return o.Status.DriftDetected })
}

func TestARolloutIsAbortedAndNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.rolledOut(nil)
	w.commit(service("2", "/", pausing()))
	r := w.paused("web")
	w.order("web", v1alpha1.AbortAnnotation, r.Pause.Digest)
	w.until("web", "the deployment has failed for good", because("RolloutAborted"))
	contains(t, message(w.get("web")), "ada aborted the rollout of Service (BLUE_GREEN) (CHG-1)", "UPDATE_ROLLBACK_COMPLETE", "request a deployment")
	if got := w.get("web").Status.Rollouts[0]; got.State != v1alpha1.RolloutRolledBack || got.Pause.Answer != v1alpha1.PauseRolledBack || got.Pause.By != "ada" {
		t.Errorf("the rollout ended as %+v", got)
	}
	w.onlyOnce("ContinueServiceDeployment", 1)
	time.Sleep(2 * time.Second)
	w.onlyOnce("ExecuteChangeSet", 2)

	// One that is not paused is stopped.
	w.commit(service("3", "/", blueGreen()))
	w.post("/_localaws/rollout", []byte(`{"service": "Service", "stayAt": "BAKE_TIME"}`))
	going := w.until("web", "it bakes", func(o *v1alpha1.CdkTsStack) bool {
		return len(o.Status.Rollouts) == 1 && o.Status.Rollouts[0].Stage == "BAKE_TIME" && o.Status.Rollouts[0].State == v1alpha1.RolloutInProgress
	})
	w.order("web", v1alpha1.AbortAnnotation, going.Status.Rollouts[0].Digest)
	w.until("web", "that is aborted, too", func(o *v1alpha1.CdkTsStack) bool { return because("RolloutAborted")(o) && len(o.Status.History) == 3 })
	w.onlyOnce("StopServiceDeployment", 1)
}

func TestAPauseThatNobodyAnswersIsTold(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.rolledOut(nil)
	w.commit(service("2", "/", pausing()))
	w.paused("web")
	w.post("/_localaws/rollout", []byte(`{"service": "Service", "expirePauses": true}`))
	w.until("web", "the deployment has failed", because("RolloutNotApproved"))
	contains(t, message(w.get("web")), "nobody answered the pause of the rollout of Service (BLUE_GREEN) in time, ECS rolled it back")
	contains(t, eventNotes(w, "web"), "ECS took the action ROLLBACK")
}

// TestLiveTrafficIsNotMovedByAccident: an update that touches a listener rule would
// send requests to where nothing runs any more.
func TestLiveTrafficIsNotMovedByAccident(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.rolledOut(nil)
	w.commit(service("2", "/", blueGreen()))
	w.until("web", "green is live", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && len(o.Status.History) == 2 })
	w.commit(service("2", "/shop", blueGreen()))
	held := w.until("web", "the plan waits", because("TrafficWouldShift"))
	contains(t, message(held), "Rule forwards 100 % to ", "would forward 100 % to ", held.Status.Changes.Digest+" Rule")
	w.onlyOnce("ExecuteChangeSet", 2)
	time.Sleep(2 * time.Second)
	if now := w.get("web"); now.ResourceVersion != held.ResourceVersion {
		t.Error("the object was written while nothing changed")
	}
	w.order("web", v1alpha1.AcknowledgeAnnotation, held.Status.Changes.Digest+" Rule")
	w.until("web", "it is deployed", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && len(o.Status.History) == 3 })
	if to := w.rule().Actions[0].TargetGroupArn; to == nil || !strings.Contains(*to, "Blue") {
		t.Errorf("the rule is %+v", w.rule())
	}
}

// TestWithoutRightsARolloutGoesOn as if nobody looked, which is said once.
func TestWithoutRightsARolloutGoesOn(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.rolledOut(nil)
	for _, of := range []string{"ecs", "elasticloadbalancing"} {
		w.aws.Fault(t, awstest.Fault{Service: of, Code: "AccessDeniedException", Message: "User is not authorized", Status: 400, Count: -1})
	}
	w.commit(service("2", "/", blueGreen()))
	w.until("web", "it is deployed", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && len(o.Status.History) == 2 })
	contains(t, eventNotes(w, "web"), "TrafficNotSeen", "ecs:ListServiceDeployments")

	// Where ECS moves traffic, what cannot be looked at is not touched.
	w.commit(service("2", "/shop", blueGreen()))
	held := w.until("web", "the plan waits", because("TrafficWouldShift"))
	contains(t, message(held), "could not be looked at", "elasticloadbalancing:DescribeRules")
	w.aws.Heal(t)
}

// TestAnAppWithoutRolloutsAsksNothingOfThem.
func TestAnAppWithoutRolloutsAsksNothingOfThem(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	for _, c := range w.aws.Counts(t) {
		if c.Service == "ecs" || c.Service == "elasticloadbalancing" || c.Service == "codedeploy" || c.Action == "ListStackResources" || c.Action == "GetTemplate" {
			t.Errorf("%s:%s was called", c.Service, c.Action)
		}
	}
}

// TestAnAliasThatCodeDeployMovesIsFollowedAndAborted.
func TestAnAliasThatCodeDeployMovesIsFollowedAndAborted(t *testing.T) {
	w := newWorld(t)
	w.manage()
	app := func(version string) map[string]any {
		return map[string]any{
			"Role":     of("AWS::IAM::Role", object{"AssumeRolePolicyDocument": object{"Version": "2012-10-17", "Statement": []any{}}}),
			"Function": of("AWS::Lambda::Function", object{"Runtime": "nodejs22.x", "Handler": "index.handler", "Role": object{"Fn::GetAtt": []any{"Role", "Arn"}}, "Code": object{"ZipFile": "x"}}),
			"Version":  of("AWS::Lambda::Version", object{"FunctionName": refTo("Function"), "Description": version}),
			"App":      of("AWS::CodeDeploy::Application", object{"ComputePlatform": "Lambda"}),
			"Group": of("AWS::CodeDeploy::DeploymentGroup", object{
				"ApplicationName": refTo("App"), "ServiceRoleArn": object{"Fn::GetAtt": []any{"Role", "Arn"}}, "DeploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent5Minutes",
			}),
			"Alias": object{
				"Type":         "AWS::Lambda::Alias",
				"Properties":   object{"FunctionName": refTo("Function"), "FunctionVersion": object{"Fn::GetAtt": []any{"Version", "Version"}}, "Name": "live"},
				"UpdatePolicy": object{"CodeDeployLambdaAliasUpdate": object{"ApplicationName": refTo("App"), "DeploymentGroupName": refTo("Group")}},
			},
		}
	}
	w.commit(app("one"))
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	w.create(obj)
	w.untilReady("web")
	w.post("/_localaws/rollout", []byte(`{"service": "Alias", "stayAt": "Canary"}`))
	w.commit(app("two"))
	going := w.until("web", "the alias is moved", func(o *v1alpha1.CdkTsStack) bool {
		return len(o.Status.Rollouts) == 1 && o.Status.Rollouts[0].Weight != nil
	})
	r := going.Status.Rollouts[0]
	if r.Service != "Alias" || r.Kind != v1alpha1.RolloutLambda || r.Strategy != "CodeDeployDefault.LambdaCanary10Percent5Minutes" || *r.Weight != 10 || !strings.HasPrefix(r.Deployment, "d-") {
		t.Errorf("the rollout is %+v", r)
	}
	w.order("web", v1alpha1.AbortAnnotation, r.Digest)
	w.until("web", "it is aborted", because("RolloutAborted"))
	w.onlyOnce("StopDeployment", 1)
	if got := w.get("web").Status.Rollouts[0]; got.State != v1alpha1.RolloutRolledBack {
		t.Errorf("the rollout ended as %+v", got)
	}
}
