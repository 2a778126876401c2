package decide

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// The names of the lifecycle hooks, as in spec.lifecycleHooks.
const (
	BeforeDeploy         = "beforeDeploy"
	AfterDeploy          = "afterDeploy"
	BeforeDestroy        = "beforeDestroy"
	AfterDestroy         = "afterDestroy"
	BeforeDriftDetection = "beforeDriftDetection"
	AfterDriftDetection  = "afterDriftDetection"
	BeforeGitSync        = "beforeGitSync"
	AfterGitSync         = "afterGitSync"
)

// Hook is a lifecycle hook: a bash script with its name.
type Hook struct{ Name, Script string }

// hookNamed gives the hook of that name; its script is "" when the user has
// set none.
func hookNamed(spec *v1alpha1.CdkTsStackSpec, name string) Hook {
	h := spec.LifecycleHooks
	if h == nil {
		return Hook{Name: name}
	}
	script := map[string]string{
		BeforeDeploy:         h.BeforeDeploy,
		AfterDeploy:          h.AfterDeploy,
		BeforeDestroy:        h.BeforeDestroy,
		AfterDestroy:         h.AfterDestroy,
		BeforeDriftDetection: h.BeforeDriftDetection,
		AfterDriftDetection:  h.AfterDriftDetection,
		BeforeGitSync:        h.BeforeGitSync,
		AfterGitSync:         h.AfterGitSync,
	}[name]
	return Hook{Name: name, Script: script}
}

// enter moves the operation to a step that is a runner's, and has it run.
func (p *pass) enter(s v1alpha1.OperationStep) bool {
	p.step(s)
	p.st.Operation.RunStep, p.st.Operation.Ahead = "", 0
	return p.act(ActStartRun, p.poll(p.st.Operation.StepStartedAt))
}

// runEnded follows the run of a hook's step, or of an inspection. It is nil
// while that goes on; then the pass has spoken.
func (p *pass) runEnded(op *v1alpha1.Operation) *RunResult {
	run := p.seen.Run
	if a := p.seen.Acted; a != nil && a.Err != nil {
		return p.notRun(op, a.Err)
	}
	if p.unseen(run.Err) {
		return nil
	}
	switch run.State {
	case RunNone:
		p.act(ActStartRun, p.poll(op.StepStartedAt))
		return nil
	case RunRunning:
		p.runs(op, run)
		return nil
	}
	op.RunStep, op.Ahead = "", 0
	if run.Result == nil {
		return p.noted(op, &RunResult{Failure: problem.RunLost.New("the run ended without a result")})
	}
	return p.noted(op, run.Result)
}

// notRun judges a run that could not be started. What passes is waited for,
// but not by a check, where the next one will do.
func (p *pass) notRun(op *v1alpha1.Operation, err error) *RunResult {
	pr := problem.Of(err)
	waits := pr.Outlook == problem.Waits
	if waits && !background(op.Kind) && !p.hopeless(op, pr) {
		p.waitFor(pr)
		return nil
	}
	if waits {
		pr = pr.With(problem.Retries)
	}
	return p.noted(op, &RunResult{Failure: pr})
}

// maxLastWait is how long the hook after a destruction is waited for.
const maxLastWait = time.Hour

// hopeless says whether a hook is given up whose stack is gone: the object would
// hang on what went with its namespace. The machine's own troubles pass.
func (p *pass) hopeless(op *v1alpha1.Operation, pr *problem.Problem) bool {
	if op.Kind != v1alpha1.OperationDestroy || op.Step != v1alpha1.StepAfterHook {
		return false
	}
	ours := errors.Is(pr, problem.NoDiskSpace) || errors.Is(pr, problem.Unnamed)
	return !ours || p.now.Sub(op.StepStartedAt.Time) > maxLastWait
}

// noted keeps how the hook of the present step ended, for people to see.
func (p *pass) noted(op *v1alpha1.Operation, result *RunResult) *RunResult {
	name := HookAt(&p.obj.Spec, op).Name
	for _, h := range result.Hooks {
		p.noteHook(op, h)
		if h.Name == name {
			return result
		}
	}
	if f := result.Failure; f != nil && op.Step != v1alpha1.StepInspecting && op.Step != v1alpha1.StepBuilding {
		p.noteHook(op, HookResult{Name: name, Message: "the hook could not be run: " + f.Message})
	}
	return result
}

func (p *pass) noteHook(op *v1alpha1.Operation, h HookResult) {
	st := v1alpha1.HookStatus{
		Name: h.Name, Operation: op.ID, Succeeded: h.Succeeded, ExitCode: h.ExitCode,
		Message: problem.Cut(h.Message, problem.MaxMessage), EndedAt: p.metaNow(), DurationMS: h.Duration.Milliseconds(),
	}
	i := slices.IndexFunc(p.st.Hooks, func(s v1alpha1.HookStatus) bool { return s.Name == h.Name })
	if i < 0 {
		p.st.Hooks = append(p.st.Hooks, st)
		return
	}
	p.st.Hooks[i] = st
}

// hookTrouble tells of hooks that stop nothing and failed when they last ran.
func hookTrouble(p *pass) []string {
	var all []string
	for _, h := range p.st.Hooks {
		before, after := hooksOf(&p.obj.Spec, v1alpha1.OperationDriftCheck)
		gitBefore, gitAfter := hooksOf(&p.obj.Spec, v1alpha1.OperationGitSync)
		for _, hook := range []Hook{before, after, gitBefore, gitAfter} {
			if h.Name == hook.Name && hook.Script != "" && !h.Succeeded {
				all = append(all, fmt.Sprintf("the hook %s failed: %s", h.Name, h.Message))
			}
		}
	}
	return all
}
