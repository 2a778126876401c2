package cloudformation

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"awscdk.dev/operator/internal/awsconfig"
)

// Resource is a resource of a stack that exists.
type Resource struct{ LogicalID, Type, PhysicalID string }

// Resources lists the resources of a stack; those of nested stacks are not among
// them.
func (c *Client) Resources(ctx context.Context, stackARN string) ([]Resource, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	in := &cfn.ListStackResourcesInput{StackName: &stackARN}
	var all []Resource
	for range maxPages {
		page, err := call(ctx, c, "list the resources of stack "+shortName(stackARN), (*cfn.Client).ListStackResources, in)
		if err != nil {
			return nil, err
		}
		for _, r := range page.StackResourceSummaries {
			if id := aws.ToString(r.PhysicalResourceId); id != "" {
				all = append(all, Resource{aws.ToString(r.LogicalResourceId), aws.ToString(r.ResourceType), id})
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	return all, nil
}

// Config is the SDK's configuration of the client, for what else is asked of AWS as
// the same identity, and the credentials that no message may show.
func (c *Client) Config(ctx context.Context) (aws.Config, awsconfig.Credentials, error) {
	api, err := c.apis(ctx)
	if err != nil {
		return aws.Config{}, awsconfig.Credentials{}, err
	}
	return api.cfg, c.target.Credentials, nil
}
