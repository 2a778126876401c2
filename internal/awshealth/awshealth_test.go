package awshealth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/awshealth"
	"awscdk.dev/operator/internal/cloudformation"
)

// stack makes a stack with 120 alarms and a target group.
func stack(t *testing.T) (*awstest.Server, *cloudformation.Client, string) {
	t.Helper()
	s := awstest.Start(t, "--speed", "0")
	var template strings.Builder
	template.WriteString("Resources:\n  Web: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {TargetType: ip, Port: 80, Protocol: HTTP, Targets: [{Id: 10.0.0.7}, {Id: 10.0.0.8}]}}\n")
	for i := range 120 {
		fmt.Fprintf(&template, "  Alarm%[1]d: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: alarm-%[1]d, ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}}\n", i)
	}
	client := cloudformation.NewClients(cloudformation.Options{Now: time.Now}).For(cloudformation.Target{
		Credentials: cloudformation.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "verysecretvalue"}, Region: awstest.Region,
	})
	cfg, err := client.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := cfn.NewFromConfig(cfg).CreateStack(t.Context(), &cfn.CreateStackInput{StackName: aws.String("web"), TemplateBody: aws.String(template.String())})
	if err != nil {
		t.Fatal(err)
	}
	awstest.Eventually(t, "the stack is there", func() bool { return client.Stack(t.Context(), *out.StackId).Status == "CREATE_COMPLETE" })
	return s, client, *out.StackId
}

// TestWhatAWSSaysOfAStack is read by its own protocols, as the client's identity,
// and in its turn.
func TestWhatAWSSaysOfAStack(t *testing.T) {
	s, client, id := stack(t)
	owned, err := client.Resources(t.Context(), id, "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::CloudWatch::Alarm")
	if err != nil || len(owned) != 121 {
		t.Fatalf("%d resources, %v", len(owned), err)
	}
	var group string
	names := []string{"no-such-alarm"}
	for _, r := range owned {
		if r.LogicalID == "Web" {
			group = r.PhysicalID
		} else {
			names = append(names, r.PhysicalID)
		}
	}
	cfg, err := client.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	health := awshealth.New(cfg, client.Hidden())
	targets, err := health.Targets(t.Context(), group)
	if err != nil || len(targets) != 2 || targets[0].State != "unused" || targets[0].Reason != "Target.NotInUse" {
		t.Errorf("%+v, %v", targets, err)
	}
	before := time.Now().Add(-time.Second)
	if _, err := cloudwatch.NewFromConfig(cfg).SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("alarm-7"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("too loud")}); err != nil {
		t.Fatal(err)
	}
	alarms, missing, err := health.Alarms(t.Context(), names)
	if err != nil || len(alarms) != 120 || len(missing) != 1 || missing[0] != "no-such-alarm" {
		t.Fatalf("%d alarms, missing %v, %v", len(alarms), missing, err)
	}
	for _, a := range alarms {
		switch {
		case a.Name == "alarm-7" && (a.State != "ALARM" || a.Reason != "too loud" || a.Changed.Before(before)):
			t.Errorf("%+v", a)
		case a.Name != "alarm-7" && a.State != "INSUFFICIENT_DATA":
			t.Errorf("%+v", a)
		}
	}
	if n := s.Succeeded(t, "DescribeAlarms"); n != 2 {
		t.Errorf("%d requests for 121 alarms", n)
	}
}

// TestARightThatIsMissingIsNamed as IAM calls it.
func TestARightThatIsMissingIsNamed(t *testing.T) {
	s, client, _ := stack(t)
	cfg, err := client.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	health := awshealth.New(cfg, client.Hidden())
	s.Fault(t, awstest.Fault{Service: "monitoring", Action: "DescribeAlarms", Code: "AccessDenied", Message: "User: verysecretvalue is not authorized", Status: 403})
	s.Fault(t, awstest.Fault{Service: "elasticloadbalancing", Action: "DescribeTargetHealth", Code: "AccessDenied", Status: 403})
	_, _, err = health.Alarms(t.Context(), []string{"alarm-7"})
	if !errors.Is(err, awsconfig.ErrAccessDenied) || !strings.Contains(err.Error(), "lacks the right cloudwatch:DescribeAlarms") || strings.Contains(err.Error(), "verysecretvalue") {
		t.Errorf("alarms: %v", err)
	}
	_, err = health.Targets(t.Context(), "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/x/1")
	if !errors.Is(err, awsconfig.ErrAccessDenied) || !strings.Contains(err.Error(), "lacks the right elasticloadbalancing:DescribeTargetHealth") {
		t.Errorf("targets: %v", err)
	}
	s.Heal(t)
	_, err = health.Targets(t.Context(), "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/x/1")
	if !errors.Is(err, awsconfig.ErrNotFound) || !strings.Contains(err.Error(), "targetgroup/x/1") {
		t.Errorf("a group that is not there: %v", err)
	}
}

// TestItHasItsTurnWithCloudFormation: one bucket paces all that is asked of an
// account and region.
func TestItHasItsTurnWithCloudFormation(t *testing.T) {
	awstest.Start(t, "--speed", "0")
	client := cloudformation.NewClients(cloudformation.Options{Now: time.Now, Rate: 0.01, Burst: 1}).For(cloudformation.Target{
		Credentials: cloudformation.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "test"}, Region: awstest.Region,
	})
	first, second := cloudformation.InTurn(t.Context(), "first"), cloudformation.InTurn(t.Context(), "second")
	if seen := client.Stack(first, "none"); seen.Err != nil {
		t.Fatal(seen.Err)
	}
	cfg, err := client.Config(second)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = awshealth.New(cfg, client.Hidden()).Alarms(second, []string{"loud"})
	if !errors.Is(err, awsconfig.ErrThrottled) || cloudformation.Wait(second) == 0 {
		t.Errorf("it went at once: %v", err)
	}
}
