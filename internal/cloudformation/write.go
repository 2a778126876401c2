package cloudformation

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Codes of refusals that may mean: done already.
const (
	codeTokenExists     = "TokenAlreadyExistsException"
	codeChangeSetStatus = "InvalidChangeSetStatus"
	codeChangeSetGone   = "ChangeSetNotFound"
)

// Execution says how a change set is executed.
type Execution struct {
	// StackID is the stack's ARN or name.
	StackID string
	// ChangeSet is its name.
	ChangeSet string
	// Token is the request token that the stack's events will carry.
	Token string
	// DisableRollback keeps what was made when something fails.
	DisableRollback bool
}

// ExecuteChangeSet starts the execution; Events tells how it goes. Doing so
// again does nothing: a change set that is no more to be executed is looked
// at, and so are the stack's events, before that counts as an error.
func (c *Client) ExecuteChangeSet(ctx context.Context, x Execution) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	in := &cfn.ExecuteChangeSetInput{StackName: &x.StackID, ChangeSetName: &x.ChangeSet, ClientRequestToken: &x.Token}
	if x.DisableRollback {
		in.DisableRollback = aws.Bool(true)
	}
	doing := "execute change set " + x.ChangeSet + " of stack " + shortName(x.StackID)
	_, err := call(ctx, c, doing, (*cfn.Client).ExecuteChangeSet, in)
	switch {
	case err == nil || code(err) == codeTokenExists:
		return nil
	case code(err) == codeChangeSetStatus && c.executed(ctx, x):
		return nil
	case code(err) == codeChangeSetStatus || errors.Is(err, ErrNotFound) || errors.Is(err, ErrStackBusy):
		return c.unlessOurs(ctx, x.StackID, x.Token, err)
	}
	return err
}

func (c *Client) executed(ctx context.Context, x Execution) bool {
	switch types.ExecutionStatus(c.ChangeSet(ctx, x.StackID, x.ChangeSet).ExecutionStatus) {
	case types.ExecutionStatusExecuteInProgress, types.ExecutionStatusExecuteComplete, types.ExecutionStatusExecuteFailed:
		return true
	}
	return false
}

// unlessOurs drops an error when the stack's newest operation is the one that
// was asked for: then it was asked for before.
func (c *Client) unlessOurs(ctx context.Context, stack, token string, err error) error {
	if last, lookErr := c.LastOperation(ctx, stack); lookErr == nil && last == token {
		return nil
	}
	return err
}

// DeleteChangeSet deletes a change set; one that is gone, or whose stack is,
// was deleted before, if the client would know. ErrStackBusy means that it is being created or executed.
func (c *Client) DeleteChangeSet(ctx context.Context, stack, name string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	doing := "delete change set " + name + " of stack " + shortName(stack)
	_, err := call(ctx, c, doing, (*cfn.Client).DeleteChangeSet, &cfn.DeleteChangeSetInput{StackName: &stack, ChangeSetName: &name})
	if errors.Is(err, ErrNotFound) {
		return c.wouldKnow(ctx, stack)
	}
	if code(err) == codeChangeSetStatus {
		busy, _ := errors.AsType[*Error](err)
		return &Error{Kind: ErrStackBusy, Doing: doing, Code: busy.Code, Message: busy.Message, Err: busy.Err}
	}
	return err
}

// DeleteStack starts the deletion of a stack, by its ARN, so that a stack
// which took the name later is left alone. One that is gone was deleted
// before. The roleARN is handed to CloudFormation, "" for the one that the
// stack was last operated with. ErrTerminationProtection is a refusal.
func (c *Client) DeleteStack(ctx context.Context, stackARN, token, roleARN string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	in := &cfn.DeleteStackInput{StackName: &stackARN, ClientRequestToken: &token}
	if roleARN != "" {
		in.RoleARN = &roleARN
	}
	_, err := call(ctx, c, "delete stack "+shortName(stackARN), (*cfn.Client).DeleteStack, in)
	if errors.Is(err, ErrNotFound) || code(err) == codeTokenExists {
		return nil
	}
	return err
}

// DeleteEmptyStack starts the deletion of a stack that is still in
// REVIEW_IN_PROGRESS and holds nothing but change sets that are the caller's
// own. ErrStackInUse is the refusal for any other: somebody has deployed into it
// or is about to.
//
// CloudFormation has no deletion on a condition. Only an existing change set
// can be executed, and making one takes longer than is between the look and
// the deletion: where AWS lets us list the change sets, nobody can come
// between. Where it does not, since the CDK's deploy role may not, what could be
// hit is a creation that began in that moment. The deletion is not repeated by
// the SDK: the caller looks again first.
func (c *Client) DeleteEmptyStack(ctx context.Context, stackARN, token, roleARN string, own func(changeSet string) bool) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	doing := "delete stack " + shortName(stackARN)
	strangers, err := c.strangers(ctx, stackARN, own)
	if err != nil && !errors.Is(err, ErrAccessDenied) && !errors.Is(err, ErrNotFound) {
		return err
	}
	if len(strangers) > 0 {
		return &Error{Kind: ErrStackInUse, Doing: doing, Message: "it holds change sets of somebody else: " + strangers[0]}
	}
	stack, err := c.describe(ctx, stackARN)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case stack.StackStatus == types.StackStatusDeleteInProgress || stack.StackStatus == types.StackStatusDeleteComplete:
		return nil
	case stack.StackStatus != types.StackStatusReviewInProgress:
		return &Error{Kind: ErrStackInUse, Doing: doing, Message: fmt.Sprintf("somebody else has deployed into it (%s)", stack.StackStatus)}
	}
	in := &cfn.DeleteStackInput{StackName: &stackARN, ClientRequestToken: &token}
	if roleARN != "" {
		in.RoleARN = &roleARN
	}
	_, err = call(ctx, c, doing, once((*cfn.Client).DeleteStack), in)
	if errors.Is(err, ErrNotFound) || code(err) == codeTokenExists {
		return nil
	}
	return err
}

// strangers names the change sets of a stack that are not own.
func (c *Client) strangers(ctx context.Context, stackARN string, own func(string) bool) ([]string, error) {
	var found []string
	in := &cfn.ListChangeSetsInput{StackName: &stackARN}
	for range maxPages {
		page, err := call(ctx, c, "list the change sets of stack "+shortName(stackARN), (*cfn.Client).ListChangeSets, in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Summaries {
			if name := aws.ToString(s.ChangeSetName); !own(name) {
				found = append(found, name)
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	return found, nil
}

// once is an operation that the SDK does not repeat when it fails.
func once[In, Out any](op operation[In, Out]) operation[In, Out] {
	return func(api *cfn.Client, ctx context.Context, in *In, options ...func(*cfn.Options)) (*Out, error) {
		return op(api, ctx, in, append(options, func(o *cfn.Options) { o.Retryer = aws.NopRetryer{} })...)
	}
}

// ContinueUpdateRollback goes on with a rollback that failed, without the
// resources that are to be skipped. Doing so again does nothing.
func (c *Client) ContinueUpdateRollback(ctx context.Context, stackARN, token, roleARN string, skip []string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	in := &cfn.ContinueUpdateRollbackInput{StackName: &stackARN, ClientRequestToken: &token, ResourcesToSkip: skip}
	if roleARN != "" {
		in.RoleARN = &roleARN
	}
	_, err := call(ctx, c, "continue the rollback of stack "+shortName(stackARN), (*cfn.Client).ContinueUpdateRollback, in)
	if err == nil || code(err) == codeTokenExists {
		return nil
	}
	if errors.Is(err, ErrValidation) || errors.Is(err, ErrStackBusy) {
		return c.unlessOurs(ctx, stackARN, token, err)
	}
	return err
}

// SetTerminationProtection turns the protection on or off; that it was so
// already is no error.
func (c *Client) SetTerminationProtection(ctx context.Context, stackARN string, on bool) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	doing := "set termination protection of stack " + shortName(stackARN)
	_, err := call(ctx, c, doing, (*cfn.Client).UpdateTerminationProtection, &cfn.UpdateTerminationProtectionInput{
		StackName:                   &stackARN,
		EnableTerminationProtection: &on,
	})
	return err
}
