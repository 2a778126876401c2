package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/internal/decide"
)

const (
	// maxPages bounds every paged read.
	maxPages = 50
	// maxNested bounds how many nested stacks one read looks into, and
	// maxNestedChangeSets how many of their change sets a plan is read from.
	maxNested           = 25
	maxNestedChangeSets = 100
)

// nothingToChange is how CloudFormation says that a change set failed since it
// is empty: without and with a transform in the template. The CDK's CLI reads
// the same two sentences.
var nothingToChange = []string{
	"The submitted information didn't contain changes.",
	"No updates are to be performed.",
}

// ChangeSet reads a change set and what it does to resources, nested stacks
// included. One that is not there, like its stack, is seen and does not exist.
func (c *Client) ChangeSet(ctx context.Context, stack, name string) decide.ChangeSet {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	in, first, seen := c.changeSet(ctx, stack, name)
	if !seen.Exists || first.Status == types.ChangeSetStatusFailed && !seen.Empty {
		return seen
	}
	found := changes{client: c, budget: maxNestedChangeSets, room: maxValues}
	if err := found.read(ctx, in, first, ""); err != nil {
		return decide.ChangeSet{Err: err}
	}
	seen.Changes, seen.Unseen, seen.NoValues = found.list, found.unseen, found.noValues
	return seen
}

// ChangeSetState is ChangeSet without the changes, which one that is being
// executed need not tell again.
func (c *Client) ChangeSetState(ctx context.Context, stack, name string) decide.ChangeSet {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	_, _, seen := c.changeSet(ctx, stack, name)
	return seen
}

// changeSet reads the first page of a change set. It is read without the values
// of properties: with them CloudFormation leaves out the resources, and details
// of resources, whose values it cannot show. See aws-cdk-cli#1780 and #2036.
func (c *Client) changeSet(ctx context.Context, stack, name string) (*cfn.DescribeChangeSetInput, *cfn.DescribeChangeSetOutput, decide.ChangeSet) {
	in := &cfn.DescribeChangeSetInput{ChangeSetName: &name}
	if stack != "" {
		in.StackName = &stack
	}
	first, err := c.changeSetPage(ctx, in)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, decide.ChangeSet{Seen: true}
	}
	if err != nil {
		return nil, nil, decide.ChangeSet{Err: err}
	}
	seen := decide.ChangeSet{
		Seen:            true,
		Exists:          first.Status != types.ChangeSetStatusDeleteComplete,
		ID:              aws.ToString(first.ChangeSetId),
		StackID:         aws.ToString(first.StackId),
		Status:          string(first.Status),
		ExecutionStatus: string(first.ExecutionStatus),
		Reason:          aws.ToString(first.StatusReason),
		Empty:           isEmpty(first),
	}
	if first.Status == types.ChangeSetStatusFailed && !seen.Empty {
		seen.Reason += c.validationFailures(ctx, first)
	}
	return in, first, seen
}

func isEmpty(s *cfn.DescribeChangeSetOutput) bool {
	if s.Status != types.ChangeSetStatusFailed {
		return false
	}
	for _, sentence := range nothingToChange {
		if strings.HasPrefix(aws.ToString(s.StatusReason), sentence) {
			return true
		}
	}
	return false
}

func (c *Client) changeSetPage(ctx context.Context, in *cfn.DescribeChangeSetInput) (*cfn.DescribeChangeSetOutput, error) {
	doing := "read change set " + shortName(aws.ToString(in.ChangeSetName))
	return call(ctx, c, doing, (*cfn.Client).DescribeChangeSet, in)
}

// validationFailures is what CloudFormation's validation before deployment
// found, when the reason of the failure only refers to it. It is an addition
// to a message: that it cannot be read is no error.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
func (c *Client) validationFailures(ctx context.Context, s *cfn.DescribeChangeSetOutput) string {
	if !strings.Contains(aws.ToString(s.StatusReason), "EarlyValidation") {
		return ""
	}
	out, err := call(ctx, c, "read validation results", (*cfn.Client).DescribeEvents, &cfn.DescribeEventsInput{
		ChangeSetName: s.ChangeSetId,
		Filters:       &types.EventFilter{FailedEvents: aws.Bool(true)},
	})
	if err != nil {
		return ""
	}
	var text strings.Builder
	for _, e := range out.OperationEvents[:min(len(out.OperationEvents), 5)] {
		if reason := aws.ToString(e.ValidationStatusReason); reason != "" {
			fmt.Fprintf(&text, " %s: %s.", aws.ToString(e.LogicalResourceId), strings.TrimSuffix(reason, "."))
		}
	}
	return text.String()
}
