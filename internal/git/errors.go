package git

import (
	"errors"
	"fmt"
)

// Kinds of failure, told apart with errors.Is. Every error of this package
// that reaches a user says what to do next and holds no secret.
var (
	// ErrInvalid is an address, ref or credential that cannot be used as written.
	ErrInvalid = errors.New("invalid git source")
	// ErrAuth is a server that refused the credentials, or wants some.
	ErrAuth = errors.New("git authentication failed")
	// ErrNotFound is a repository that does not exist, or that the credentials may not see.
	ErrNotFound = errors.New("git repository not found")
	// ErrRefNotFound is a branch, tag or commit that the repository does not have.
	ErrRefNotFound = errors.New("git ref not found")
	// ErrHostKey is an SSH server whose host key is unknown or has changed.
	ErrHostKey = errors.New("ssh host key not trusted")
	// ErrCertificate is an HTTPS server whose certificate is not trusted.
	ErrCertificate = errors.New("server certificate not trusted")
	// ErrRedirect is a server that sends the client elsewhere than it may go.
	ErrRedirect = errors.New("redirect refused")
	// ErrUnreachable is a server that could not be spoken to in time.
	ErrUnreachable = errors.New("git server unreachable")
	// ErrProtocol is a server that answered something that is not git.
	ErrProtocol = errors.New("not a git server")
	// ErrTooLarge is a repository bigger than the limit that was set.
	ErrTooLarge = errors.New("git repository too large")
	// ErrProjectPath is a project path that leaves the checkout or is no folder.
	ErrProjectPath = errors.New("invalid project path")
	// ErrUnsigned is a commit without a signature where one is wanted.
	ErrUnsigned = errors.New("commit not signed")
	// ErrUntrustedSignature is a commit whose signature is not by a trusted
	// key, or does not fit the commit.
	ErrUntrustedSignature = errors.New("commit signature not trusted")
)

// failure is an error of one kind with a message made for a person.
type failure struct {
	kind    error
	message string
	cause   error // for errors.Is and As; may be nil
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
	return &failure{kind: kind, message: fmt.Sprintf(format, args...), cause: cause}
}

func invalid(format string, args ...any) error { return fail(ErrInvalid, format, args...) }
