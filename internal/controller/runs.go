package controller

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// startRun hands the present step of the operation in flight to the executor:
// a build, a hook or the reading of a commit.
func (p *pass) startRun(ctx context.Context) error {
	op, hook := p.obj.Status.Operation, decide.HookAt(&p.obj.Spec, p.obj.Status.Operation)
	limit := p.runTimeout(hook)
	secrets, missing, err := p.runSecrets(ctx, op, limit+executor.Fresh)
	if err != nil {
		return err
	}
	values, err := decide.Context(p.obj.Spec.CDKContext)
	if err != nil {
		return problem.InvalidSpec.New("%s", err.Error())
	}
	if values, err = p.withContext(ctx, op, values); err != nil {
		return err
	}
	git := p.obj.Spec.Source.Git
	req := run.Request{
		Operation:   runOperation(op),
		Namespace:   p.obj.Namespace,
		Name:        p.obj.Name,
		UID:         string(p.obj.UID),
		Repository:  git.Repository,
		Ref:         git.Ref,
		Semver:      git.Semver,
		Revision:    decide.RevisionOf(p.obj, op),
		RefName:     p.refName(ctx, decide.RevisionOf(p.obj, op)),
		FullHistory: git.FullHistory,
		Path:        p.obj.Spec.Path,
		StackName:   p.obj.Spec.StackName,
		Region:      p.obj.Spec.AWSRegion,
		Account:     p.Account,
		Context:     values,
		Runner:      p.obj.Spec.Runner,
	}
	if req.Artifact, err = p.runArtifact(ctx, op); err != nil {
		if op.Kind != v1alpha1.OperationDestroy {
			return err
		}
		missing = err.Error()
	}
	req.SharedIdentity = p.usesOwnIdentity() && p.obj.Spec.RoleARN == ""
	req.Timeout = limit
	if op.Step == v1alpha1.StepInspecting {
		req.Inspect = &run.Inspect{Since: p.obj.Status.Target.Revision}
		req.Inspect.Include, req.Inspect.Ignore = decide.Followed(&p.obj.Spec, &p.obj.Status)
	}
	if hook.Script != "" {
		if err := p.hookRequest(ctx, hook, &req, &secrets); err != nil {
			return err
		}
		req.Hook.ProjectMissing = missing
	}
	name := decide.RunName(op)
	p.wake.onRun(name, client.ObjectKeyFromObject(p.obj))
	return notStarted(p.Executor.Start(ctx, name, req, secrets))
}

// notStarted judges why a run could not be started: what the same again cannot
// fix stays what it is, and all else is waited for.
func notStarted(err error) error {
	if p := problem.Of(err); err != nil && p.Outlook == problem.Stalls {
		return p
	}
	return waits(err)
}

// runTimeout is what a run may take, its hook included.
func (p *pass) runTimeout(hook decide.Hook) time.Duration {
	limit := prepareTimeout
	if t := p.obj.Spec.Timeout; t != nil {
		limit = t.Duration
	}
	if hook.Script != "" {
		own, _ := hookTimeout(&p.obj.Spec, hook.Name)
		limit += own
	}
	return limit
}

func runOperation(op *v1alpha1.Operation) run.Operation {
	switch op.Step {
	case v1alpha1.StepBuilding:
		return run.OperationBuild
	case v1alpha1.StepInspecting:
		return run.OperationInspect
	}
	return run.OperationHook
}

// runSecrets are all secrets that a run of the object needs. A destruction's
// hooks run without the project when its credentials or variables are gone:
// missing says so. The reading of a commit needs nothing of AWS. Sessions last as
// long as is asked, if their roles allow that.
func (p *pass) runSecrets(ctx context.Context, op *v1alpha1.Operation, lasts time.Duration) (s run.Secrets, missing string, err error) {
	var credentials awsconfig.Credentials
	if op.Step != v1alpha1.StepInspecting {
		if credentials, err = p.runCredentials(ctx, lasts); err != nil {
			return run.Secrets{}, "", err
		}
	}
	// What a destruction's hooks can do without is only noted.
	needed := func(err error) error {
		if err != nil && op.Kind == v1alpha1.OperationDestroy {
			missing, err = err.Error(), nil
		}
		return err
	}
	c, err := p.plainGitCredentials(ctx)
	if err = needed(err); err != nil {
		return run.Secrets{}, "", err
	}
	keys, err := p.signingKeys(ctx)
	if err = needed(err); err != nil {
		return run.Secrets{}, "", err
	}
	if op.Step != v1alpha1.StepInspecting {
		s.BuildEnv, s.BuildSecrets, err = p.buildEnv(ctx)
	}
	if err = needed(err); err != nil {
		return run.Secrets{}, "", err
	}
	return run.Secrets{
		AWS: credentials.Environ(), Git: c, SigningKeys: keys,
		BuildEnv: s.BuildEnv, BuildSecrets: s.BuildSecrets,
	}, missing, nil
}

// withPlan reads the plan of a run that has left it in a bucket, since it was too
// large to be brought back. While it cannot be read, the run counts as not seen:
// it is done, and its plan waits.
func (p *pass) withPlan(ctx context.Context, r decide.Run) decide.Run {
	if r.Err != nil || r.Result == nil || r.Result.Plan != nil || r.Result.Failure != nil || r.Result.PlanAt == nil {
		return r
	}
	credentials, err := p.credentials(ctx)
	if err != nil {
		r.Err = err
		return r
	}
	at := *r.Result.PlanAt
	aws := p.AWS.For(cloudformation.Target{
		Credentials: credentials, Region: at.Region,
		Role: awsconfig.Role{ARN: at.Role, ExternalID: at.RoleExternalID, Session: at.RoleSession},
	})
	result := *r.Result
	switch result.Plan, err = aws.Plan(ctx, at); {
	case errors.Is(err, cloudformation.ErrPlanUnreadable):
		result.Failure, result.Step = problem.Of(err), run.StepPublishing
	case err != nil:
		r.Err = judged(err)
		return r
	}
	r.Result = &result
	return r
}
