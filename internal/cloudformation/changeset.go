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
	// maxNested bounds how many nested stacks one read looks into.
	maxNested = 25
)

// nothingToChange is how CloudFormation says that a change set failed since it
// is empty: without and with a transform in the template. The CDK's CLI reads
// the same two sentences.
var nothingToChange = []string{
	"The submitted information didn't contain changes.",
	"No updates are to be performed.",
}

// ChangeSet reads a change set and counts what it touches, nested stacks
// included. One that is not there, like its stack, is seen and does not exist.
func (c *Client) ChangeSet(ctx context.Context, stack, name string) decide.ChangeSet {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	in := &cfn.DescribeChangeSetInput{ChangeSetName: &name}
	if stack != "" {
		in.StackName = &stack
	}
	first, err := c.changeSetPage(ctx, in)
	if errors.Is(err, ErrNotFound) {
		return decide.ChangeSet{Seen: true}
	}
	if err != nil {
		return decide.ChangeSet{Err: err}
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
		return seen
	}
	budget := maxNested
	if seen.Changes, err = c.countChanges(ctx, in, first, &budget); err != nil {
		return decide.ChangeSet{Err: err}
	}
	return seen
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

// countChanges counts the resources of a change set whose first page was read
// already, and those of the change sets of nested stacks, while the budget of
// them lasts.
func (c *Client) countChanges(ctx context.Context, in *cfn.DescribeChangeSetInput, page *cfn.DescribeChangeSetOutput, budget *int) (int, error) {
	count := 0
	for range maxPages {
		for _, change := range page.Changes {
			n, err := c.countChange(ctx, change.ResourceChange, budget)
			if err != nil {
				return 0, err
			}
			count += n
		}
		if page.NextToken == nil {
			return count, nil
		}
		next := *in
		next.NextToken = page.NextToken
		var err error
		if page, err = c.changeSetPage(ctx, &next); err != nil {
			return 0, err
		}
	}
	return count, nil
}

func (c *Client) countChange(ctx context.Context, change *types.ResourceChange, budget *int) (int, error) {
	if change == nil {
		return 0, nil
	}
	if change.ChangeSetId == nil || *budget <= 0 {
		return 1, nil
	}
	*budget--
	in := &cfn.DescribeChangeSetInput{ChangeSetName: change.ChangeSetId}
	page, err := c.changeSetPage(ctx, in)
	if errors.Is(err, ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	nested, err := c.countChanges(ctx, in, page, budget)
	return nested + 1, err
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
