package runner

import (
	"context"
	"runtime/debug"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/run"
)

// carryOut does the work within its bounds, ends every process that it has
// started, and tells what came of it. The deadline is the zero time for none.
func (s *Session) carryOut(ctx context.Context, work Work, deadline time.Time, mem memory) decide.RunResult {
	if err := trustForNode(s.Dir); err != nil {
		s.Log.Printf(run.StepStarting, "%v", err)
	}
	ctx, stop := s.bound(ctx, deadline, mem)
	defer stop()
	go s.makeRoom(ctx)
	s.begin(run.StepStarting)
	plan, err := s.attempt(ctx, work)
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	if killErr := proc.KillDescendants(); killErr != nil {
		s.Log.Printf(s.current(), "%v", killErr)
	}
	r := s.result(plan, err)
	if r.Failure != nil {
		s.Log.Printf(r.Step, "%s: %s", r.Failure.Reason, r.Failure.Message)
	}
	return r
}

// deadline is when a run that begins now has to be over, the zero time for
// never.
func (s *Session) deadline() time.Time {
	if s.Request.Timeout <= 0 {
		return time.Time{}
	}
	return s.now().Add(s.Request.Timeout)
}

type outcome struct {
	plan *v1alpha1.Plan
	err  error
}

// attempt does the work and comes back at the latest a moment after the
// context has ended, whatever the work does.
func (s *Session) attempt(ctx context.Context, work Work) (*v1alpha1.Plan, error) {
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				s.Log.Printf(s.current(), "panic: %v\n%s", p, debug.Stack())
				o.err = run.ErrPanicked.New("the build panicked, which is a defect of the operator: %v", p)
			}
			done <- o
		}()
		o.plan, o.err = work(ctx, s)
	}()
	select {
	case o := <-done:
		return o.plan, o.err
	case <-ctx.Done():
	}
	// Whatever the work waits for ends with the processes that it started.
	if self, err := proc.Self(); err == nil {
		proc.KillBelow(self)
	}
	select {
	case o := <-done:
		return o.plan, o.err
	case <-time.After(windDown):
		return nil, context.Cause(ctx)
	}
}

func (s *Session) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.step
}
