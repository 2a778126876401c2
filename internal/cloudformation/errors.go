package cloudformation

import (
	"context"
	"errors"
	"strings"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
)

// What went wrong, told apart with errors.Is; see package awsconfig.
var (
	ErrCredentials           = awsconfig.ErrCredentials
	ErrAccessDenied          = awsconfig.ErrAccessDenied
	ErrThrottled             = awsconfig.ErrThrottled
	ErrUnreachable           = awsconfig.ErrUnreachable
	ErrStackBusy             = awsconfig.ErrStackBusy
	ErrTerminationProtection = awsconfig.ErrTerminationProtection
	ErrNotBootstrapped       = awsconfig.ErrNotBootstrapped
	ErrNotFound              = awsconfig.ErrNotFound
	ErrChangeSetLimit        = awsconfig.ErrChangeSetLimit
	ErrStackInUse            = awsconfig.ErrStackInUse
	ErrElsewhere             = awsconfig.ErrElsewhere
	ErrValidation            = awsconfig.ErrValidation
	ErrParameters            = awsconfig.ErrParameters
	ErrParameterUnknown      = awsconfig.ErrParameterUnknown
	ErrParameterShown        = awsconfig.ErrParameterShown
)

// Error is a failed call; its text is fit for a condition's message.
type Error = awsconfig.Error

// explain says what an error of the SDK means. CloudFormation answers most
// refusals with the one code ValidationError and tells them apart in words
// only, so that here, and only here, words are read.
func (c *Client) explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](awsconfig.Explain(doing, c.target.Credentials, err))
	if !ok {
		return err
	}
	told := *e
	told.Message = strings.Join(strings.Fields(told.Message), " ")
	switch {
	case told.Code == "LimitExceededException" && strings.HasPrefix(told.Message, "ChangeSet limit"):
		told.Kind = ErrChangeSetLimit
		told.Message += ". Delete those that nobody needs (aws cloudformation list-change-sets, delete-change-set); executing any change set of the stack deletes all others"
	case told.Kind == ErrValidation:
		told.Kind = refusal(told.Message)
	}
	seen, _ := ctx.Value(attemptsKey{}).(*attempts)
	if seen != nil && told.Kind == ErrUnreachable && told.Code == "" && seen.throttled && !seen.inFlight {
		told.Kind = ErrThrottled
		told.Message = "AWS throttles the requests; it is tried again later"
	}
	return &told
}

func refusal(message string) *problem.Kind {
	has := func(part string) bool { return strings.Contains(message, part) }
	switch {
	case strings.HasPrefix(message, "Stack") && has("does not exist"):
		return ErrNotFound
	case has("S3 error: The specified key does not exist"):
		return decide.ErrTemplateGone
	case has("TerminationProtection"):
		return ErrTerminationProtection
	case has("already in progress"), has("_IN_PROGRESS state") && !has("REVIEW_IN_PROGRESS"), has("_IN_PROGRESS status") && !has("REVIEW_IN_PROGRESS"):
		return ErrStackBusy
	}
	return ErrValidation
}

// code is AWS's error code, "" if AWS did not answer.
func code(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}
