package cloudformation

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Resource is a resource of a stack, or of a stack nested in it.
type Resource struct {
	// LogicalID is led by those of the nested stacks that it is in, each followed
	// by "/".
	LogicalID string
	Type      string
	// PhysicalID is the ARN or the name.
	PhysicalID string
}

// Resources reads the resources of a stack and of its nested stacks that are of
// some types and there.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html
func (c *Client) Resources(ctx context.Context, stackARN string, ofTypes ...string) ([]Resource, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	type place struct{ arn, prefix string }
	var found []Resource
	stacks := []place{{arn: stackARN}}
	for i := 0; i < len(stacks) && i <= maxNested; i++ {
		all, err := c.resources(ctx, stacks[i].arn)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			r.LogicalID = stacks[i].prefix + r.LogicalID
			if r.Type == nestedStackType {
				stacks = append(stacks, place{arn: r.PhysicalID, prefix: r.LogicalID + "/"})
			}
			if slices.Contains(ofTypes, r.Type) {
				found = append(found, r)
			}
		}
	}
	return found, nil
}

// resources reads those of one stack that are there.
func (c *Client) resources(ctx context.Context, stackARN string) ([]Resource, error) {
	var all []Resource
	in := &cfn.ListStackResourcesInput{StackName: &stackARN}
	for range maxPages {
		out, err := call(ctx, c, "list the resources of stack "+shortName(stackARN), (*cfn.Client).ListStackResources, in)
		if err != nil {
			return nil, err
		}
		for _, r := range out.StackResourceSummaries {
			if r.PhysicalResourceId != nil && r.ResourceStatus != types.ResourceStatusDeleteComplete {
				all = append(all, Resource{LogicalID: aws.ToString(r.LogicalResourceId), Type: aws.ToString(r.ResourceType), PhysicalID: *r.PhysicalResourceId})
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return all, nil
}
