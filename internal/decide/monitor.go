package decide

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// monitoring is how an operation fares that may still be taken back.
func monitoring(op *v1alpha1.Operation) *v1alpha1.Monitoring {
	if op.Monitoring == nil {
		op.Monitoring = &v1alpha1.Monitoring{}
	}
	return op.Monitoring
}

// resourcesDone says whether an update does nothing any more but to be monitored:
// CloudFormation does not say so. All that the plan was to change is done, or
// nothing has been worked on for half a minute.
func (p *pass) resourcesDone(op *v1alpha1.Operation, stack Stack, ev Events) bool {
	if op.Kind != v1alpha1.OperationDeploy || op.Rollback == nil || op.Rollback.MonitoringMinutes == 0 || stack.Status != statusUpdating {
		return false
	}
	m := monitoring(op)
	if ev.Current != "" {
		m.QuietSince = nil
		return false
	}
	if now := p.metaNow(); m.QuietSince == nil {
		m.QuietSince = &now
	}
	if c := p.changesOf(op); c != nil && !c.Unseen {
		// What is removed is only deleted when the update is final.
		if certain := int(c.Add + c.Modify + c.Replace + c.Import); certain > 0 && ev.Done >= certain {
			return true
		}
	}
	return p.now.Sub(m.QuietSince.Time) >= lag
}

// monitor has an update verified while CloudFormation keeps it open, so that it
// can still be cancelled, and follows it to its end.
func monitor(p *pass, op *v1alpha1.Operation) bool {
	stack, ev := p.seen.Stack, p.seen.Events
	if p.unseen(stack.Err, ev.Err) {
		return true
	}
	if stack.Status != statusUpdating && stack.Status != statusCleaning {
		return execute(p, op) // it is final, or is rolled back
	}
	m := monitoring(op)
	if m.VerifiedAt != nil {
		p.askAgain(op)
	}
	if m.VerifiedAt != nil || m.Message != "" {
		return p.watched(op, stack)
	}
	failure, done := p.askChecks(op)
	switch {
	case !done:
		return true
	case failure == nil:
		now := p.metaNow()
		m.VerifiedAt = &now
	case failure.Outlook == problem.Waits:
		// Nobody could be asked: it is asked again when the update is final.
		m.Message = problem.Cut(failure.Message, problem.MaxMessage)
	default:
		m.Reason, m.Message = failure.Reason, problem.Cut(failure.Message, problem.MaxMessage)
	}
	return p.watched(op, stack)
}

// monitoredEvery is how often a check is asked again that was healthy while
// CloudFormation monitors the update.
const monitoredEvery = 30 * time.Second

// neededAgain are the checks of an update that was healthy and is still monitored.
func neededAgain(obj *v1alpha1.CdkTsStack, op *v1alpha1.Operation, now time.Time) (needed []NeededCheck) {
	for _, c := range checksOf(&obj.Spec) {
		if !c.hook {
			needed = append(needed, NeededCheck{Name: c.name, Operation: op.ID, NotBefore: c.triedAgain(&obj.Status, op, now)})
		}
	}
	return needed
}

// triedAgain is when the present try of a check began that was healthy, the zero time
// before the first. One that is not healthy any more is tried at its interval.
func (c check) triedAgain(st *v1alpha1.CdkTsStackStatus, op *v1alpha1.Operation, now time.Time) time.Time {
	since, every := op.Monitoring.VerifiedAt.Time, max(monitoredEvery, c.interval())
	if is := checkStatus(st, c.name); is != nil && !passed(st, op, c.name) {
		since, every = is.Since.Time, c.interval()
	}
	if now.Sub(since) < every {
		return time.Time{}
	}
	return since.Add(now.Sub(since).Truncate(every))
}

// askAgain takes up what checks say of an update that was healthy. One that has
// failed as often in a row as a deployment's may makes it unhealthy.
func (p *pass) askAgain(op *v1alpha1.Operation) {
	m := op.Monitoring
	for _, c := range checksOf(&p.obj.Spec) {
		seen := p.seen.Checks[c.name]
		if c.hook || !seen.Known || seen.Operation != op.ID {
			continue
		}
		p.noteCheck(c.name, op.ID, seen)
		if seen.Result == v1alpha1.CheckUnhealthy && seen.Failures > c.retries() {
			failure := c.failure(seen)
			m.VerifiedAt, m.Reason, m.Message = nil, failure.Reason, problem.Cut(failure.Message, problem.MaxMessage)
			return
		}
	}
}

// stillHealthy says whether the checks that an update was asked while it was
// monitored have agreed to the end.
func (p *pass) stillHealthy(op *v1alpha1.Operation) bool {
	return !slices.ContainsFunc(checksOf(&p.obj.Spec), func(c check) bool { return !c.hook && !passed(p.st, op, c.name) })
}

// watched cancels an update that is not healthy, if that is wanted and can be, or
// waits for its end.
func (p *pass) watched(op *v1alpha1.Operation, stack Stack) bool {
	m := op.Monitoring
	if m.Reason == "" || p.onUnhealthy() != v1alpha1.UnhealthyCancel || m.CancelDenied != "" || stack.Status != statusUpdating {
		return p.look(p.poll(op.StepStartedAt))
	}
	p.step(v1alpha1.StepCancelling)
	return p.act(ActCancelUpdate, p.poll(op.StepStartedAt))
}

// cancelling follows an update that is cancelled to its end. The cancellation is
// known by its own token, so that it is told from somebody else's. It may come too
// late; then the update is final.
func cancelling(p *pass, op *v1alpha1.Operation) bool {
	if a := p.seen.Acted; a != nil && a.Err != nil {
		return p.notCancelled(op, a.Err)
	}
	stack, ev := p.seen.Stack, p.seen.Events
	if p.unseen(stack.Err, ev.Err) {
		return true
	}
	switch {
	case !stack.Exists && stack.Seen && p.now.Sub(op.StepStartedAt.Time) >= lag:
		return p.takenOver(op, "is gone")
	case stack.Status == statusUpdating && !ev.Started:
		return p.act(ActCancelUpdate, p.poll(op.StepStartedAt))
	case !stack.Exists || inProgress(stack.Status):
		return p.look(p.poll(op.StepStartedAt))
	case healthy(stack.Status):
		// Its time was over before the request came.
		p.step(v1alpha1.StepMonitoring)
		return p.finish(op, v1alpha1.OutcomeSucceeded)
	case stack.Status == statusRollbackFailed:
		p.noteStuck(ev)
		p.takenBack(op, v1alpha1.CauseUnhealthy, v1alpha1.MethodCloudFormation, v1alpha1.RollbackNotDone)
		return p.fail(errRollbackStuck.New("%s and was cancelled, and CloudFormation could not roll it back%s", p.unhealthyMessage(op), p.howToSkip()))
	}
	if stack.Status != statusRolledBack {
		return p.takenOver(op, "is in "+stack.Status)
	}
	p.noteOutputs(stack)
	p.takenBack(op, v1alpha1.CauseUnhealthy, v1alpha1.MethodCloudFormation, v1alpha1.RollbackDone)
	return p.fail(errRolledBack.New("%s: the update was cancelled while it was monitored, and CloudFormation rolled it back (%s)", p.unhealthyMessage(op), stack.Status))
}

// notCancelled judges a cancellation that was refused.
func (p *pass) notCancelled(op *v1alpha1.Operation, err error) bool {
	pr := problem.Of(err)
	switch {
	case errors.Is(err, ErrCancelDenied):
		// As if there were no monitoring time: the last good deployment is put back
		// when the update is final.
		op.Monitoring.CancelDenied = problem.Cut(pr.Message, maxNote)
		p.step(v1alpha1.StepMonitoring)
		return p.look(p.poll(op.StepStartedAt))
	case pr.Outlook == problem.Waits:
		return p.waitFor(pr)
	}
	return p.look(p.poll(op.StepStartedAt)) // the stack has moved on: the next look says where
}

func (p *pass) unhealthyMessage(op *v1alpha1.Operation) string {
	return fmt.Sprintf("revision %s of %s failed its verification (%s)", short(op.Target.Revision), op.Plan.StackName, op.Monitoring.Message)
}
