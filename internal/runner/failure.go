package runner

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/cdk"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/fluxsource"
	"awscdk.dev/operator/internal/git"
)

// maxMessage bounds a failure's message, in bytes.
const maxMessage = 2 << 10

// Reasons of failures that are the run's own; those of its adapters are in
// the table below.
const (
	ReasonTimedOut    = "TimedOut"
	ReasonCancelled   = "Cancelled"
	ReasonOutOfMemory = "OutOfMemory"
	// ReasonNoDiskSpace is a run that left the others no room to write.
	ReasonNoDiskSpace = "NoDiskSpace"
	ReasonPanicked    = "RunPanicked"
	// ReasonCrashed is a process that ended without a result.
	ReasonCrashed = "RunCrashed"
	// ReasonLost is a run that disappeared, with its manager, several times.
	ReasonLost = "RunLost"
	// ReasonFailed is what no table knows.
	ReasonFailed = "RunFailed"
)

// Failure is an error whose reason and message are made for a person.
type Failure struct {
	Reason  string
	Message string
	// Permanent is true when trying the same target again cannot help.
	Permanent bool
	// Temporary is true for what passes by itself.
	Temporary bool
	// Cause is what errors.Is and As see; it may be nil.
	Cause error
}

func (f *Failure) Error() string { return f.Message }

func (f *Failure) Unwrap() error { return f.Cause }

// Describe makes of an error that ended a step what the status will say of it.
func Describe(step string, err error) decide.RunFailure {
	f := describe(err)
	f.Step = step
	if reason, ok := unnamed[step]; ok && f.Reason == ReasonFailed {
		f.Reason = reason
	}
	return f
}

// Judge gives what the table says of an error of an adapter; ok is false when
// it says nothing.
func Judge(err error) (p decide.Problem, ok bool) {
	for _, row := range failures {
		if errors.Is(err, row.err) {
			return decide.Problem{Reason: row.reason, Message: err.Error(), Permanent: row.then == stalls, Temporary: row.then == passes}, true
		}
	}
	return decide.Problem{}, false
}

func describe(err error) decide.RunFailure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return decide.RunFailure{Reason: f.Reason, Message: err.Error(), Permanent: f.Permanent, Temporary: f.Temporary}
	}
	if f, ok := errors.AsType[*cdk.Error](err); ok {
		return decide.RunFailure{Reason: f.Reason, Message: err.Error(), Permanent: f.Permanent, Temporary: f.Temporary}
	}
	if p, ok := Judge(err); ok {
		return decide.RunFailure{Reason: p.Reason, Message: p.Message, Permanent: p.Permanent, Temporary: p.Temporary}
	}
	return decide.RunFailure{Reason: ReasonFailed, Message: err.Error()}
}

// outlook is what comes of an error.
type outlook int

const (
	// counts: the same may go well next time, for a bounded number of times.
	counts outlook = iota
	// stalls: the repository or the spec has to change.
	stalls
	// passes: something outside is out of order, and will not be for ever.
	passes
)

// failures says what the errors of the adapters mean to the user, in a run and
// in the manager. The first that fits wins.
var failures = []struct {
	err    error
	reason string
	then   outlook
}{
	{git.ErrInvalid, "InvalidRepository", stalls},
	{git.ErrAuth, "GitAuthenticationFailed", passes},
	{git.ErrNotFound, "RepositoryNotFound", counts},
	{git.ErrRefNotFound, "RefNotFound", counts},
	{git.ErrHostKey, "HostKeyNotTrusted", counts},
	{git.ErrCertificate, "CertificateNotTrusted", counts},
	{git.ErrRedirect, "RepositoryRedirected", counts},
	{git.ErrProtocol, "NotAGitServer", counts},
	{git.ErrUnreachable, "RepositoryUnreachable", passes},
	{git.ErrTooLarge, "RepositoryTooLarge", counts},
	{git.ErrProjectPath, "InvalidProjectPath", stalls},
	{git.ErrUnsigned, "CommitNotSigned", stalls},
	{git.ErrUntrustedSignature, "SignatureNotTrusted", counts},

	{fluxsource.ErrNotReady, "SourceNotReady", passes},
	{fluxsource.ErrInvalid, "SourceInvalid", counts},
	{fluxsource.ErrNotFound, "ArtifactNotFound", counts},
	{fluxsource.ErrUnreachable, "SourceUnreachable", passes},
	{fluxsource.ErrRedirect, "SourceRedirected", counts},
	{fluxsource.ErrDigest, "ArtifactCorrupt", counts},
	{fluxsource.ErrTooLarge, "ArtifactTooLarge", stalls},
	{fluxsource.ErrUnsafe, "ArtifactUnsafe", stalls},

	{awsconfig.ErrThrottled, "Throttled", passes},
	{awsconfig.ErrCredentials, "CredentialsInvalid", passes},
	{awsconfig.ErrAccessDenied, "AccessDenied", counts},
	{awsconfig.ErrNotBootstrapped, "NotBootstrapped", counts},
	{awsconfig.ErrTooLarge, "TemplateTooLarge", stalls},
	{awsconfig.ErrUnsupported, "NotSupported", stalls},
	{awsconfig.ErrUnreachable, "AWSUnreachable", passes},
	{awsconfig.ErrStackBusy, "StackBusy", passes},
	{awsconfig.ErrTerminationProtection, "TerminationProtected", counts},
	{awsconfig.ErrBootstrapTooOld, "BootstrapTooOld", counts},
	{awsconfig.ErrNotFound, "NotFound", counts},
	{awsconfig.ErrValidation, "RefusedByAWS", counts},

	{context.DeadlineExceeded, ReasonTimedOut, counts},
	{context.Canceled, ReasonCancelled, passes},
}

// unnamed is the reason of an error that only its step tells something of.
var unnamed = map[string]string{
	StepCloning:      "CloneFailed",
	StepInstalling:   "InstallFailed",
	StepSynthesizing: "SynthFailed",
	StepPublishing:   "PublishFailed",
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
