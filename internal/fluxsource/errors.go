package fluxsource

import (
	"errors"
	"fmt"
)

// Kinds of failure, told apart with errors.Is. Every error that reaches a user
// says what to do next.
var (
	// ErrNotReady is a Flux source that has no artifact, or not yet.
	ErrNotReady = errors.New("flux source has no artifact")
	// ErrInvalid is an artifact whose address or digest cannot be used.
	ErrInvalid = errors.New("invalid flux artifact")
	// ErrNotFound is an artifact that is gone: a newer one took its place.
	ErrNotFound = errors.New("flux artifact not found")
	// ErrUnreachable is a source-controller that could not be spoken to in time.
	ErrUnreachable = errors.New("flux source-controller unreachable")
	// ErrRedirect is a server that sends the client to another host.
	ErrRedirect = errors.New("redirect refused")
	// ErrDigest is an artifact that is not what its digest says.
	ErrDigest = errors.New("flux artifact digest mismatch")
	// ErrTooLarge is an artifact beyond the limits.
	ErrTooLarge = errors.New("flux artifact too large")
	// ErrUnsafe is an archive that is broken, or reaches out of its folder.
	ErrUnsafe = errors.New("unsafe flux artifact")
)

// failure is an error of one kind with a message made for a person.
type failure struct {
	kind, cause error
	message     string
}

func (f *failure) Error() string { return f.message }

func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

func fail(kind error, format string, args ...any) error {
	return &failure{kind: kind, message: fmt.Sprintf(format, args...)}
}

func failBecause(kind, cause error, format string, args ...any) error {
	return &failure{kind: kind, cause: cause, message: fmt.Sprintf(format, args...)}
}
