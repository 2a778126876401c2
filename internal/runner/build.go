package runner

import (
	"context"
	"io"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cdk"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// Tools are what a build is done with.
type Tools struct {
	Identity  Identity
	Source    Source
	Inspector Inspector
	Toolchain Toolchain
	Publisher Publisher
}

// Identity tells who the run's credentials are.
type Identity interface {
	// Account returns the account that the credentials belong to. An error
	// says what is wrong with them.
	Account(ctx context.Context) (string, error)
}

// Source brings the user's code.
type Source interface {
	// Checkout puts the commit that was asked for into the folder dir.
	// Cached is true when nothing had to be fetched.
	Checkout(ctx context.Context, dir string, out io.Writer) (commit v1alpha1.Commit, cached bool, err error)
	// Project finds the project's folder inside a checkout.
	Project(checkout string) (string, error)
}

// Toolchain makes a cloud assembly of a project.
type Toolchain interface {
	// Install puts the project's dependencies into its folder. Cached is true
	// when they came from the cache.
	Install(ctx context.Context, project string, out io.Writer) (cached bool, err error)
	// Synth runs the app and finds the stack. The project is checked for
	// errors that synth would pass over.
	Synth(ctx context.Context, project, account string, out io.Writer) (Stack, error)
}

// Publisher puts what CloudFormation will read where it can read it.
type Publisher interface {
	// Publish publishes a stack's file assets and its template, and returns
	// the URL of the template. Cached is true when all was there already.
	Publish(ctx context.Context, stack Stack, out io.Writer) (templateURL string, cached bool, err error)
}

// Stack is a stack of a cloud assembly.
type Stack struct {
	// Plan is all of the plan that the assembly knows. TemplateURL is where
	// its assets put the template, "" when none of them is the template;
	// Commit is not known yet.
	Plan v1alpha1.Plan
	// Manifests are the *.assets.json files to publish.
	Manifests []string
	// Root is the folder that everything published comes from.
	Root string
	// TemplateFile is the template.
	TemplateFile string
	// Qualifier is that of the CDK bootstrap, "" for the default.
	Qualifier string
}

// The bounds of Plan.ConstructPaths, which goes into the object's status.
const (
	maxConstructPaths     = 200
	maxConstructPathBytes = 16 << 10
)

// build makes a plan. The hook beforeDeploy runs between installing and
// synthesising.
func build(ctx context.Context, s *Session, t Tools) (*v1alpha1.Plan, error) {
	var (
		account, project string
		watched          reads
		commit           v1alpha1.Commit
		stack            Stack
	)
	steps := []struct {
		name string
		do   func(ctx context.Context, out io.Writer) (bool, error)
	}{
		{run.StepCloning, func(ctx context.Context, out io.Writer) (cached bool, err error) {
			commit, account, cached, err = fetch(ctx, s, t, out)
			if err != nil {
				return false, err
			}
			if s.Request.Artifact == nil {
				watched = watchReads(s.Dir.Workspace())
			}
			project, err = t.Source.Project(s.Dir.Workspace())
			return cached, err
		}},
		{run.StepInstalling, func(ctx context.Context, out io.Writer) (bool, error) {
			return t.Toolchain.Install(ctx, project, out)
		}},
		{run.StepSynthesizing, func(ctx context.Context, out io.Writer) (_ bool, err error) {
			if stack, err = t.Toolchain.Synth(ctx, project, account, out); err != nil {
				return false, err
			}
			if err := checkAccount(stack.Plan, account); err != nil {
				return false, err
			}
			return false, decide.FitPlan(&stack.Plan)
		}},
		{run.StepPublishing, func(ctx context.Context, out io.Writer) (cached bool, err error) {
			stack.Plan.TemplateURL, cached, err = t.Publisher.Publish(ctx, stack, out)
			return cached, err
		}},
	}
	for _, step := range steps {
		if step.name == run.StepSynthesizing && s.Request.Hook != nil {
			if err := runHook(ctx, s, place{dir: project, account: account}); err != nil {
				return nil, err
			}
		}
		if err := s.Step(ctx, step.name, step.do); err != nil {
			return nil, err
		}
	}
	stack.Plan.Commit = &commit
	stack.Plan.Inputs = watched.inputs(project)
	stack.Plan.ConstructPaths = boundPaths(stack.Plan.ConstructPaths)
	return &stack.Plan, nil
}

// fetch checks out the code and asks who the credentials are, at once: the
// one waits for the git server, the other for AWS.
func fetch(ctx context.Context, s *Session, t Tools, out io.Writer) (commit v1alpha1.Commit, account string, cached bool, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		account, err = t.Identity.Account(ctx)
		return err
	})
	group.Go(func() (err error) {
		commit, cached, err = t.Source.Checkout(ctx, s.Dir.Workspace(), out)
		return err
	})
	if err := group.Wait(); err != nil {
		return commit, "", false, err
	}
	if s.Request.Account != "" {
		account = s.Request.Account
	}
	return commit, account, cached, nil
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

// boundPaths keeps as many construct paths as a status may hold.
func boundPaths(paths map[string]string) map[string]string {
	kept := make(map[string]string, min(len(paths), maxConstructPaths))
	size := 0
	for _, id := range slices.Sorted(maps.Keys(paths)) {
		size += len(id) + len(paths[id])
		if len(kept) == maxConstructPaths || size > maxConstructPathBytes {
			break
		}
		kept[id] = paths[id]
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}
