package decide

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
)

// clearFailedCreation waits until a stack whose creation was rolled back is gone.
func clearFailedCreation(p *pass, op *v1alpha1.Operation) bool {
	if spoke, ok := p.acted(); !ok {
		return spoke
	}
	stack := p.seen.Stack
	if p.unseen(stack.Err) {
		return true
	}
	switch {
	case !stack.Exists:
		// The status keeps the ARN: by it a stack that takes the name is told apart.
		op.StackID = ""
		p.step(v1alpha1.StepPlanning)
		return p.again()
	case stack.Status == statusDeleteFailed:
		return p.fail(unusable(stack))
	case inProgress(stack.Status):
		return p.look(p.poll(op.StepStartedAt))
	}
	return p.act(ActDeleteStack, p.poll(op.StepStartedAt))
}

// unwedge waits for the end of a rollback that was continued.
func unwedge(p *pass, op *v1alpha1.Operation) bool {
	if spoke, ok := p.acted(); !ok {
		return spoke
	}
	stack, ev := p.seen.Stack, p.seen.Events
	if p.unseen(stack.Err, ev.Err) {
		return true
	}
	switch {
	case inProgress(stack.Status):
		return p.look(p.poll(op.StepStartedAt))
	case stack.Status != statusRollbackFailed && len(op.Skip) > 0:
		return p.skipped(op)
	case stack.Status != statusRollbackFailed:
		p.st.Stuck = nil
		p.step(v1alpha1.StepPlanning)
		return p.again()
	case !ev.Started:
		return p.act(ActContinueRollback, p.poll(op.StepStartedAt))
	case inProgress(ev.Final):
		return p.look(p.poll(op.StepStartedAt)) // the stack was seen before it went on
	}
	message := fmt.Sprintf("the rollback of %s failed and could not be continued", op.Plan.StackName)
	p.noteStuck(ev)
	how := p.howToSkip()
	if how == "" {
		message += ": fix the cause, or continue it without the resource (aws cloudformation continue-update-rollback --resources-to-skip), then request a deployment"
	}
	if ev.RootCause != nil {
		message += ". It is stuck at " + describe(op.Plan, ev.RootCause)
	}
	return p.fail(errRollbackStuck.New("%s", message+how))
}
