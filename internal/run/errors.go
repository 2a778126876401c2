package run

import "awscdk.dev/operator/internal/problem"

// The problems of a run that are its own; those of its adapters are theirs.
var (
	// ErrPanicked is a defect of the operator.
	ErrPanicked = problem.Declare("RunPanicked", problem.Retries)
	// ErrCrashed is a process that ended without a result.
	ErrCrashed = problem.Declare("RunCrashed", problem.Retries)
	// ErrFailed is an error that nobody has named.
	ErrFailed = problem.Declare("RunFailed", problem.Retries)
	// ErrClone is a checkout that failed for a reason without a name.
	ErrClone = problem.Declare("CloneFailed", problem.Retries)
	// ErrPublish is the same for the publishing of assets.
	ErrPublish = problem.Declare("PublishFailed", problem.Retries)
)
