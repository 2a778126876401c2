package decide

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// The pauses between attempts at a destruction; they never end, since letting
// go would orphan the stack.
const (
	destroyRetry    = 15 * time.Second
	destroyRetryMax = 10 * time.Minute
)

// destroy deletes the stack of a deleted object, or lets the object go when
// there is nothing to delete or deleting is not allowed.
func destroy(p *pass) bool {
	switch {
	case !p.deleting():
		return false
	case !MayDestroy(&p.obj.Spec):
		return p.retain()
	case !p.ownsStack():
		return p.letGo(stateNothingToDestroy, "the object is let go: it never deployed a stack")
	case p.destroyed():
		return p.letGo(stateStackDeleted, "the stack is gone and the object is let go")
	case Claim(p.st) == v1alpha1.ClaimReleased:
		return p.letGo(errStackKept, fmt.Sprintf("the object is let go and the stack %s stays: somebody else uses it", stackName(p.st.StackID)))
	case p.lacksCredentials() || p.dependentsExist():
		return true
	}
	return p.destroyStack()
}

// letGo ends the life of a deleted object, when the deletion of each change set
// that it leaves behind was tried once.
func (p *pass) letGo(k *problem.Kind, message string) bool {
	p.say(waiting, k, message)
	if due, untried := p.untried(); untried {
		p.wakeAt(due)
		return true
	}
	return p.act(ActLetGo, 0)
}

// destroyStack deletes the stack as it is seen, unless it turns out to be
// gone or not to be the object's.
func (p *pass) destroyStack() bool {
	stack := p.seen.Stack
	switch {
	case stack.Err != nil:
		return p.cannotTell(stack.Err)
	case p.unseen(p.seen.Rival.Err):
		return true
	case !stack.Seen || !p.sawOwnStack() || (stack.Exists && !p.seen.Rival.Seen):
		p.say(waiting, stateDestroying, "looking at the stack")
		return p.again()
	case !stack.Exists && p.st.StackID == "":
		// A name that nobody has proves nothing: the stack may have another.
		p.say(failing, errStackNotFound, fmt.Sprintf(
			"the earlier operator deployed this object, and there is no stack named %s in %s: the stack may have another name, so the object is kept. If the stack is gone or should stay, set actions.destroy to false", stackRef(p.obj), p.obj.Spec.AWSRegion))
		return p.look(time.Minute)
	case !stack.Exists:
		return p.letGo(stateStackGone, fmt.Sprintf("the stack %s was already gone and the object is let go", stackName(p.st.StackID)))
	}
	if why := p.notOurs(stack); why != "" {
		return p.letGo(errStackKept, fmt.Sprintf("the object is let go and the stack %s stays: %s", stack.Name, why))
	}
	return p.startDestroy()
}

// sawOwnStack says whether the stack in sight is the one that this object has
// to do with. An operation that is given up may have looked for a stack by its
// name, and who has the name now may be another.
func (p *pass) sawOwnStack() bool {
	id := p.st.StackID
	return id == "" || p.seen.Stack.ID == id || Look(p.obj, p.now, p.cfg).Stack == id
}

// cannotTell waits until somebody can say what has become of the stack.
func (p *pass) cannotTell(err error) bool {
	pr := problem.Of(err)
	if errors.Is(pr, problem.StackElsewhere) {
		pr = problem.StackElsewhere.New("%s; or set spec.actions.destroy to false to let the object go and leave the stack as it is", pr.Message)
	}
	return p.waitFor(pr)
}

// ownsStack says whether this object, or the earlier operator on its behalf,
// ever deployed something. A stack of the same name that it never touched is
// not its to delete.
func (p *pass) ownsStack() bool {
	return p.st.StackID != "" || p.st.Deployed != nil || p.st.LastDeploy != nil
}

// startDestroy records the intent to delete the stack, when the pause after
// the last failure is over and the stack takes orders.
func (p *pass) startDestroy() bool {
	stack := p.seen.Stack
	failed := failures(p.st, v1alpha1.OperationDestroy, p.destroyTarget())
	if p.pausesAfter(failed) {
		return true
	}
	if inProgress(stack.Status) {
		p.say(waiting, problem.StackBusy, fmt.Sprintf("waiting to delete %s: an operation is under way (%s)", stack.Name, stack.Status))
		return p.look(p.patience(problem.StackBusy.Reason))
	}
	reason := ReasonDeleted
	if p.breaksCircle {
		reason = ReasonDeletedFirst
	}
	op := p.start(v1alpha1.OperationDestroy, v1alpha1.StepDeleting, reason)
	op.StackID = stack.ID
	switch {
	case p.st.StackID == "":
		p.claim(stack.ID, v1alpha1.ClaimDeployed) // by the earlier operator, on its behalf
	case p.st.StackClaim == "":
		p.claim(p.st.StackID, p.claimOn(stack))
	}
	op.Target = &v1alpha1.Target{Digest: p.destroyTarget()}
	op.Attempt = int32(len(failed) + 1)
	if before, _ := hooksOf(&p.obj.Spec, op.Kind); before.Script != "" {
		return p.enter(v1alpha1.StepBeforeHook)
	}
	return p.act(ActDeleteStack, p.poll(op.StepStartedAt))
}

// pausesAfter shows why the last attempt failed, and speaks until the pause
// after it is over.
func (p *pass) pausesAfter(failed []v1alpha1.HistoryEntry) bool {
	if len(failed) == 0 {
		return false
	}
	p.say(failing, problem.Named(failed[0].Reason), failed[0].Message)
	due := failed[0].EndedAt.Add(backoff(destroyRetry, destroyRetryMax, len(failed), string(p.obj.UID)))
	if p.due(due) {
		return false
	}
	p.verdict.message += fmt.Sprintf(" (attempt %d; the next at %s)", len(failed), due.UTC().Format(time.RFC3339))
	return true
}

// destroyTarget tells the attempts at a destruction apart: an order or an edit
// of what stands in its way starts them again.
func (p *pass) destroyTarget() string {
	before, _ := hooksOf(&p.obj.Spec, v1alpha1.OperationDestroy)
	return digest(p.st.Orders.Current, before.Script, p.obj.Spec.Hooks)
}

// destroyed says whether the stack of a deleted object has been deleted.
func (p *pass) destroyed() bool {
	return len(p.st.History) > 0 && p.st.History[0].Kind == v1alpha1.OperationDestroy &&
		p.st.History[0].Outcome == v1alpha1.OutcomeSucceeded
}

// followDestroy follows a deletion until the stack is gone.
func followDestroy(p *pass, op *v1alpha1.Operation) bool {
	if p.retaining() {
		return p.followRetention(op)
	}
	// In its last step the stack is gone, and there is nothing to keep.
	if !MayDestroy(&p.obj.Spec) && op.Step != v1alpha1.StepAfterHook && !inProgress(p.seen.Stack.Status) {
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "actions.destroy was set to false")
		return false
	}
	if op.Step != v1alpha1.StepAfterHook && p.lacksCredentials() {
		return true
	}
	return p.followStep(op)
}

// afterDestroy waits for the hook that is told of the end of a stack.
func afterDestroy(p *pass, op *v1alpha1.Operation) bool {
	return p.runEnded(op) == nil || p.endDestroy(op)
}

// mayDestroy waits for the hook that may forbid the destruction.
func mayDestroy(p *pass, op *v1alpha1.Operation) bool {
	result := p.runEnded(op)
	switch {
	case result == nil:
		return true
	case p.retaining():
		return p.mayLetGo(op, result)
	case result.Failure != nil:
		return p.fail(ErrBeforeDestroy.New("the stack %s is kept: %s", stackName(op.StackID), result.Failure.Message))
	}
	// The hook may have taken hours: the stack is looked at again first.
	p.step(v1alpha1.StepDeleting)
	return p.again()
}

// endDestroy closes a destruction whose stack is gone.
func (p *pass) endDestroy(op *v1alpha1.Operation) bool {
	p.end(v1alpha1.OutcomeSucceeded, stateStackDeleted, fmt.Sprintf("deleted the stack %s", stackName(op.StackID)))
	p.claim("", "")
	p.st.Outputs, p.st.OutputsOmitted = nil, 0
	p.st.DiscardedChangeSets = nil // they went with the stack
	return false
}

func followDeletion(p *pass, op *v1alpha1.Operation) bool {
	if a := p.seen.Acted; a != nil && errors.Is(a.Err, problem.StackInUse) {
		p.claim(op.StackID, v1alpha1.ClaimReleased)
		return p.keep(a.Err.Error())
	}
	if spoke, ok := p.acted(); !ok {
		return spoke
	}
	stack, ev := p.seen.Stack, p.seen.Events
	if stack.Err != nil {
		return p.cannotTell(stack.Err)
	}
	if !stack.Exists {
		if _, after := hooksOf(&p.obj.Spec, op.Kind); after.Script != "" {
			return p.enter(v1alpha1.StepAfterHook)
		}
		return p.endDestroy(op)
	}
	p.progress(ev)
	switch {
	case ev.Err == nil && !ev.Started && p.notOurs(stack) != "":
		return p.keep(p.notOurs(stack))
	case inProgress(stack.Status):
		return p.look(p.poll(op.StepStartedAt))
	case p.unseen(ev.Err, p.seen.Rival.Err):
		return true
	case !ev.Started:
		// Somebody may have begun to depend on it while the hook ran.
		return p.dependentsExist() || p.act(ActDeleteStack, p.poll(op.StepStartedAt))
	case stack.Status == statusDeleteFailed:
		return p.fail(errDestroyFailed.New("%s", destroyFailure(p.st.Deployed, stack, ev)))
	}
	return p.look(p.poll(op.StepStartedAt))
}

// keep gives up a destruction that has not begun, since the stack turned out
// not to be the object's.
func (p *pass) keep(why string) bool {
	p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, fmt.Sprintf("the stack %s is not deleted: %s", stackName(p.st.Operation.StackID), why))
	return false
}

func destroyFailure(deployed *v1alpha1.Deployment, stack Stack, ev Events) string {
	var plan *v1alpha1.Plan
	if deployed != nil {
		plan = &deployed.Plan
	}
	if cause := ev.RootCause; cause != nil && cause.Export != nil && len(cause.Export.InUseBy) > 0 {
		return fmt.Sprintf("the deletion of %s failed: %s. Delete %s first, or deploy it without the import", stack.Name, describe(plan, cause), strings.Join(cause.Export.InUseBy, ", "))
	}
	if ev.RootCause != nil {
		return fmt.Sprintf("the deletion of %s failed: %s", stack.Name, describe(plan, ev.RootCause))
	}
	return fmt.Sprintf("the deletion of %s failed: %s", stack.Name, stack.StatusReason)
}
