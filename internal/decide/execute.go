package decide

import (
	"cmp"
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// began says whether a change set shows that its execution has begun.
func began(cs ChangeSet) bool {
	switch cs.ExecutionStatus {
	case executionInProgress, executionComplete, executionFailed:
		return true
	}
	return false
}

// execute follows the execution of the change set to its end.
func execute(p *pass, op *v1alpha1.Operation) bool {
	if a := p.seen.Acted; a != nil && a.Action == ActAnswerRollout {
		p.rolloutAnswered(a)
		return p.followRollouts(op)
	}
	if spoke, ok := p.acted(); !ok {
		return spoke
	}
	if a := p.seen.Acted; a != nil && a.Action == ActExecute {
		return p.accepted(op)
	}
	stack, ev, cs := p.seen.Stack, p.seen.Events, p.seen.ChangeSet
	if p.unseen(stack.Err, ev.Err) {
		return true
	}
	p.progress(ev)
	p.noteRollouts(op)
	if ev.Started || began(cs) {
		// From now on the stack is this object's, to be deleted with it.
		p.claim(cmp.Or(stack.ID, op.StackID), v1alpha1.ClaimDeployed)
		if now := p.metaNow(); op.AcceptedAt == nil {
			op.AcceptedAt = &now
		}
	}
	switch {
	case !stack.Exists && p.st.StackID == op.StackID && p.now.Sub(orderedAt(op)) >= lag:
		return p.takenOver(op, "is gone")
	case !ev.Started && cs.Exists && cs.ExecutionStatus == executionAvailable && p.mayNoLonger(op):
		p.step(v1alpha1.StepPlanning)
		return p.again()
	case !ev.Started && cs.Exists && cs.ExecutionStatus == executionAvailable:
		return p.act(ActExecute, p.poll(op.StepStartedAt))
	case !ev.Started && cs.ExecutionStatus == executionInProgress:
		return p.look(p.poll(op.StepStartedAt)) // its events come later
	case !ev.Started && began(cs):
		return p.endedUnseen(op, stack, cs)
	case !ev.Started:
		return p.notStarted(op, cs)
	case healthy(ev.Final) && inProgress(stack.Status):
		return p.look(p.poll(op.StepStartedAt)) // it was seen before its end: its outputs are not there yet
	case healthy(ev.Final):
		return p.finish(op, v1alpha1.OutcomeSucceeded)
	case ev.Final == "" || inProgress(ev.Final):
		if op.Step == v1alpha1.StepExecuting && p.resourcesDone(op, stack, ev) {
			p.step(v1alpha1.StepMonitoring)
			return p.again()
		}
		return p.underWay(op, stack)
	}
	p.noteOutputs(stack)
	if cause := ev.RootCause; cause != nil && cause.Export != nil {
		return p.failExport(cause.Export, failureMessage(op.Plan, ev))
	}
	return p.executionFailed(op, ev)
}

// mayNoLonger says whether an execution that was decided upon, and that
// CloudFormation has not taken for so long that it cannot have begun, would not
// be decided upon now.
func (p *pass) mayNoLonger(op *v1alpha1.Operation) bool {
	if op.AcceptedAt != nil || p.now.Sub(op.StepStartedAt.Time) < lag {
		return false
	}
	if op.Kind == v1alpha1.OperationRollback {
		return p.deleting() || p.obj.Spec.Suspend || p.keepsFromPuttingBack() != ""
	}
	return p.deleting() || p.obj.Spec.Suspend || !MayDeploy(&p.obj.Spec) || reverts(op) && p.revertGivenUp(op) != "" ||
		SpecDigest(&p.obj.Spec) != op.Target.SpecDigest || p.inputsMoved(op.Target) || p.passGates(op) != nil
}

// accepted notes that CloudFormation has taken the order to execute the change
// set. What was observed is older than that and says nothing about it.
func (p *pass) accepted(op *v1alpha1.Operation) bool {
	now := p.metaNow()
	op.AcceptedAt = &now
	return p.look(p.poll(op.StepStartedAt))
}

// orderedAt is when the execution was last asked for: when CloudFormation took
// the order or, until that is known, when it was decided.
func orderedAt(op *v1alpha1.Operation) time.Time {
	if op.AcceptedAt != nil {
		return op.AcceptedAt.Time
	}
	return op.StepStartedAt.Time
}

// underWay waits for the end of the execution, unless another operation has
// taken the stack over, such as a cancelled update or a deletion: then no
// event of this one will tell of an end. Events may come later than the status.
func (p *pass) underWay(op *v1alpha1.Operation, stack Stack) bool {
	if inProgress(stack.Status) || stack.Status == statusReview {
		op.AtRestSince = nil
		return p.followRollouts(op)
	}
	if !p.restedLong(op) {
		return p.look(p.poll(op.StepStartedAt))
	}
	p.noteOutputs(stack)
	return p.takenOver(op, "is in "+stack.Status)
}

// restedLong says whether the stack has been seen at rest for so long that no
// event will come any more.
func (p *pass) restedLong(op *v1alpha1.Operation) bool {
	if now := p.metaNow(); op.AtRestSince == nil {
		op.AtRestSince = &now
	}
	return p.now.Sub(op.AtRestSince.Time) >= lag
}

// endedUnseen is the state in which the change set says that it was executed,
// and no event carries our token: events are late, or somebody else executed
// it, in the console for example. The stack then tells how that ended.
func (p *pass) endedUnseen(op *v1alpha1.Operation, stack Stack, cs ChangeSet) bool {
	if inProgress(stack.Status) {
		op.AtRestSince = nil
		return p.look(p.poll(op.StepStartedAt))
	}
	switch {
	case !p.restedLong(op):
		return p.look(p.poll(op.StepStartedAt))
	case cs.ExecutionStatus == executionComplete && healthy(stack.Status):
		return p.finish(op, v1alpha1.OutcomeSucceeded)
	}
	p.noteOutputs(stack)
	message := fmt.Sprintf("%s ended in %s (change set %s: %s)", whatOf(op.Plan), stack.Status, op.ID, cs.ExecutionStatus)
	if stack.StatusReason != "" {
		message += ". CloudFormation says: " + stack.StatusReason
	}
	return p.fail(errDeploymentFailed.New("%s", message))
}

// takenOver ends a deployment that somebody else has ended. That was for a
// reason, so it is not begun again by itself.
func (p *pass) takenOver(op *v1alpha1.Operation, state string) bool {
	return p.fail(errTakenOver.New(
		"%s was cut short by another operation on the stack, such as a cancelled update or a deletion, and the stack %s: request a deployment when it may go on", whatOf(op.Plan), state))
}

// notStarted is the state in which the change set is not there to be executed
// and nothing shows that it was: CloudFormation may only be slow to tell.
func (p *pass) notStarted(op *v1alpha1.Operation, cs ChangeSet) bool {
	obsolete := cs.Exists && cs.ExecutionStatus == executionObsolete
	if !obsolete && p.now.Sub(orderedAt(op)) < lag {
		return p.look(p.poll(op.StepStartedAt))
	}
	if p.unseen(cs.Err) {
		return true
	}
	op.AcceptedAt = nil // whatever was accepted, it was not executed
	return p.fail(errChangeSetOutdated.New("the change set %s was not executed: it was deleted or made obsolete by another change of the stack", op.ID))
}
