package cloudformation

import (
	"context"
	"errors"

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
// was deleted before. ErrStackBusy means that it is being created or executed.
func (c *Client) DeleteChangeSet(ctx context.Context, stack, name string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	doing := "delete change set " + name + " of stack " + shortName(stack)
	_, err := call(ctx, c, doing, (*cfn.Client).DeleteChangeSet, &cfn.DeleteChangeSetInput{StackName: &stack, ChangeSetName: &name})
	if errors.Is(err, ErrNotFound) {
		return nil
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

// ContinueUpdateRollback goes on with a rollback that failed. Doing so again
// does nothing.
func (c *Client) ContinueUpdateRollback(ctx context.Context, stackARN, token, roleARN string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	in := &cfn.ContinueUpdateRollbackInput{StackName: &stackARN, ClientRequestToken: &token}
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
