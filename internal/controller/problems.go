package controller

import (
	"context"
	"errors"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/git"
)

// kind says what a kind of error means for an object. Temporary ones are
// waited out; the others count as a failed attempt.
type kind struct {
	err     error
	problem decide.Problem
}

func temporary(reason string) decide.Problem { return decide.Problem{Reason: reason, Temporary: true} }

var gitKinds = []kind{
	{git.ErrInvalid, temporary("InvalidRepository")},
	{git.ErrAuth, temporary("GitAuthenticationFailed")},
	{git.ErrNotFound, temporary("RepositoryNotFound")},
	{git.ErrRefNotFound, temporary("RefNotFound")},
	{git.ErrHostKey, temporary("HostKeyNotTrusted")},
	{git.ErrCertificate, temporary("CertificateNotTrusted")},
	{git.ErrRedirect, temporary("RepositoryRedirected")},
	{git.ErrProtocol, temporary("NotAGitServer")},
	{git.ErrUnreachable, temporary("RepositoryUnreachable")},
}

// gitProblem judges an error of a look at a repository. All of them can be
// mended outside, so the look is repeated, ever less often.
func gitProblem(err error) error { return asProblem(err, gitKinds) }

var awsKinds = []kind{
	{awsconfig.ErrThrottled, temporary("Throttled")},
	{awsconfig.ErrStackBusy, temporary("StackBusy")},
	{awsconfig.ErrCredentials, temporary("CredentialsInvalid")},
	{awsconfig.ErrUnreachable, temporary("AWSUnreachable")},
	{awsconfig.ErrAccessDenied, decide.Problem{Reason: "AccessDenied"}},
	{awsconfig.ErrTerminationProtection, decide.Problem{Reason: "TerminationProtected"}},
	{awsconfig.ErrNotBootstrapped, decide.Problem{Reason: "NotBootstrapped"}},
	{awsconfig.ErrBootstrapTooOld, decide.Problem{Reason: "BootstrapTooOld"}},
	{awsconfig.ErrTooLarge, decide.Problem{Reason: "TemplateTooLarge", Permanent: true}},
	{awsconfig.ErrNotFound, decide.Problem{Reason: "NotFound"}},
	{awsconfig.ErrValidation, decide.Problem{Reason: "RefusedByAWS"}},
	{awsconfig.ErrUnsupported, decide.Problem{Reason: "NotSupported", Permanent: true}},
}

// awsProblem judges an error of a call to AWS.
func awsProblem(err error) error { return asProblem(err, awsKinds) }

var executorKinds = []kind{
	{executor.ErrNoSpace, temporary("NoDiskSpace")},
	{executor.ErrRemoving, temporary("RunBusy")},
	{executor.ErrClosed, temporary("ShuttingDown")},
	{context.DeadlineExceeded, temporary("TimedOut")},
}

// executorProblem judges an error of the executor.
func executorProblem(err error) error { return asProblem(err, executorKinds) }

// asProblem keeps a judged error as it is, and judges another by the table.
func asProblem(err error, table []kind) error {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[decide.Problem](err); ok {
		return p
	}
	for _, k := range table {
		if errors.Is(err, k.err) {
			p := k.problem
			p.Message = err.Error()
			return p
		}
	}
	return decide.Problem{Reason: "Error", Message: err.Error(), Temporary: true}
}
