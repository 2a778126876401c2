package runner

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// Work is what a run does. It returns a plan, or an error that Describe makes
// a failure of. It ends soon after its context does.
type Work func(ctx context.Context, s *Session) (*v1alpha1.Plan, error)

// Session is one run, or one stage of it, while it runs.
type Session struct {
	Request run.Request
	Secrets run.Secrets
	Dir     run.Dir
	// Data is the folder that all runs share: mirrors, caches.
	Data string
	Log  *Log
	// Stage is the name of the one stage to be carried out, "" for all.
	Stage string

	now func() time.Time
	// messageLimit is how many bytes of the result reach the manager, 0 for
	// no bound.
	messageLimit int

	facts facts
	// plan is what the work comes to, planAt where it is to be had, too.
	plan   *v1alpha1.Plan
	planAt *decide.PlanAt

	mu    sync.Mutex
	step  string
	began time.Time
	steps []decide.RunStep
	hooks []decide.HookResult
	// inspection is what a run that reads a commit found.
	inspection *decide.Inspection
}

func (s *Session) noteHook(h decide.HookResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, h)
}

// Step does one step of the run and records how long it took. What do writes
// to out goes to the log. It reports whether a cache spared the work.
func (s *Session) Step(ctx context.Context, name string, do func(ctx context.Context, out io.Writer) (cached bool, err error)) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	s.begin(name)
	out := s.Log.Writer(name)
	cached, err := do(ctx, out)
	_ = out.Close()
	s.end(name, cached, err)
	return err
}

func (s *Session) begin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step, s.began = name, s.now()
	// The step is for people who watch; failing to tell it fails nothing.
	_ = s.Dir.WriteStep(name)
}

func (s *Session) end(name string, cached bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := s.now().Sub(s.began)
	s.steps = append(s.steps, decide.RunStep{Name: name, Duration: took, Cached: cached})
	switch {
	case err != nil:
		s.Log.Printf(name, "failed after %s", took.Round(time.Millisecond))
	case cached:
		s.Log.Printf(name, "done in %s, from the cache", took.Round(time.Millisecond))
	default:
		s.Log.Printf(name, "done in %s", took.Round(time.Millisecond))
	}
}

// result tells how the run ended.
func (s *Session) result(plan *v1alpha1.Plan, err error) decide.RunResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := decide.RunResult{Steps: slices.Clone(s.steps), Hooks: slices.Clone(s.hooks), Inspection: s.inspection}
	if err != nil {
		p := *Describe(s.step, err)
		p.Message = problem.CutMiddle(s.Log.redact.String(p.Message), problem.MaxMessage)
		r.Failure, r.Step = &p, s.step
		return r
	}
	r.Plan, r.PlanAt = plan, s.planAt
	return r
}
