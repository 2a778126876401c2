package decide

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// onUnhealthy says what becomes of a deployment that failed its verification.
func (p *pass) onUnhealthy() v1alpha1.OnUnhealthy {
	if r := p.obj.Spec.Rollback; r != nil {
		return cmp.Or(r.OnUnhealthy, v1alpha1.UnhealthyHold)
	}
	return v1alpha1.UnhealthyHold
}

// onFailure says what becomes of an update that CloudFormation could not finish.
func (p *pass) onFailure() v1alpha1.OnFailure {
	if r := p.obj.Spec.Rollback; r != nil {
		return cmp.Or(r.OnFailure, v1alpha1.FailureCloudFormation)
	}
	return v1alpha1.FailureCloudFormation
}

// unhealthy ends a deployment that is in place and failed its verification, and
// has the last good one put back if that is wanted and there is one.
func (p *pass) unhealthy(op *v1alpha1.Operation, failure *problem.Problem) bool {
	why, how := failure.Message, "failed its verification"
	if failure.Reason == ErrVerificationUnknown.Reason {
		how = "could not be verified"
	}
	failure.Message = fmt.Sprintf("%s is deployed at revision %s and %s: %s", op.Plan.StackName, short(op.Target.Revision), how, why)
	switch {
	case p.onUnhealthy() == v1alpha1.UnhealthyHold || failure.Outlook == problem.Waits:
		return p.fail(failure)
	case !p.hasLastGood():
		failure.Message += ". There is no good deployment of this object to go back to, so it stays as it is: push a fix, or edit the spec"
		return p.fail(failure)
	}
	failure.Message = fmt.Sprintf("revision %s of %s failed its verification: %s", short(op.Target.Revision), op.Plan.StackName, why)
	if m := op.Monitoring; m != nil && m.CancelDenied != "" {
		failure.Message += ". The update could not be cancelled: " + m.CancelDenied
	}
	p.putBackAfter(op, v1alpha1.CauseUnhealthy, failure)
	return p.fail(errRolledBack.New("%s", failure.Message))
}

// hasLastGood says whether there is a good deployment that can be put back: an
// object that was adopted does not know the template.
func (p *pass) hasLastGood() bool {
	return p.st.Deployed != nil && p.st.Deployed.Plan.TemplateURL != ""
}

// putBackAfter notes that the last good deployment is to be put back.
func (p *pass) putBackAfter(op *v1alpha1.Operation, cause v1alpha1.RollbackCause, why *problem.Problem) {
	p.takenBack(op, cause, v1alpha1.MethodLastGood, v1alpha1.RollbackPending)
	p.st.Rollback.Reason, p.st.Rollback.Message = why.Reason, problem.Cut(why.Message, problem.MaxMessage)
}

// takenBack notes that a deployment was, or is to be, taken back.
func (p *pass) takenBack(op *v1alpha1.Operation, cause v1alpha1.RollbackCause, how v1alpha1.RollbackMethod, state v1alpha1.RollbackState) {
	now := p.metaNow()
	r := &v1alpha1.RollbackStatus{Cause: cause, Method: how, State: state, From: *op.Target, RequestedAt: now}
	if m := op.Monitoring; m != nil && cause == v1alpha1.CauseUnhealthy {
		r.Reason, r.Message = m.Reason, m.Message
	}
	if state != v1alpha1.RollbackPending {
		r.EndedAt = &now
	}
	r.ToRevision = p.inService(op)
	if how == v1alpha1.MethodLastGood {
		r.ToRevision = p.st.Deployed.Target.Revision
	}
	if state == v1alpha1.RollbackDone {
		p.forgetChecks(op)
	}
	p.st.Rollback = r
}

// inService is the commit that was in service before an operation changed
// anything, "" when that is not known.
func (p *pass) inService(op *v1alpha1.Operation) string {
	revision, _ := p.before(op)
	return revision
}

// before tells what was in service before an operation: its commit, and whether
// that is the last good deployment. What failed its verification and was not taken
// back stayed in service.
func (p *pass) before(op *v1alpha1.Operation) (revision string, good bool) {
	d := p.st.Deployed
	for _, e := range p.st.History {
		switch {
		case e.Operation == op.ID, e.Reason == stateSkipped.Reason:
		case e.Kind == v1alpha1.OperationRollback && (e.Outcome == v1alpha1.OutcomeSucceeded || e.Outcome == v1alpha1.OutcomeUnchanged):
			return e.Revision, d != nil && e.Target == d.Target.Digest
		case e.Kind == v1alpha1.OperationDeploy && (inPlace(e) || p.gaveWayInPlace(e)):
			return e.Revision, d != nil && e.Target == d.Target.Digest
		}
	}
	if d == nil {
		return "", false
	}
	return d.Target.Revision, true
}

// gaveWayInPlace says whether a deployment that gave way to another had changed the
// stack by then: only its verification was given up.
func (p *pass) gaveWayInPlace(e v1alpha1.HistoryEntry) bool {
	at := p.st.LastDeploy
	return e.Outcome == v1alpha1.OutcomeSuperseded && at != nil && !at.Before(&e.StartedAt) && !e.EndedAt.Before(&at.Time)
}

// inPlace says whether a deployment that ended is what the stack is then.
func inPlace(e v1alpha1.HistoryEntry) bool {
	return e.Outcome == v1alpha1.OutcomeSucceeded || e.Outcome == v1alpha1.OutcomeUnchanged || failedVerification(e)
}

// executionFailed ends an operation that CloudFormation could not finish, or that
// an alarm rolled back.
func (p *pass) executionFailed(op *v1alpha1.Operation, ev Events) bool {
	message := failureMessage(op.Plan, ev)
	if ev.Final == statusRollbackFailed {
		p.noteStuck(ev)
		message += p.howToSkip()
	}
	if op.Kind == v1alpha1.OperationRollback {
		return p.fail(errRollbackFailed.New("revision %s could not be put back: %s", short(op.Target.Revision), message))
	}
	if alarm := alarmBehind(op, ev.RootCause); alarm != "" {
		return p.alarmRolledBack(op, ev, alarm, message)
	}
	switch policy := p.onFailure(); {
	case op.KeepsFailed && (ev.Final == statusUpdateFailed || ev.Final == statusCreateFailed):
		return p.fail(errFailureKept.New("%s. It is kept as it is, since rollback.onFailure is None. To go on from here, push a fix or request a deployment: %s. To go back instead: aws cloudformation rollback-stack --stack-name %s", message, p.orderCommand(), op.Plan.StackName))
	case policy == v1alpha1.FailureLastGood && p.hasLastGood():
		if _, good := p.before(op); !good {
			pr := errRolledBack.New("%s", message)
			p.putBackAfter(op, v1alpha1.CauseFailed, pr)
			return p.fail(pr)
		}
	}
	return p.fail(p.rolloutFailure(op, message))
}

// alarmRolledBack ends an operation that CloudFormation rolled back for an alarm.
// The alarm has spoken of this target, so it is not tried again by itself.
func (p *pass) alarmRolledBack(op *v1alpha1.Operation, ev Events, alarm, message string) bool {
	state, kind := v1alpha1.RollbackDone, errRolledBack
	if strings.HasSuffix(ev.Final, "_FAILED") {
		state, kind = v1alpha1.RollbackNotDone, errRollbackStuck
	}
	p.takenBack(op, v1alpha1.CauseAlarm, v1alpha1.MethodCloudFormation, state)
	pr := kind.New("the alarm %s had CloudFormation roll revision %s back: %s", alarmName(alarm), short(op.Target.Revision), message)
	p.st.Rollback.Alarm, p.st.Rollback.Reason, p.st.Rollback.Message = alarm, pr.Reason, problem.Cut(pr.Message, problem.MaxMessage)
	return p.fail(pr)
}

// heldBack says whether a commit was taken back since the last good deployment, so
// that nothing deploys it again but a person.
func (p *pass) heldBack(revision string) bool {
	if revision == "" {
		return false
	}
	if r := p.st.Rollback; r != nil && r.From.Revision == revision {
		return true
	}
	for _, e := range p.st.History {
		switch {
		case e.Kind != v1alpha1.OperationDeploy:
		case e.Outcome == v1alpha1.OutcomeSucceeded || e.Outcome == v1alpha1.OutcomeUnchanged:
			return false
		case deliberate(e) && e.Revision == revision:
			return true
		}
	}
	return false
}

// deliberate says whether a deployment was taken back, or ended by a person, on
// purpose.
func deliberate(e v1alpha1.HistoryEntry) bool {
	return isOneOf(e.Reason, []*problem.Kind{errRolledBack, errRolloutAborted, errTakenOver})
}

// keptBack says whether a target is the very one that was taken back: what is read
// from elsewhere does not bring it about again. What a person has wanted of the
// same commit since is another target.
func (p *pass) keptBack(t *v1alpha1.Target) bool {
	r, last := p.st.Rollback, p.st.LastDeployment
	return r != nil && r.From.Digest == t.Digest || last != nil && last.Target == t.Digest && deliberate(*last)
}

// tellTakenBack says of a target that was taken back why, what is in service now,
// and how to go on.
func (p *pass) tellTakenBack(last v1alpha1.HistoryEntry) bool {
	r := p.st.Rollback
	if r == nil || r.From.Digest != p.st.Target.Digest || last.Reason != errRolledBack.Reason {
		return false
	}
	if r.State == v1alpha1.RollbackPending && p.verdict.reason == errRollbackFailed.Reason {
		return true // it is tried again, as was said
	}
	after, kind := "", errRolledBack
	switch r.State {
	case v1alpha1.RollbackPending:
		after = fmt.Sprintf(". Revision %s is put back%s", short(r.ToRevision), p.keepsFromPuttingBack())
	case v1alpha1.RollbackNotDone:
		kind = errRollbackFailed
		after = ". It could not be taken back"
		if e := p.lastRollback(); e != nil {
			after += ": " + strings.TrimRight(e.Message, ".")
		}
	case v1alpha1.RollbackDone:
		switch {
		case r.ToRevision != "":
			after = ". In service is revision " + short(r.ToRevision)
		case p.st.Deployed == nil:
			after = ". Nothing is in service"
		default:
			after = ". In service is what was there before"
		}
	}
	if r.Unchanged {
		after += ", from which it differs in no template, parameter of the app or tag: what spec.parametersFrom reads is not remembered"
	}
	if r.Verification != "" {
		after += ", which " + r.Verification
	}
	p.say(stalled, kind, fmt.Sprintf("%s%s. Nothing deploys revision %s again by itself: push a fix, edit the spec, or request it again: %s", strings.TrimRight(last.Message, "."), after, short(r.From.Revision), p.orderCommand()))
	return true
}

// keepsFromPuttingBack says what the user's own settings do to a rollback.
func (p *pass) keepsFromPuttingBack() string {
	switch {
	case !MayDeploy(&p.obj.Spec):
		return " when actions.deploy is true again"
	case p.obj.Spec.PlanOnly:
		return " when planOnly is false again"
	}
	return ""
}

// lastRollback is the last operation that was to put something back, nil for none.
func (p *pass) lastRollback() *v1alpha1.HistoryEntry {
	for i := range p.st.History {
		if p.st.History[i].Kind == v1alpha1.OperationRollback {
			return &p.st.History[i]
		}
	}
	return nil
}

// rollbackFailures are the attempts at the present rollback that failed, the
// newest first.
func (p *pass) rollbackFailures() []v1alpha1.HistoryEntry {
	since := p.st.Rollback.RequestedAt.Truncate(time.Second)
	var failed []v1alpha1.HistoryEntry
	for _, e := range p.st.History {
		if e.Kind == v1alpha1.OperationRollback && e.Trigger != ReasonSkip && !e.StartedAt.Time.Before(since) && e.Outcome != v1alpha1.OutcomeSuperseded {
			failed = append(failed, e)
		}
	}
	return failed
}
