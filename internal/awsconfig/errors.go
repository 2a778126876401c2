package awsconfig

import "errors"

// What went wrong, told apart with errors.Is. ErrThrottled, ErrUnreachable and
// ErrStackBusy pass by themselves: the same call succeeds later.
var (
	// ErrCredentials: AWS does not accept who we say we are.
	ErrCredentials = errors.New("AWS refuses the credentials")
	// ErrAccessDenied: AWS knows us and does not let us.
	ErrAccessDenied = errors.New("access denied")
	// ErrThrottled: too many requests, by AWS's measure or by our own.
	ErrThrottled = errors.New("AWS asks to slow down")
	// ErrUnreachable: no answer in time, or the service's own failure.
	ErrUnreachable = errors.New("AWS cannot be reached")
	// ErrStackBusy: another operation is at work on the stack.
	ErrStackBusy = errors.New("another operation is in progress")
	// ErrTerminationProtection: the stack must not be deleted.
	ErrTerminationProtection = errors.New("termination protection is on")
	// ErrNotBootstrapped: the account and region lack the CDK's resources.
	ErrNotBootstrapped = errors.New("not bootstrapped")
	// ErrBootstrapTooOld: they are there, but older than the app needs.
	ErrBootstrapTooOld = errors.New("bootstrap stack too old")
	// ErrNotFound: what was named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrValidation: AWS understood the request and refuses its content.
	ErrValidation = errors.New("AWS refuses the request")
	// ErrUnsupported: we do not do this (yet).
	ErrUnsupported = errors.New("not supported")
	// ErrTooLarge: larger than AWS allows.
	ErrTooLarge = errors.New("too large")
)

// Error is a failed call. Its text is fit for a condition's message: it says
// what was being done, what happened, and what to do where that is known. It
// holds no secret.
type Error struct {
	// Kind is one of the errors above, or nil for what we have no name for.
	Kind error
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
