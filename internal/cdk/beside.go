package cdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
)

// doubtError is a check beside the app that was not clean. It is no verdict:
// the app is then run in the ordinary way, and that tells.
type doubtError struct{ check, why string }

func (e *doubtError) Error() string {
	return fmt.Sprintf("checking %s beside the app was not conclusive: %s", e.check, problem.Cut(e.why, 1000))
}

// beside runs the app without the checks of w, and those at the same time in
// processes of their own. A *doubtError means that nothing is known; another
// error is final.
func (s *synthesis) beside(ctx context.Context, w ways) ([]Check, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	sources := sourcesDigest(s.Root, s.out)
	types := s.checkTypes(ctx, cancel, &wg, w, sources)
	templates := s.prepareTemplates(ctx, &wg, w, sources)
	if err := s.run(ctx, w); err != nil {
		return nil, s.failedBeside(ctx, w, err)
	}
	how, err := templates.check(ctx)
	if err != nil {
		return nil, err
	}
	if err := types.wait(); err != nil {
		return nil, err
	}
	s.Cache.remember(types.fact, s.Now())
	s.Cache.remember(templates.fact, s.Now())
	s.Cache.remember(templates.expected, s.Now())
	return []Check{{Types, types.how}, {Templates, how}}, nil
}

// failedBeside is a doubt when the app was run otherwise than by hand in a way
// that may have made it fail.
func (s *synthesis) failedBeside(ctx context.Context, w ways, err error) error {
	if doubt, ok := errors.AsType[*doubtError](context.Cause(ctx)); ok {
		return doubt
	}
	if w.entry == "" || context.Cause(ctx) != nil || errors.Is(err, errLookUps) {
		return err
	}
	return &doubtError{Types, "the app failed without its types: " + err.Error()}
}

// typesCheck is the check of the app's types.
type typesCheck struct {
	how  string
	fact fact
	wait func() error
}

// checkTypes starts the compiler unless the very same sources were found
// right before. A doubt ends ctx at once: the rest would be in vain.
func (s *synthesis) checkTypes(ctx context.Context, cancel context.CancelCauseFunc, wg *sync.WaitGroup, w ways, sources string) typesCheck {
	none := func() error { return nil }
	if w.entry == "" {
		return typesCheck{how: ByApp, wait: none}
	}
	entry, err := filepath.Rel(s.Dir, w.entry)
	if err != nil {
		entry = ""
	}
	fact := factOf(Types, s.Dependencies, s.rel, entry, sources)
	if s.Cache.recalls(fact, remembered, s.Now()) {
		return typesCheck{how: Remembered, fact: fact, wait: none}
	}
	result := make(chan error, 1)
	wg.Go(func() {
		err := s.script(ctx, Types, nil, "typecheck.js", s.Dir, w.entry)
		if err != nil {
			cancel(err)
		}
		result <- err
	})
	return typesCheck{how: Beside, fact: fact, wait: func() error { return <-result }}
}

// templatesCheck is the check of the templates.
type templatesCheck struct {
	s    *synthesis
	w    ways
	fact fact
	// expected is that an app with these sources and this context was found
	// right: its templates are then most likely the same again. Whether they
	// are is judged by the templates alone.
	expected fact
	// begin starts the process, if it was not started early; it reads the
	// job from the pipe.
	begin  func()
	job    *os.File
	result chan error
}

// prepareTemplates gets the validation ready: it loads its rules, which takes
// most of its time, while the app runs. It does not when the same templates
// are expected again.
func (s *synthesis) prepareTemplates(ctx context.Context, wg *sync.WaitGroup, w ways, sources string) *templatesCheck {
	t := &templatesCheck{s: s, w: w, result: make(chan error, 1)}
	t.expected = factOf("expected", append([]string{s.Dependencies, s.rel, sources, s.Region, "@" + s.Account, "/" + s.bundle}, s.context...)...)
	if w.plugin == "" {
		return t
	}
	r, job, err := os.Pipe()
	if err != nil {
		t.result <- &doubtError{Templates, err.Error()}
		t.begin = func() {}
		return t
	}
	t.job = job
	t.begin = sync.OnceFunc(func() {
		wg.Go(func() {
			t.result <- s.script(ctx, Templates, r, "validate.js", w.plugin)
		})
	})
	if !s.Cache.recalls(t.expected, remembered, s.Now()) {
		t.begin()
	}
	// Whatever happens, the process must not wait for its job for ever.
	context.AfterFunc(ctx, func() {
		_ = job.Close()
		_ = r.Close()
	})
	return t
}

// templateJob is one stack for validate.js, as aws-cdk-lib hands it to the
// plugin.
type templateJob struct {
	StackConstructPath string `json:"stackConstructPath"`
	TemplatePath       string `json:"templatePath"`
	AccountID          string `json:"accountId,omitempty"`
	Region             string `json:"region,omitempty"`
}

// check validates the templates of the assembly unless the very same were
// found right before, and tells how.
func (t *templatesCheck) check(ctx context.Context) (how string, err error) {
	if t.w.plugin == "" {
		return ByApp, nil
	}
	jobs, err := t.jobs()
	if err != nil {
		return "", err
	}
	if t.s.Cache.recalls(t.fact, remembered, t.s.Now()) {
		return Remembered, nil
	}
	t.begin()
	// When the process is gone, its result says so.
	_ = json.NewEncoder(t.job).Encode(jobs)
	_ = t.job.Close()
	if err := <-t.result; err != nil {
		if doubt, ok := errors.AsType[*doubtError](context.Cause(ctx)); ok {
			return "", doubt
		}
		return "", err
	}
	return Beside, nil
}

// jobs lists the stacks to validate and digests them into the fact.
func (t *templatesCheck) jobs() ([]templateJob, error) {
	assembly, err := ReadAssembly(t.s.out)
	if err != nil {
		return nil, err
	}
	jobs := []templateJob{}
	parts := []string{t.s.Dependencies}
	for _, stack := range assembly.stacks {
		template, err := readBounded(stack.TemplateFile, maxManifest)
		if err != nil {
			return nil, &doubtError{Templates, err.Error()}
		}
		jobs = append(jobs, templateJob{stack.DisplayName, stack.TemplateFile, stack.Account, stack.Region})
		parts = append(parts, stack.DisplayName, "@"+stack.Account, "@"+stack.Region, string(template))
	}
	t.fact = factOf(Templates, parts...)
	return jobs, nil
}

const (
	// quietCollector keeps V8 from collecting garbage on threads of its own.
	// The template validation grows its memory in 3,000 steps, and each makes
	// V8 collect: 400 times on several threads, 60 times on one, which takes
	// half of the CPU and two thirds of the time.
	quietCollector = "--single-threaded-gc"
	// badOption is the exit code of node for an option that it does not have.
	badOption = 9
)

// script runs one of the scripts with node, without any credentials; all but
// a clean result is a doubt, or the end of the context.
func (s *synthesis) script(ctx context.Context, check string, stdin *os.File, name string, args ...string) error {
	node, err := findNode(s.Env)
	if err != nil {
		return err
	}
	result := filepath.Join(s.StateDir, name+".result")
	_ = os.Remove(result)
	env := withoutCompileCache(s.tools.Apply(withoutSecrets(s.Env).with(s.Variables)))
	args = append([]string{quietCollector, filepath.Join(s.StateDir, name), result}, args...)
	command := Command{Command: proc.Command{Path: node, Args: args, Dir: s.Dir, Env: env, Stdin: stdin}, Redact: s.Redact}
	tail, err := command.Run(ctx)
	if exit, ok := errors.AsType[*proc.ExitError](err); ok && exit.Code == badOption {
		command.Args = args[1:]
		tail, err = command.Run(ctx)
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return &doubtError{check, fmt.Sprintf("%v: %s", err, tail)}
	}
	var verdict struct {
		Clean bool   `json:"clean"`
		Why   string `json:"why"`
	}
	content, err := readBounded(result, 1<<20)
	if err != nil || json.Unmarshal(content, &verdict) != nil {
		return &doubtError{check, "no result: " + tail}
	}
	if !verdict.Clean {
		return &doubtError{check, verdict.Why}
	}
	return nil
}
