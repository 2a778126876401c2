package cloudformation

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// revert is a change set that puts back what drifted, and changes nothing else:
// template, parameters, tags, topics and rollback triggers are those that the
// stack has. It needs neither the template in the bucket nor values of
// parameters. Nested stacks are not in it: with IncludeNestedStacks CloudFormation
// reports changes that nobody made.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
func (c *Client) revert(ctx context.Context, r ChangeSetRequest) (*cfn.CreateChangeSetInput, error) {
	stack, err := c.describe(ctx, r.StackName)
	if err != nil {
		return nil, err
	}
	in := &cfn.CreateChangeSetInput{
		StackName:           &r.StackName,
		ChangeSetName:       &r.Name,
		ClientToken:         &r.Token,
		ChangeSetType:       types.ChangeSetTypeUpdate,
		UsePreviousTemplate: aws.Bool(true),
		DeploymentMode:      types.DeploymentModeRevertDrift,
		Capabilities:        capabilities,
	}
	for _, p := range stack.Parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: p.ParameterKey, UsePreviousValue: aws.Bool(true)})
	}
	return in, nil
}
