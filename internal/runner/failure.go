package runner

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"awscdk.dev/operator/internal/decide"
)

// maxMessage bounds a failure's message, in bytes.
const maxMessage = 2 << 10

// Reasons of failures that are the run's own; those of its adapters are in
// the table of wire.go.
const (
	ReasonTimedOut    = "TimedOut"
	ReasonCancelled   = "Cancelled"
	ReasonOutOfMemory = "OutOfMemory"
	ReasonPanicked    = "RunPanicked"
	// ReasonCrashed is a process that ended without a result.
	ReasonCrashed = "RunCrashed"
	// ReasonLost is a run that disappeared, with its manager, several times.
	ReasonLost = "RunLost"
	// ReasonEnvironment is an app that deploys elsewhere than the object says.
	ReasonEnvironment = "EnvironmentMismatch"
	// ReasonFailed is what no table knows.
	ReasonFailed = "RunFailed"
)

// Failure is an error whose reason and message are made for a person.
type Failure struct {
	Reason  string
	Message string
	// Permanent is true when trying the same target again cannot help.
	Permanent bool
	// Cause is what errors.Is and As see; it may be nil.
	Cause error
}

func (f *Failure) Error() string { return f.Message }

func (f *Failure) Unwrap() error { return f.Cause }

// Describe makes of an error what the status will say of it.
func Describe(err error) decide.RunFailure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return decide.RunFailure{Reason: f.Reason, Message: err.Error(), Permanent: f.Permanent}
	}
	for _, row := range failures {
		if errors.Is(err, row.err) {
			return decide.RunFailure{Reason: row.reason, Message: err.Error(), Permanent: row.permanent}
		}
	}
	return decide.RunFailure{Reason: ReasonFailed, Message: err.Error()}
}

// failures says what the errors of the run and of its adapters mean to the
// user. The first that fits wins.
var failures = []struct {
	err       error
	reason    string
	permanent bool
}{
	{context.DeadlineExceeded, ReasonTimedOut, false},
	{context.Canceled, ReasonCancelled, false},
}

// shorten cuts a message to its bound, keeping its beginning and its end:
// tools tell what they were doing first, and what went wrong last.
func shorten(message string) string {
	message = strings.TrimSpace(strings.ToValidUTF8(message, "?"))
	if len(message) <= maxMessage {
		return message
	}
	const gap = "\n…\n"
	head := message[:maxMessage/4]
	for !utf8.ValidString(head) {
		head = head[:len(head)-1]
	}
	tail := message[len(message)-(maxMessage-len(head)-len(gap)):]
	for !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	return head + gap + tail
}
