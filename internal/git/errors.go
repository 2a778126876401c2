package git

import "awscdk.dev/operator/internal/problem"

// The problems of this package, told apart with errors.Is. Every message says
// what to do next and holds no secret.
var (
	// ErrInvalid is an address, ref or credential that cannot be used as written.
	ErrInvalid = problem.Declare("InvalidRepository", problem.Stalls)
	// ErrAuth is a server that refused the credentials, or wants some.
	ErrAuth = problem.Declare("GitAuthenticationFailed", problem.Waits)
	// ErrNotFound is a repository that does not exist, or that the credentials may not see.
	ErrNotFound = problem.Declare("RepositoryNotFound", problem.Retries)
	// ErrRefNotFound is a branch, tag or commit that the repository does not have.
	ErrRefNotFound = problem.Declare("RefNotFound", problem.Retries)
	// ErrHostKey is an SSH server whose host key is unknown or has changed.
	ErrHostKey = problem.Declare("HostKeyNotTrusted", problem.Retries)
	// ErrCertificate is an HTTPS server whose certificate is not trusted.
	ErrCertificate = problem.Declare("CertificateNotTrusted", problem.Retries)
	// ErrRedirect is a server that sends the client elsewhere than it may go.
	ErrRedirect = problem.Declare("RepositoryRedirected", problem.Retries)
	// ErrUnreachable is a server that could not be spoken to in time.
	ErrUnreachable = problem.Declare("RepositoryUnreachable", problem.Waits)
	// ErrProtocol is a server that answered something that is not git.
	ErrProtocol = problem.Declare("NotAGitServer", problem.Retries)
	// ErrTooLarge is a repository bigger than the limit that was set.
	ErrTooLarge = problem.Declare("RepositoryTooLarge", problem.Retries)
	// ErrProjectPath is a project path that leaves the checkout or is no folder.
	ErrProjectPath = problem.InvalidProjectPath
	// ErrUnsigned is a commit without a signature where one is wanted.
	ErrUnsigned = problem.Declare("CommitNotSigned", problem.Stalls)
	// ErrUntrustedSignature is a commit whose signature is not by a trusted
	// key, or does not fit the commit.
	ErrUntrustedSignature = problem.Declare("SignatureNotTrusted", problem.Retries)
)

func fail(kind *problem.Kind, format string, args ...any) error {
	return kind.New(format, args...)
}

func failBecause(kind *problem.Kind, cause error, format string, args ...any) error {
	return kind.Because(cause, format, args...)
}

func invalid(format string, args ...any) error { return ErrInvalid.New(format, args...) }
