package decide

import (
	"errors"
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/bootstrap"
	"awscdk.dev/operator/internal/problem"
)

// lag is how long CloudFormation's answers may contradict one another after a
// write before the contradiction is believed.
const lag = 30 * time.Second

// settled is how long after Operation.RequestedAt a change set must have come
// into sight: that is noted up to half a lag before the last request, which may
// take as long again to be answered.
const settled = 2 * lag

// plan has the change set made, and judges it.
func plan(p *pass, op *v1alpha1.Operation) bool {
	if a := p.seen.Acted; a != nil && errors.Is(a.Err, problem.ChangeSetLimit) {
		p.discardUnexecuted(op)
	}
	if spoke, ok := p.acted(); !ok {
		return spoke
	}
	stack, cs := p.seen.Stack, p.seen.ChangeSet
	if p.unseen(stack.Err, cs.Err, p.seen.Rival.Err, p.seen.Policies.TemplateErr, p.seen.Traffic.Err) {
		return true
	}
	if !stack.Seen {
		return p.again() // what was seen in this pass is of the step before
	}
	if !cs.Exists {
		return planAnew(p, op, stack)
	}
	switch {
	case p.seen.Rival.Name != "":
		return p.rivalry(op)
	case cs.Status == changeSetComplete && cs.ExecutionStatus == executionAvailable:
		return p.judge(op, cs)
	case cs.Status == changeSetComplete && began(cs):
		// Somebody executed it by hand: it is followed like one of ours.
		p.noteChanges(op, cs)
		p.step(v1alpha1.StepExecuting)
		p.st.Progress = &v1alpha1.Progress{Total: int32(len(cs.Changes))}
		return p.again()
	case cs.Status == changeSetComplete && op.HeldSince != nil:
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "the stack was changed while the plan waited: it is made again")
		return false
	case cs.Status == changeSetComplete:
		return p.fail(errChangeSetOutdated.New("the change set %s can no longer be executed (%s): the stack was changed since it was made", op.ID, cs.ExecutionStatus))
	case cs.Status == changeSetFailed && cs.Empty && gatesEmpty(p.obj, op, stack):
		return p.judgeEmpty(op, cs)
	case cs.Status == changeSetFailed && cs.Empty:
		return p.finish(op, v1alpha1.OutcomeUnchanged)
	case cs.Status == changeSetFailed && cs.Export != nil:
		return p.failExport(cs.Export, "CloudFormation refused the change set: "+cs.Reason)
	case cs.Status == changeSetFailed:
		return p.fail(errChangeSetFailed.New("CloudFormation refused the change set: %s", cs.Reason))
	}
	return p.look(p.poll(op.StepStartedAt))
}

// gatesEmpty says whether the gates are asked about a plan that changes no
// resource.
func gatesEmpty(obj *v1alpha1.CdkTsStack, op *v1alpha1.Operation, stack Stack) bool {
	return !reverts(op) && (obj.Spec.PlanOnly || protectionMoves(op.Plan, stack) != nil)
}

// judgeEmpty has the gates asked about a plan that changes no resource: it may
// change the termination protection of the stack, and it makes the stack the
// object's own, which one that only plans does not do.
func (p *pass) judgeEmpty(op *v1alpha1.Operation, cs ChangeSet) bool {
	if spoke, open := p.ask(op, cs); !open {
		return spoke
	}
	return p.finish(op, v1alpha1.OutcomeUnchanged)
}

// judge passes a finished change set on to its execution when every gate lets
// it through.
func (p *pass) judge(op *v1alpha1.Operation, cs ChangeSet) bool {
	if reverts(op) {
		if beyond := p.beyondDrift(cs); beyond != nil {
			p.noteChanges(op, cs)
			return p.refuseRevert(op, beyond)
		}
	}
	if spoke, open := p.ask(op, cs); !open {
		return spoke
	}
	op.KeepsFailed = p.keepsFailed(op)
	if op.Rollback != nil {
		p.st.RollbackConfiguration = op.Rollback.DeepCopy()
	}
	p.step(v1alpha1.StepExecuting)
	p.st.Progress = &v1alpha1.Progress{Total: int32(len(cs.Changes))}
	return p.act(ActExecute, p.poll(op.StepStartedAt))
}

// ask notes what a plan would change and asks the gates about it; the plan waits
// while one is closed. One that is let through has used its approval up.
func (p *pass) ask(op *v1alpha1.Operation, cs ChangeSet) (spoke, open bool) {
	p.noteChanges(op, cs)
	if op.Kind == v1alpha1.OperationRollback {
		return false, true // nothing holds it
	}
	switch w := p.passGates(op); {
	case w == nil && p.agedOut(op):
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "its plan has waited for so long that it is made again")
		return false, false
	case w == nil:
		if a := p.st.Approval; a != nil && a.Digest == p.st.Changes.Digest {
			a.Operation = op.ID // it is good for one execution
		}
		return false, true
	case w.parks:
		p.park(op)
		return false, false
	default:
		return p.look(w.after), false
	}
}

// planAnew has a change set made if the stack is in a state to take one, and
// first brings it into such a state if it can.
func planAnew(p *pass, op *v1alpha1.Operation, stack Stack) bool {
	if reverts(op) {
		return p.requestRevert(op, stack)
	}
	if op.StackID != "" && !stack.Exists {
		op.StackID = "" // somebody deleted it: the next is found by its name
		return p.again()
	}
	switch {
	case inProgress(stack.Status):
		// It may be its deletion, with the object that had it.
		p.say(waiting, problem.StackBusy, fmt.Sprintf("waiting: another operation on %s is under way (%s)", op.Plan.StackName, stack.Status))
		return p.look(p.poll(op.StepStartedAt))
	case p.seen.Rival.Name != "":
		op.StackID = stack.ID
		return p.rivalry(op)
	case rolledBackCreation(stack.Status):
		op.StackID = stack.ID
		return p.repairs(op, v1alpha1.StepClearing, ActDeleteStack)
	case stack.Status == statusRollbackFailed:
		op.StackID = stack.ID
		return p.repairs(op, v1alpha1.StepUnwedging, ActContinueRollback)
	case keptFailure(stack.Status) && p.onFailure() == v1alpha1.FailureNone && op.Kind == v1alpha1.OperationDeploy:
		// What failed was kept, and is gone on with in the same way.
	case stack.Exists && stack.Status != statusReview && !updatable(stack.Status):
		return p.fail(unusable(stack))
	}
	p.noteLastGood(op)
	if spoke, ok := p.configureRollback(op, stack); !ok {
		return spoke
	}
	if pr := lacksBootstrap(p.seen.Bootstrap, op.Plan, p.obj.Spec.AWSRegion); pr != nil {
		if pr.Outlook == problem.Waits {
			return p.waitFor(pr)
		}
		return p.fail(pr)
	}
	if now := p.metaNow(); op.RequestedAt == nil || now.Sub(op.RequestedAt.Time) > lag/2 {
		op.RequestedAt = &now
	}
	return p.act(ActCreateChangeSet, p.poll(op.StepStartedAt))
}

// unusable explains a state that only a person can bring a stack out of.
func unusable(s Stack) *problem.Problem {
	advice := map[string]string{
		statusDeleteFailed:   "its deletion was begun and failed: finish it (aws cloudformation delete-stack, retaining what cannot be deleted), then request a deployment",
		"CREATE_FAILED":      "its creation failed and was not rolled back: delete it or roll it back (cdk rollback), then request a deployment",
		"ROLLBACK_FAILED":    "its creation failed and so did the rollback: delete it (aws cloudformation delete-stack, retaining what cannot be deleted), then request a deployment",
		statusRollbackFailed: "its last update failed and so did the rollback: request a deployment, which continues the rollback first",
		"UPDATE_FAILED":      "its last update failed and was not rolled back: roll it back (cdk rollback), then request a deployment",
	}[s.Status]
	if advice == "" {
		advice = "it takes no change set in this state: fix it, then request a deployment"
	}
	message := fmt.Sprintf("the stack %s is in %s: %s", s.Name, s.Status, advice)
	if s.StatusReason != "" {
		message += ". CloudFormation says: " + s.StatusReason
	}
	return errStackUnusable.New("%s", message)
}

// lacksBootstrap says what is wrong with the bootstrap stack, or nil.
func lacksBootstrap(b Bootstrap, plan *v1alpha1.Plan, region string) *problem.Problem {
	switch {
	case plan.BootstrapParameter == "" || plan.BootstrapVersion == 0:
		return nil
	case b.Err != nil:
		return problem.Of(b.Err)
	case b.Version < int(plan.BootstrapVersion):
		return problem.BootstrapTooOld.New(
			"the CDK bootstrap of this account and region has version %d and the app needs %d: run %s", b.Version, plan.BootstrapVersion,
			bootstrap.Again("aws://"+plan.Account+"/"+region, plan.BootstrapParameter))
	}
	return nil
}
