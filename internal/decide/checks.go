package decide

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/verification"
)

// askChecks goes on with the verification of a deployment, at whatever step it
// is, and gives one verdict when there is one: the first failure, or none. Until
// then the pass has spoken. A failure that waits (problem.Waits) says that a
// check could not be asked, and nothing about the deployment.
func (p *pass) askChecks(op *v1alpha1.Operation) (failure *problem.Problem, done bool) {
	for _, c := range checksOf(&p.obj.Spec) {
		if passed(p.st, op, c.name) {
			continue
		}
		ask := p.askCheck
		if c.hook {
			ask = p.askAfterDeploy
		}
		if failure, done = ask(op, c); failure != nil || !done {
			return failure, done
		}
	}
	return nil, true
}

// verify has a deployment that is in place verified, and completes it.
// One that was healthy as long as CloudFormation monitored it is not asked again.
func verify(p *pass, op *v1alpha1.Operation) bool {
	if m := op.Monitoring; m != nil && m.VerifiedAt != nil && p.stillHealthy(op) {
		return p.complete(op)
	} else if m != nil && m.Reason != "" {
		return p.unhealthy(op, problem.Named(m.Reason).New("%s", m.Message))
	}
	failure, done := p.askChecks(op)
	switch {
	case !done:
		return true
	case failure != nil:
		return p.unhealthy(op, failure)
	}
	return p.complete(op)
}

// askAfterDeploy waits for the user's own verification, which has a run of its
// own: a step that has none gives way to the hook's.
func (p *pass) askAfterDeploy(op *v1alpha1.Operation, c check) (failure *problem.Problem, done bool) {
	if r := rowOf(op); r.run == "" || r.hook != AfterDeploy {
		p.enter(v1alpha1.StepAfterHook)
		return nil, false
	}
	result := p.runEnded(op)
	if result == nil {
		return nil, false
	}
	seen := Checkup{Verdict: verification.Verdict{Result: v1alpha1.CheckHealthy}}
	if f := result.Failure; f != nil {
		failure = ErrAfterDeploy.New("%s", f.Message)
		seen.Result, seen.Message = v1alpha1.CheckUnhealthy, f.Message
		if f.Outlook == problem.Waits {
			failure.Outlook, seen.Result = problem.Waits, v1alpha1.CheckUnknown
		}
	}
	p.noteCheck(c.name, op.ID, seen)
	return failure, true
}

// finish notes that a deployment has brought its target about, and has it
// verified.
func (p *pass) finish(op *v1alpha1.Operation, outcome v1alpha1.Outcome) bool {
	if reverts(op) {
		return p.reverted(op, outcome)
	}
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
	if op.Step == v1alpha1.StepMonitoring {
		p.step(v1alpha1.StepAfterHook) // what is asked goes on there
	}
	p.st.Stuck = nil
	if c := op.Rollback; c != nil && outcome == v1alpha1.OutcomeSucceeded && len(c.Triggers) == 0 && c.MonitoringMinutes == 0 {
		p.st.RollbackConfiguration = nil
	}
	if op.Kind == v1alpha1.OperationRollback {
		return verifyRollback(p, op)
	}
	return verify(p, op)
}

// complete closes a deployment that is in place and, if asked for, verified.
func (p *pass) complete(op *v1alpha1.Operation) bool {
	deployed := &v1alpha1.Deployment{Target: *op.Target, Generation: p.st.ObservedGeneration, Plan: *op.Plan, At: p.metaNow()}
	deployed.Plan.ConstructPaths, deployed.Plan.Validation = nil, nil
	p.st.Deployed, p.st.Rollback = deployed, nil
	p.rememberLatency(op)
	p.end(op.Outcome, problem.Named(string(op.Outcome)), deployedMessage(op, op.Outcome))
	return false
}

// driftAfter forgets what was known of drift when the stack was changed: the
// next check tells what is left of it.
func (p *pass) driftAfter(outcome v1alpha1.Outcome) *v1alpha1.DriftStatus {
	if outcome == v1alpha1.OutcomeUnchanged || p.st.Drift == nil {
		return p.st.Drift
	}
	was := p.st.Drift
	return &v1alpha1.DriftStatus{AttemptedAt: was.AttemptedAt, CheckedAt: was.CheckedAt, Unmatched: was.Unmatched, RulesDigest: was.RulesDigest, Remediation: was.Remediation}
}

func deployedMessage(op *v1alpha1.Operation, outcome v1alpha1.Outcome) string {
	if outcome == v1alpha1.OutcomeUnchanged {
		return fmt.Sprintf("%s is up to date at revision %s: there was nothing to change", op.Plan.StackName, short(op.Target.Revision))
	}
	return fmt.Sprintf("Deployed %s at revision %s", op.Plan.StackName, short(op.Target.Revision))
}
