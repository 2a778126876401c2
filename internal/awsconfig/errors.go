package awsconfig

import "awscdk.dev/operator/internal/problem"

// The problems of AWS, told apart with errors.Is.
var (
	// ErrCredentials: AWS does not accept who we say we are.
	ErrCredentials = problem.CredentialsInvalid
	// ErrAccessDenied: AWS knows us and does not let us.
	ErrAccessDenied = problem.Declare("AccessDenied", problem.Retries)
	// ErrRole: a role that an object names cannot be assumed.
	ErrRole = problem.Declare("RoleNotAssumable", problem.Waits)
	// ErrThrottled: too many requests, by AWS's measure or by our own.
	ErrThrottled = problem.Throttled
	// ErrUnreachable: no answer in time, or the service's own failure.
	ErrUnreachable = problem.AWSUnreachable
	// ErrStackBusy: another operation is at work on the stack.
	ErrStackBusy = problem.StackBusy
	// ErrTerminationProtection: the stack must not be deleted.
	ErrTerminationProtection = problem.Declare("TerminationProtected", problem.Retries)
	// ErrNotBootstrapped: the account and region lack the CDK's resources.
	ErrNotBootstrapped = problem.Declare("NotBootstrapped", problem.Retries)
	// ErrChangeSetLimit: the stack has as many change sets as it may.
	ErrChangeSetLimit = problem.ChangeSetLimit
	// ErrStackInUse: a stack that was to be empty is somebody else's by now.
	ErrStackInUse = problem.StackInUse
	// ErrElsewhere: whoever was asked cannot know, since the resource is in
	// another account, region or partition.
	ErrElsewhere = problem.StackElsewhere
	// ErrNotFound: what was named does not exist.
	ErrNotFound = problem.Declare("NotFound", problem.Retries)
	// ErrValidation: AWS understood the request and refuses its content.
	ErrValidation = problem.Declare("RefusedByAWS", problem.Retries)
	// ErrParameters: the template has parameters that nothing gives a value.
	ErrParameters = problem.Declare("ParametersMissing", problem.Stalls)
	// ErrParameterUnknown: a value is given for a parameter that the template
	// does not have.
	ErrParameterUnknown = problem.Declare("ParameterUnknown", problem.Stalls)
	// ErrParameterShown: a secret value is given for a parameter that
	// CloudFormation would show.
	ErrParameterShown = problem.Declare("ParameterShown", problem.Stalls)
	// ErrUnsupported: we do not do this (yet).
	ErrUnsupported = problem.NotSupported
	// ErrTooLarge: larger than AWS allows.
	ErrTooLarge = problem.TemplateTooLarge
)

// Error is a failed call. Its text is fit for a condition's message: it says
// what was being done, what happened, and what to do where that is known. It
// holds no secret.
type Error struct {
	// Kind is one of the errors above, or nil for what we have no name for.
	Kind *problem.Kind
	// Doing is what was being done, for example "read stack app".
	Doing string
	// Code is AWS's, "" when AWS did not answer.
	Code string
	// Message is what happened, for people.
	Message string
	// Err is what the SDK said, if it was asked. It may be longer than fit
	// for a message.
	Err error
}

// Error says what was being done and what happened.
func (e *Error) Error() string {
	if e.Doing == "" {
		return e.Message
	}
	return e.Doing + ": " + e.Message
}

// Unwrap lets errors.Is and errors.As see the kind and the cause.
func (e *Error) Unwrap() []error {
	var all []error
	if e.Kind != nil {
		all = append(all, e.Kind)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}
