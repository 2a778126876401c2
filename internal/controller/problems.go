package controller

import (
	"context"
	"errors"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/runner"
)

// sourceProblem judges an error of a look at a repository or a Flux source.
// All of them can be mended outside, so the look is repeated, ever less often.
func sourceProblem(err error) error {
	p, ok := runner.Judge(err)
	if !ok {
		return judged(err)
	}
	p.Temporary, p.Permanent = true, false
	return p
}

// executorReasons are those of the executor's errors, which all pass.
var executorReasons = []struct {
	err    error
	reason string
}{
	{executor.ErrNoSpace, "NoDiskSpace"},
	{executor.ErrRemoving, "RunBusy"},
	{executor.ErrClosed, "ShuttingDown"},
	{context.DeadlineExceeded, "TimedOut"},
}

// executorProblem judges an error of the executor.
func executorProblem(err error) error {
	for _, row := range executorReasons {
		if errors.Is(err, row.err) {
			return decide.Problem{Reason: row.reason, Message: err.Error(), Temporary: true}
		}
	}
	return judged(err)
}

// judged makes a Problem of an error that the table of reasons knows. One that
// is judged already stays as it is; one that nobody knows passes.
func judged(err error) error {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[decide.Problem](err); ok {
		return p
	}
	p, ok := runner.Judge(err)
	if !ok {
		return decide.Problem{Reason: "Error", Message: err.Error(), Temporary: true}
	}
	return p
}
