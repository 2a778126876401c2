package decide

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// check is one question asked of a deployment that is in place, before it
// counts as done. A check that fails is the deployment's failure.
type check struct {
	name string
	// wanted says whether the object asks for it.
	wanted func(*pass) bool
	// step is the operation's step while it is going on.
	step v1alpha1.OperationStep
	// ask gives the verdict when there is one; until then the pass has spoken.
	ask func(*pass, *v1alpha1.Operation) (failure *problem.Problem, done bool)
}

// checks are asked in this order, each when the one before has succeeded.
var checks = []check{
	{"the hook afterDeploy succeeds", wantsAfterDeploy, v1alpha1.StepAfterHook, askAfterDeploy},
}

// beginChecks has a deployment that is in place verified from the check at
// index from on, and completes it when none is left.
func (p *pass) beginChecks(op *v1alpha1.Operation, from int) bool {
	for _, c := range checks[from:] {
		if c.wanted(p) {
			return p.enter(c.step)
		}
	}
	return p.complete(op)
}

// verify goes on with the check that the operation is at.
func verify(p *pass, op *v1alpha1.Operation) bool {
	for i, c := range checks {
		if c.step != op.Step {
			continue
		}
		failure, done := c.ask(p, op)
		switch {
		case !done:
			return true
		case failure != nil:
			failure.Message = fmt.Sprintf("%s is deployed at revision %s and failed its verification: %s", op.Plan.StackName, short(op.Target.Revision), failure.Message)
			return p.fail(failure)
		}
		return p.beginChecks(op, i+1)
	}
	return p.complete(op)
}

func wantsAfterDeploy(p *pass) bool {
	return hookNamed(&p.obj.Spec, AfterDeploy).Script != ""
}

// askAfterDeploy waits for the user's own verification.
func askAfterDeploy(p *pass, op *v1alpha1.Operation) (failure *problem.Problem, done bool) {
	result := p.runEnded(op)
	if result == nil {
		return nil, false
	}
	if f := result.Failure; f != nil {
		failure := ErrAfterDeploy.New("%s", f.Message)
		if f.Outlook == problem.Waits {
			failure.Outlook = problem.Waits
		}
		return failure, true
	}
	return nil, true
}

// finish notes that a deployment has brought its target about, and has it
// verified.
func (p *pass) finish(op *v1alpha1.Operation, outcome v1alpha1.Outcome) bool {
	s := p.seen.Stack
	if want := op.Plan.TerminationProtection; want != nil && *want != s.TerminationProtection {
		return p.act(ActProtect, p.poll(op.StepStartedAt))
	}
	if outcome == v1alpha1.OutcomeSucceeded || p.st.LastDeploy == nil {
		p.st.LastDeploy = v1alpha1.NewTime(p.metaNow())
	}
	p.claim(s.ID, v1alpha1.ClaimDeployed)
	p.noteOutputs(s)
	p.st.StackProblem = nil
	p.st.Drift, p.st.DriftDetected = p.driftAfter(outcome), p.st.DriftDetected && outcome == v1alpha1.OutcomeUnchanged
	op.StackID, op.Outcome = s.ID, outcome
	p.discard(op)
	return p.beginChecks(op, 0)
}

// complete closes a deployment that is in place and, if asked for, verified.
func (p *pass) complete(op *v1alpha1.Operation) bool {
	deployed := &v1alpha1.Deployment{Target: *op.Target, Generation: p.st.ObservedGeneration, Plan: *op.Plan, At: p.metaNow()}
	deployed.Plan.ConstructPaths, deployed.Plan.Validation = nil, nil
	p.st.Deployed = deployed
	p.end(op.Outcome, problem.Named(string(op.Outcome)), deployedMessage(op, op.Outcome))
	return false
}

// driftAfter forgets what was known of drift when the stack was changed: the
// next check tells what is left of it.
func (p *pass) driftAfter(outcome v1alpha1.Outcome) *v1alpha1.DriftStatus {
	if outcome == v1alpha1.OutcomeUnchanged || p.st.Drift == nil {
		return p.st.Drift
	}
	return &v1alpha1.DriftStatus{AttemptedAt: p.st.Drift.AttemptedAt, CheckedAt: p.st.Drift.CheckedAt}
}

func deployedMessage(op *v1alpha1.Operation, outcome v1alpha1.Outcome) string {
	if outcome == v1alpha1.OutcomeUnchanged {
		return fmt.Sprintf("%s is up to date at revision %s: there was nothing to change", op.Plan.StackName, short(op.Target.Revision))
	}
	return fmt.Sprintf("Deployed %s at revision %s", op.Plan.StackName, short(op.Target.Revision))
}
