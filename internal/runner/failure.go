package runner

import (
	"strings"

	"awscdk.dev/operator/internal/cdk"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// unnamed is the kind of an error of which only its step is known.
var unnamed = map[string]*problem.Kind{
	run.StepCloning:      run.ErrClone,
	run.StepInstalling:   cdk.ErrInstallFailed,
	run.StepSynthesizing: cdk.ErrSynthFailed,
	run.StepPublishing:   run.ErrPublish,
}

// Describe makes of an error that ended a step what the status will say of it.
func Describe(step string, err error) *problem.Problem {
	if p, ok := problem.Find(err); ok {
		return p
	}
	kind := unnamed[step]
	if kind == nil {
		kind = run.ErrFailed
	}
	return &problem.Problem{Reason: kind.Reason, Message: err.Error(), Outlook: problem.Retries, Err: err}
}

// hookFailed is the kind of a hook that failed.
func hookFailed(name string) *problem.Kind {
	switch name {
	case decide.BeforeDeploy:
		return decide.ErrBeforeDeploy
	case decide.AfterDeploy:
		return decide.ErrAfterDeploy
	case decide.BeforeDestroy:
		return decide.ErrBeforeDestroy
	}
	// The others stop nothing: the reason is for the run's log only.
	return &problem.Kind{Reason: strings.ToUpper(name[:1]) + name[1:] + "Failed", Outlook: problem.Retries}
}
