package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cdk"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// facts are what the steps of a run found out, for those after them. They are
// all that goes from one stage to the next beside the files of the workspace.
type facts struct {
	// Missing says why there is no project, "" when there is one or when
	// nobody has tried yet. Only a hook that does without it goes on then.
	Missing string `json:"missing,omitempty"`
	// Account is that of the run's credentials, or the one that was asked for.
	Account string          `json:"account,omitempty"`
	Commit  v1alpha1.Commit `json:"commit"`
	// Project is the project's folder in the checkout.
	Project string `json:"project,omitempty"`
	// Reads tells what the build reads of the checkout.
	Reads reads `json:"reads"`
	// Dependencies is the key of what was installed, "" when it has none.
	Dependencies string `json:"dependencies,omitempty"`
	// Stack is what the app has made.
	Stack Stack `json:"stack"`
}

// parts are the work of each stage. One process does them all, or each does
// one: they share nothing but Session.facts and the files of the workspace.
var parts = map[string]func(context.Context, *Session, Tools) error{
	run.StageClone:   clone,
	run.StageInstall: install,
	run.StageHook:    hook,
	run.StageSynth:   synth,
	run.StagePublish: publish,
	run.StageInspect: inspect,
}

// Work is the work of a run with these tools: of the session's stage, or of
// all. Only a build that has been published has a plan.
func (t Tools) Work(ctx context.Context, s *Session) (*v1alpha1.Plan, error) {
	stages := run.Stages(s.Request)
	if len(stages) == 0 {
		return nil, fmt.Errorf("this version of the operator cannot carry out the operation %q", s.Request.Operation)
	}
	for _, stage := range stages {
		if s.Stage != "" && s.Stage != stage.Name {
			continue
		}
		if err := parts[stage.Name](ctx, s, t); err != nil {
			return nil, err
		}
	}
	return s.plan, nil
}

// clone checks out the code, finds the project in it, and asks who the
// credentials are.
func clone(ctx context.Context, s *Session, t Tools) error {
	err := s.Step(ctx, run.StepCloning, func(ctx context.Context, out io.Writer) (cached bool, err error) {
		if cached, err = fetch(ctx, s, t, out); err != nil {
			return false, err
		}
		if s.Request.Artifact == nil && s.Request.Building() {
			s.facts.Reads = watchReads(s.Dir.Workspace())
		}
		s.facts.Project, err = t.Source.Project(s.Dir.Workspace())
		return cached, err
	})
	return s.goOnWithout(ctx, err)
}

// fetch checks out the code and asks who the credentials are, at once: the
// one waits for the git server, the other for AWS.
func fetch(ctx context.Context, s *Session, t Tools, out io.Writer) (cached bool, err error) {
	var account string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		account, err = t.Identity.Account(ctx)
		return err
	})
	group.Go(func() (err error) {
		s.facts.Commit, cached, err = t.Source.Checkout(ctx, s.Dir.Workspace(), out)
		return err
	})
	if err := group.Wait(); err != nil {
		return false, err
	}
	s.facts.Account = cmp.Or(s.Request.Account, account)
	return cached, nil
}

// install brings the project's dependencies.
func install(ctx context.Context, s *Session, t Tools) error {
	if s.facts.Missing != "" {
		return nil
	}
	err := s.Step(ctx, run.StepInstalling, func(ctx context.Context, out io.Writer) (cached bool, err error) {
		s.facts.Dependencies, cached, err = t.Toolchain.Install(ctx, s.facts.Project, out)
		return cached, err
	})
	return s.goOnWithout(ctx, err)
}

// goOnWithout takes note of a project that cannot be had, for a hook that does
// without. A hook that guards a destruction has to be heard even when there is
// no repository any more; it fails by itself if it needs a file of it.
func (s *Session) goOnWithout(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || s.Request.Operation != run.OperationHook || !s.Request.Hook.ProjectOptional {
		return err
	}
	s.facts.Missing = s.Log.redact.String(err.Error())
	return nil
}

// hook runs the hook of the request, in an empty folder when there is no
// project.
func hook(ctx context.Context, s *Session, _ Tools) error {
	h := s.Request.Hook
	if h.ProjectMissing != "" && s.Request.Operation == run.OperationHook {
		err := fmt.Errorf("the project cannot be prepared: %s", h.ProjectMissing)
		if err := s.goOnWithout(ctx, err); err != nil {
			return err
		}
	}
	at := place{dir: s.facts.Project, account: cmp.Or(s.facts.Account, s.Request.Account)}
	if s.facts.Missing != "" {
		s.Log.Printf(h.Name, "the project is not there, the hook runs in an empty folder: %s", s.facts.Missing)
		var err error
		if at.dir, err = os.MkdirTemp(s.Dir.Temp(), "no-project-"); err != nil {
			return fmt.Errorf("make a folder for the hook: %w", err)
		}
	}
	return runHook(ctx, s, at)
}

// synth runs the app.
func synth(ctx context.Context, s *Session, t Tools) error {
	return s.Step(ctx, run.StepSynthesizing, func(ctx context.Context, out io.Writer) (bool, error) {
		stack, err := t.Toolchain.Synth(ctx, Installed{Project: s.facts.Project, Dependencies: s.facts.Dependencies}, s.facts.Account, out)
		if err != nil {
			return false, err
		}
		if err := checkAccount(stack.Plan, s.facts.Account); err != nil {
			return false, err
		}
		stack.Plan.ConstructPaths = boundPaths(stack.Plan.ConstructPaths)
		s.facts.Stack = stack
		return false, decide.FitPlan(&s.facts.Stack.Plan)
	})
}

// checkAccount refuses a stack of an account that cannot be reached: another
// than the credentials' is reached by the role that the app names in it.
func checkAccount(p v1alpha1.Plan, account string) error {
	if p.Account == account || p.DeployRoleARN != "" {
		return nil
	}
	return cdk.ErrWrongEnvironment.New(
		"The app pins stack %s to account %s, but the credentials are of account %s and the app names no role to assume there. Use credentials of that account, or let the app use CDK_DEFAULT_ACCOUNT.",
		p.StackName, p.Account, account)
}

// publish uploads what CloudFormation reads, and completes the plan.
func publish(ctx context.Context, s *Session, t Tools) error {
	return s.Step(ctx, run.StepPublishing, func(ctx context.Context, out io.Writer) (cached bool, err error) {
		plan := s.facts.Stack.Plan
		if plan.TemplateURL, cached, err = t.Publisher.Publish(ctx, s.facts.Stack, out); err != nil {
			return false, err
		}
		plan.Commit = &s.facts.Commit
		plan.Inputs = s.facts.Reads.inputs(s.facts.Project)
		s.plan = &plan
		return cached, s.putAside(ctx, t, out)
	})
}

// inspect reads a commit; nothing of it is run.
func inspect(ctx context.Context, s *Session, t Tools) error {
	if t.Inspector == nil {
		return errors.New("only a commit of a git repository can be read")
	}
	return s.Step(ctx, run.StepInspecting, func(ctx context.Context, _ io.Writer) (bool, error) {
		commit, touched, err := t.Inspector.Inspect(ctx)
		if err == nil {
			s.inspection = &decide.Inspection{Commit: commit, Touched: touched}
		}
		return false, err
	})
}
