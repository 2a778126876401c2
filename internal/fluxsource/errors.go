package fluxsource

import "awscdk.dev/operator/internal/problem"

// The problems of this package, told apart with errors.Is. Every message says
// what to do next.
var (
	// ErrNotReady is a Flux source that has no artifact, or not yet.
	ErrNotReady = problem.Declare("SourceNotReady", problem.Waits)
	// ErrInvalid is an artifact whose address or digest cannot be used.
	ErrInvalid = problem.Declare("SourceInvalid", problem.Retries)
	// ErrNotFound is an artifact that is gone: a newer one took its place.
	ErrNotFound = problem.Declare("ArtifactNotFound", problem.Retries)
	// ErrUnreachable is a source-controller that could not be spoken to in time.
	ErrUnreachable = problem.Declare("SourceUnreachable", problem.Waits)
	// ErrRedirect is a server that sends the client to another host.
	ErrRedirect = problem.Declare("SourceRedirected", problem.Retries)
	// ErrDigest is an artifact that is not what its digest says.
	ErrDigest = problem.Declare("ArtifactCorrupt", problem.Retries)
	// ErrTooLarge is an artifact beyond the limits.
	ErrTooLarge = problem.Declare("ArtifactTooLarge", problem.Stalls)
	// ErrUnsafe is an archive that is broken, or reaches out of its folder.
	ErrUnsafe = problem.Declare("ArtifactUnsafe", problem.Stalls)
)
