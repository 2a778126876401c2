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
// it says nothing. Permanent is only what the repository or the spec must
// change for.
func Judge(err error) (reason string, permanent, ok bool) {
	for _, row := range failures {
		if errors.Is(err, row.err) {
			return row.reason, row.permanent, true
		}
	}
	return "", false, false
}

func describe(err error) decide.RunFailure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return decide.RunFailure{Reason: f.Reason, Message: err.Error(), Permanent: f.Permanent}
	}
	if f, ok := errors.AsType[*cdk.Error](err); ok {
		return decide.RunFailure{Reason: f.Reason, Message: err.Error(), Permanent: f.Permanent}
	}
	if reason, permanent, ok := Judge(err); ok {
		return decide.RunFailure{Reason: reason, Message: err.Error(), Permanent: permanent}
	}
	return decide.RunFailure{Reason: ReasonFailed, Message: err.Error()}
}

// failures says what the errors of the adapters mean to the user, in a run and
// in the manager. The first that fits wins.
var failures = []struct {
	err       error
	reason    string
	permanent bool
}{
	{git.ErrInvalid, "InvalidRepository", true},
	{git.ErrAuth, "GitAuthenticationFailed", false},
	{git.ErrNotFound, "RepositoryNotFound", false},
	{git.ErrRefNotFound, "RefNotFound", false},
	{git.ErrHostKey, "HostKeyNotTrusted", false},
	{git.ErrCertificate, "CertificateNotTrusted", false},
	{git.ErrRedirect, "RepositoryRedirected", false},
	{git.ErrProtocol, "NotAGitServer", false},
	{git.ErrUnreachable, "RepositoryUnreachable", false},
	{git.ErrTooLarge, "RepositoryTooLarge", false},
	{git.ErrProjectPath, "InvalidProjectPath", true},
	{git.ErrUnsigned, "CommitNotSigned", true},
	{git.ErrUntrustedSignature, "SignatureNotTrusted", false},

	{fluxsource.ErrNotReady, "SourceNotReady", false},
	{fluxsource.ErrInvalid, "SourceInvalid", false},
	{fluxsource.ErrNotFound, "ArtifactNotFound", false},
	{fluxsource.ErrUnreachable, "SourceUnreachable", false},
	{fluxsource.ErrRedirect, "SourceRedirected", false},
	{fluxsource.ErrDigest, "ArtifactCorrupt", false},
	{fluxsource.ErrTooLarge, "ArtifactTooLarge", true},
	{fluxsource.ErrUnsafe, "ArtifactUnsafe", true},

	{awsconfig.ErrThrottled, "Throttled", false},
	{awsconfig.ErrCredentials, "CredentialsInvalid", false},
	{awsconfig.ErrAccessDenied, "AccessDenied", false},
	{awsconfig.ErrNotBootstrapped, "NotBootstrapped", false},
	{awsconfig.ErrTooLarge, "TemplateTooLarge", true},
	{awsconfig.ErrUnsupported, "NotSupported", true},
	{awsconfig.ErrUnreachable, "AWSUnreachable", false},
	{awsconfig.ErrStackBusy, "StackBusy", false},
	{awsconfig.ErrTerminationProtection, "TerminationProtected", false},
	{awsconfig.ErrBootstrapTooOld, "BootstrapTooOld", false},
	{awsconfig.ErrNotFound, "NotFound", false},
	{awsconfig.ErrValidation, "RefusedByAWS", false},

	{context.DeadlineExceeded, ReasonTimedOut, false},
	{context.Canceled, ReasonCancelled, false},
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
