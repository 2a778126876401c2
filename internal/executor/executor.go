// Package executor is where runs run. An executor starts a run, tells how it
// is getting on and takes it away; what a run does is package runner's.
package executor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// Executor is where runs run. Every method may be repeated safely, none waits
// for a run, and runs outlive the process that started them.
type Executor interface {
	// Start starts a run; a name that was already started does nothing, unless
	// that has not begun yet: then it gets these secrets. When it fails, no run
	// was started and it may be called again.
	Start(ctx context.Context, name string, req run.Request, secrets run.Secrets) error
	// Observe tells what became of a run: RunNone when it was never started
	// or is lost without a trace, RunRunning with its step (StepQueued while
	// it waits for its turn; Stale when it was given its secrets longer than
	// Fresh ago and has not begun), RunDone with its result. Err is set when it
	// could not look; the state then means nothing.
	Observe(ctx context.Context, name string) decide.Run
	// Remove ends a run, if it runs, and deletes all that is left of it; from
	// then on Observe says RunNone and List leaves it out. The ending and
	// deleting go on after it has returned.
	Remove(ctx context.Context, name string) error
	// List names every run that there is, running, done or lost, so that
	// those whose object is gone can be removed.
	List(ctx context.Context) ([]string, error)
}

// Fresh is how long the secrets of a run that has not begun are taken for good:
// sessions end, and keys are exchanged. A session has to last longer than its run
// by that.
const Fresh = 10 * time.Minute

// StepQueued is the step of a run that waits for its turn.
const StepQueued = decide.StepQueued

// Kinds of failure, told apart with errors.Is.
var (
	// ErrName is a name that is not 1 to 63 of a-z, 0-9 and '-'.
	ErrName = errors.New("invalid run name")
	// ErrNoSpace is a disk that is too full to start another run.
	ErrNoSpace = problem.NoDiskSpace
	// ErrRemoving is a run of this name that is still being ended. Try again
	// in a moment.
	ErrRemoving = problem.Declare("RunBusy", problem.Waits)
	// ErrInUse is a data folder that another manager has.
	ErrInUse = errors.New("the data folder is in use by another manager")
	// ErrClosed is an executor after Close.
	ErrClosed = problem.Declare("ShuttingDown", problem.Waits)
)

var validName = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// CheckName is ErrName for a name that no run can have.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%w: %q is not 1 to 63 of a-z, 0-9 and '-'", ErrName, name)
	}
	return nil
}
