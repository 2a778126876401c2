package decide

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// checkDrift starts a drift check when one is due and the stack is at rest.
func checkDrift(p *pass) bool {
	if !MayCheckDrift(&p.obj.Spec) || p.st.StackID == "" || p.st.Deployed == nil {
		return false
	}
	due := p.driftDue()
	if due.IsZero() || !p.due(due) {
		return false
	}
	op := p.start(v1alpha1.OperationDriftCheck, v1alpha1.StepDetecting, ReasonScheduled)
	op.StackID = p.st.StackID
	if before, _ := hooksOf(&p.obj.Spec, op.Kind); before.Script != "" {
		return p.enter(v1alpha1.StepBeforeHook)
	}
	return p.act(ActDetectDrift, p.poll(op.StepStartedAt))
}

// driftDue is the first scheduled time after the last attempt, later by up to
// a tenth of the period and a minute, so that thousands of stacks with one
// schedule do not ask at once.
func (p *pass) driftDue() time.Time {
	last := p.st.Deployed.At.Time
	if d := p.st.Drift; d != nil && d.AttemptedAt.After(last) {
		last = d.AttemptedAt.Time
	}
	every := anchored(p.cfg.Drift, "", last)
	if every == nil {
		return time.Time{}
	}
	due := every.Next(last)
	if due.IsZero() {
		return due
	}
	return due.Add(share(spread(every, due, time.Minute), jitter(string(p.obj.UID), 0)))
}

// followDriftCheck waits for the detection and takes its verdict. A check that
// fails says so and leaves the verdict before it: an error is never "no drift".
// What a user orders or edits does not wait for it.
func followDriftCheck(p *pass, op *v1alpha1.Operation) bool {
	if p.overtaken() {
		p.drop()
		return false
	}
	if p.seen.Credentials != nil {
		return p.driftFailed(p.seen.Credentials.Error())
	}
	return p.followStep(op)
}

// overtaken says whether a deletion, an edit or an order can begin now. A check
// is not dropped for one that cannot: it would be due again at once, and be
// dropped again in the next pass, for as long as the repository cannot be read.
func (p *pass) overtaken() bool {
	switch {
	case p.deleting():
		return true
	case p.st.Target == nil || !p.editPending() || p.obj.Spec.Suspend || !MayDeploy(&p.obj.Spec):
		return false
	}
	_, known := p.head()
	_, invalid := Context(p.obj.Spec.CDKContext)
	return known && invalid == nil
}

// beforeDetection waits for the hook. Whatever it says, the check goes on: it
// cannot change a verdict.
func beforeDetection(p *pass, op *v1alpha1.Operation) bool {
	if p.runEnded(op) == nil {
		return true
	}
	p.step(v1alpha1.StepDetecting)
	return p.act(ActDetectDrift, p.poll(op.StepStartedAt))
}

func endDriftCheck(p *pass, op *v1alpha1.Operation) bool {
	if p.runEnded(op) == nil {
		return true
	}
	p.drop()
	return false
}

func followDetection(p *pass, op *v1alpha1.Operation) bool {
	if a := p.seen.Acted; a != nil && a.Err != nil {
		return p.driftFailed(a.Err.Error())
	}
	if a := p.seen.Acted; a != nil && a.DetectionID != "" {
		op.DetectionID = a.DetectionID
		return p.look(p.seldom(op.StepStartedAt))
	}
	d := p.seen.Drift
	switch {
	case op.DetectionID == "":
		return p.act(ActDetectDrift, p.poll(op.StepStartedAt))
	case d.Err != nil && problem.Of(d.Err).Outlook == problem.Waits && p.now.Sub(op.StartedAt.Time) < 5*time.Minute:
		return p.waitFor(problem.Of(d.Err))
	case d.Err != nil:
		return p.driftFailed(d.Err.Error())
	case d.Status == detectionFailed:
		return p.driftFailed("CloudFormation's drift detection failed: " + d.Reason)
	case d.Status == detectionComplete:
		return p.driftKnown(d)
	case p.now.Sub(op.StartedAt.Time) > time.Hour:
		return p.driftFailed("CloudFormation's drift detection did not end within an hour")
	}
	return p.look(p.seldom(op.StepStartedAt))
}

func (p *pass) driftKnown(d Drift) bool {
	now := p.metaNow()
	resources, omitted := fitDrift(d.Resources)
	p.st.Drift = &v1alpha1.DriftStatus{CheckedAt: &now, AttemptedAt: &now, Resources: resources, Omitted: int32(d.Omitted + omitted)}
	p.st.DriftDetected = d.Drifted
	p.st.LastDriftCheck = v1alpha1.NewTime(now)
	if _, after := hooksOf(&p.obj.Spec, v1alpha1.OperationDriftCheck); after.Script != "" {
		return p.enter(v1alpha1.StepAfterHook)
	}
	p.drop()
	return false
}

func (p *pass) driftFailed(message string) bool {
	now := p.metaNow()
	if p.st.Drift == nil {
		p.st.Drift = &v1alpha1.DriftStatus{}
	}
	p.st.Drift.AttemptedAt, p.st.Drift.Error = &now, problem.Cut(message, problem.MaxMessage)
	p.drop()
	return false
}
