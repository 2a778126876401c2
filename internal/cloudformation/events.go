package cloudformation

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/internal/decide"
)

// clockSkew is by how much our clock and AWS's may differ.
const clockSkew = 5 * time.Minute

// Events reads what a stack's events tell of the operation with the given
// request token, nested stacks included. It reads from the newest event
// backwards and stops where the operation began, or at events older than
// since (zero is no bound), for an operation that did not begin yet.
//
// Done counts each resource once it has reached any final state; a rollback
// does not take that back.
func (c *Client) Events(ctx context.Context, stackARN, token string, since time.Time) decide.Events {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	own, err := c.operationEvents(ctx, stackARN, token, since)
	if err != nil {
		return decide.Events{Err: err}
	}
	story := &story{client: c, budget: maxNested}
	if err := story.add(ctx, own, 0); err != nil {
		return decide.Events{Err: err}
	}
	return decide.Events{
		Seen:      true,
		Started:   len(own) > 0,
		Final:     stackStatus(own),
		Done:      story.done,
		Current:   story.current,
		RootCause: story.rootCause(),
		Rolling:   story.rolling,
	}
}

// stackStatus is the newest status of the stack itself among an operation's
// events, which are newest first.
func stackStatus(own []types.StackEvent) string {
	for _, e := range own {
		if ofStack(e) {
			return string(e.ResourceStatus)
		}
	}
	return ""
}

// operationEvents returns the events of one operation, newest first.
func (c *Client) operationEvents(ctx context.Context, stackARN, token string, since time.Time) ([]types.StackEvent, error) {
	if !since.IsZero() {
		since = since.Add(-clockSkew)
	}
	var own []types.StackEvent
	err := c.eachEvent(ctx, stackARN, func(e types.StackEvent) bool {
		ours := aws.ToString(e.ClientRequestToken) == token && !reviewed(e)
		switch {
		case ours:
			own = append(own, e)
			return !begins(e)
		case len(own) > 0 && ofStack(e):
			return false
		}
		return !aws.ToTime(e.Timestamp).Before(since)
	})
	return own, err
}

// nestedEvents returns the events of a nested stack since its parent began to
// work on it, newest first. They need not carry the parent's token.
func (c *Client) nestedEvents(ctx context.Context, stackARN string, since time.Time) ([]types.StackEvent, error) {
	var own []types.StackEvent
	err := c.eachEvent(ctx, stackARN, func(e types.StackEvent) bool {
		if aws.ToTime(e.Timestamp).Before(since) {
			return false
		}
		own = append(own, e)
		return true
	})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return own, err
}

// eachEvent visits events from the newest on, until visit says no.
func (c *Client) eachEvent(ctx context.Context, stackARN string, visit func(types.StackEvent) bool) error {
	var next *string
	for range maxPages {
		page, err := c.eventPage(ctx, stackARN, next)
		if err != nil {
			return err
		}
		for _, e := range page.StackEvents {
			if !visit(e) {
				return nil
			}
		}
		if next = page.NextToken; next == nil {
			return nil
		}
	}
	return nil
}

func (c *Client) eventPage(ctx context.Context, stackARN string, next *string) (*cfn.DescribeStackEventsOutput, error) {
	doing := "read the events of stack " + shortName(stackARN)
	return call(ctx, c, doing, (*cfn.Client).DescribeStackEvents, &cfn.DescribeStackEventsInput{StackName: &stackARN, NextToken: next})
}

// ofStack is true for events of the stack itself, not of its resources.
func ofStack(e types.StackEvent) bool {
	return e.PhysicalResourceId != nil && aws.ToString(e.PhysicalResourceId) == aws.ToString(e.StackId)
}

// begins is true for the event that an operation begins with. A rollback that
// follows a failure is of the same operation.
func begins(e types.StackEvent) bool {
	if !ofStack(e) {
		return false
	}
	switch e.ResourceStatus {
	case types.ResourceStatusCreateInProgress, types.ResourceStatusUpdateInProgress,
		types.ResourceStatusDeleteInProgress, types.ResourceStatusImportInProgress:
		return true
	}
	return false
}

// reviewed is true for the event of a first change set, which makes an empty
// stack to be reviewed. It is no operation on the stack, even if it should
// carry the token of one.
func reviewed(e types.StackEvent) bool {
	return string(e.ResourceStatus) == string(types.StackStatusReviewInProgress)
}

func inProgress(e types.StackEvent) bool {
	return strings.HasSuffix(string(e.ResourceStatus), "_IN_PROGRESS")
}

func failed(e types.StackEvent) bool {
	return strings.HasSuffix(string(e.ResourceStatus), "_FAILED")
}

// isFinal is true for the status of a resource that is finished with, well or
// not.
func isFinal(e types.StackEvent) bool {
	return e.ResourceStatus != "" && !inProgress(e)
}
