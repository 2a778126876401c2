package cdk

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The reasons of errors, in the words of a run's failure.
const (
	ReasonInvalidProjectPath = "InvalidProjectPath"
	ReasonMissingLockFile    = "MissingLockFile"
	ReasonInstallFailed      = "InstallFailed"
	ReasonContextInvalid     = "ContextInvalid"
	ReasonContextTooLarge    = "ContextTooLarge"
	ReasonSynthFailed        = "SynthFailed"
	ReasonAssemblyInvalid    = "AssemblyInvalid"
	ReasonStackNotInApp      = "StackNotInApp"
	ReasonStackAmbiguous     = "StackAmbiguous"
	ReasonWrongEnvironment   = "WrongEnvironment"
)

// maxMessage bounds what an Error tells, in bytes.
const maxMessage = 2048

// Error is why the toolchain could not do its work, told to the person who
// can mend it.
type Error struct {
	// Reason is CamelCase, for scripts: one of the constants above.
	Reason string
	// Message says what happened and what to do, in at most 2 KiB.
	Message string
	// Permanent is true when the same again cannot help: the repository or
	// the spec has to change.
	Permanent bool
	// Temporary is true for what passes by itself: an outage outside.
	Temporary bool
	// Err is the cause, if there is one: context errors and *ExitError are
	// found here.
	Err error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// permanent is an error that only a change of the repository or spec mends.
func permanent(reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Message: cut(fmt.Sprintf(format, args...), maxMessage), Permanent: true}
}

// cut shortens a text to n bytes at most, at a character's border, and shows
// that it did.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	s = s[:n-len(mark)]
	for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) {
		s = s[:len(s)-1]
	}
	return s + mark
}

// list names things for a message, a bounded number of them.
func list(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
