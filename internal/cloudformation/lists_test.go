package cloudformation

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"awscdk.dev/operator/api/v1alpha1"
)

// described is a stack as CloudFormation has it.
func (c cloud) described(t *testing.T, stack string) types.Stack {
	t.Helper()
	out, err := call(t.Context(), c.Client, "read stack", (*cfn.Client).DescribeStacks, &cfn.DescribeStacksInput{StackName: &stack})
	if err != nil {
		t.Fatal(err)
	}
	return out.Stacks[0]
}

// throughStatus is a plan as it comes back out of an object's status.
func throughStatus(t *testing.T, plan v1alpha1.Plan) v1alpha1.Plan {
	t.Helper()
	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var back v1alpha1.Plan
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	return *back.DeepCopy()
}

func TestTheLastTagOfAStackIsRemoved(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one")}})
	for _, step := range []struct {
		name string
		tags map[string]string
	}{
		{"two", map[string]string{"team": "platform", "stage": "prod"}},
		{"one", map[string]string{"team": "platform"}},
		{"none", nil},
	} {
		plan.Tags = step.tags
		stack := c.deploy(t, step.name, plan)
		found := map[string]string{}
		for _, tag := range c.described(t, stack.ID).Tags {
			found[*tag.Key] = *tag.Value
		}
		if !strings.HasSuffix(stack.Status, "_COMPLETE") || len(found) != len(step.tags) {
			t.Errorf("%s: the stack is in %s with the tags %v, want %v", step.name, stack.Status, found, step.tags)
		}
	}
	again := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-again", Token: "op-again", Plan: plan})
	if !again.Empty {
		t.Errorf("the tag is gone and there is still something to change: %+v", again)
	}
}

func TestTopicsAreKeptUnlessTheAppSaysThatThereAreNone(t *testing.T) {
	c := newCloud(t)
	mine := "arn:aws:sns:eu-central-1:123456789012:events"
	plan := c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one")}})
	plan.NotificationARNs = []string{mine}
	c.deploy(t, "set", plan)
	for _, step := range []struct {
		name   string
		topics []string
		want   []string
	}{
		{"absent", nil, []string{mine}},
		{"empty", []string{}, nil},
	} {
		plan := c.plan(t, template{Resources: tree{"Config": parameter("/app/config", step.name)}})
		plan.NotificationARNs = step.topics
		stack := c.deploy(t, step.name, throughStatus(t, plan))
		if diff := cmp.Diff(step.want, c.described(t, stack.ID).NotificationARNs, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}

func TestRollbackTriggersOfAStackStay(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one"), "Errors": alarm("errors")}})
	stack := c.deploy(t, "1", plan)
	trigger := types.RollbackTrigger{Arn: aws.String("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:errors"), Type: aws.String("AWS::CloudWatch::Alarm")}
	_, err := call(t.Context(), c.Client, "add a trigger by hand", (*cfn.Client).UpdateStack, &cfn.UpdateStackInput{
		StackName: &stack.ID, UsePreviousTemplate: aws.Bool(true),
		RollbackConfiguration: &types.RollbackConfiguration{RollbackTriggers: []types.RollbackTrigger{trigger}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.settled(t, stack.ID)
	c.deploy(t, "2", c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "two"), "Errors": alarm("errors")}}))
	found := c.described(t, stack.ID).RollbackConfiguration
	if found == nil || len(found.RollbackTriggers) != 1 || *found.RollbackTriggers[0].Arn != *trigger.Arn {
		t.Errorf("the stack has %+v", found)
	}
}

func TestAHiddenParameterKeepsItsValue(t *testing.T) {
	c := newCloud(t)
	hidden := template{
		Parameters: tree{"Password": tree{"Type": "String", "NoEcho": true, "Default": "none"}},
		Resources:  tree{"Config": parameter("/app/config", ref("Password"))},
		Outputs:    tree{"Value": tree{"Value": tree{"Fn::GetAtt": []string{"Config", "Value"}}}},
	}
	first := c.plan(t, hidden)
	first.Parameters = map[string]string{"Password": "open sesame"}
	c.deploy(t, "1", first)
	hidden.Resources["New"] = topic("new")
	stack := c.deploy(t, "2", c.plan(t, hidden))
	if stack.Outputs["Value"] != "open sesame" {
		t.Errorf("the parameter has become %q", stack.Outputs["Value"])
	}
}
