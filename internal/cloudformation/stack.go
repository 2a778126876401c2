package cloudformation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/internal/decide"
)

// Stack reads a stack by its name or, so that a deleted one is still found,
// by its ARN. A stack that is not there, or not any more, is seen and does not
// exist; but when only another account or region says so of an ARN, nothing is
// seen: ErrElsewhere.
func (c *Client) Stack(ctx context.Context, nameOrARN string) decide.Stack {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	found, err := c.describe(ctx, nameOrARN)
	if errors.Is(err, ErrNotFound) {
		if err := c.wouldKnow(ctx, nameOrARN); err != nil {
			return decide.Stack{Err: err}
		}
		return decide.Stack{Seen: true}
	}
	if err != nil {
		return decide.Stack{Err: err}
	}
	return decide.Stack{
		Seen:                  true,
		Exists:                found.StackStatus != types.StackStatusDeleteComplete,
		ID:                    aws.ToString(found.StackId),
		Name:                  aws.ToString(found.StackName),
		Status:                string(found.StackStatus),
		StatusReason:          aws.ToString(found.StackStatusReason),
		Outputs:               outputs(found),
		TerminationProtection: aws.ToBool(found.EnableTerminationProtection),
		CreatedAt:             aws.ToTime(found.CreationTime),
		UpdatedAt:             updatedAt(found),
	}
}

// describe returns a stack, or ErrNotFound.
func (c *Client) describe(ctx context.Context, nameOrARN string) (*types.Stack, error) {
	doing := "read stack " + shortName(nameOrARN)
	out, err := call(ctx, c, doing, (*cfn.Client).DescribeStacks, &cfn.DescribeStacksInput{StackName: &nameOrARN})
	if err != nil {
		return nil, err
	}
	if len(out.Stacks) == 0 {
		return nil, &Error{Kind: ErrNotFound, Doing: doing, Message: "it does not exist"}
	}
	return &out.Stacks[0], nil
}

// TemplateDigest is the SHA-256 of a stack's template in hex; "" when it cannot
// be told: CloudFormation gives back a question mark for whatever is not ASCII.
func (c *Client) TemplateDigest(ctx context.Context, stackARN string) (string, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	out, err := call(ctx, c, "read the template of stack "+shortName(stackARN), (*cfn.Client).GetTemplate, &cfn.GetTemplateInput{
		StackName: &stackARN, TemplateStage: types.TemplateStageOriginal, // what was sent, before transforms
	})
	if err != nil {
		return "", err
	}
	body := aws.ToString(out.TemplateBody)
	if strings.Contains(body, "?") {
		return "", nil
	}
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:]), nil
}

// Template is the text of the template that a change set would give its stack,
// after transforms; without a change set that of the stack as it is.
func (c *Client) Template(ctx context.Context, stackARN, changeSet string) (string, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	in := &cfn.GetTemplateInput{StackName: &stackARN, TemplateStage: types.TemplateStageProcessed}
	if changeSet != "" {
		in.ChangeSetName = &changeSet
	}
	out, err := call(ctx, c, "read the template of the plan for stack "+shortName(stackARN), (*cfn.Client).GetTemplate, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.TemplateBody), nil
}

func outputs(s *types.Stack) map[string]string {
	if len(s.Outputs) == 0 {
		return nil
	}
	all := make(map[string]string, len(s.Outputs))
	for _, o := range s.Outputs {
		all[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return all
}

func updatedAt(s *types.Stack) time.Time {
	for _, t := range []*time.Time{s.DeletionTime, s.LastUpdatedTime, s.CreationTime} {
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}

// LastOperation returns the request token of the newest event of the stack
// itself, "" when the operation was given none and for a stack that so far has
// only a change set to be reviewed. All events of an operation
// carry its token (CloudFormation's StackEvent.ClientRequestToken), so that
// the newest event of a resource speaks for the stack when the stack's own is
// not among the newest hundred.
func (c *Client) LastOperation(ctx context.Context, stackARN string) (string, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	page, err := c.eventPage(ctx, stackARN, nil)
	if err != nil || len(page.StackEvents) == 0 {
		return "", err
	}
	for _, e := range page.StackEvents {
		switch {
		case reviewed(e):
			return "", nil
		case ofStack(e):
			return aws.ToString(e.ClientRequestToken), nil
		}
	}
	return aws.ToString(page.StackEvents[0].ClientRequestToken), nil
}
