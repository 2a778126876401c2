package decide

import (
	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// deploy starts an operation when another target is wanted than the last one.
// While the commit to deploy is not known it lets the rules below go on: a
// broken repository is no reason not to look for drift.
func deploy(p *pass) bool {
	if p.lawless {
		return false
	}
	if p.st.Held != nil {
		return false // whether it is given up for another was asked
	}
	if !MayDeploy(&p.obj.Spec) {
		p.notAllowed()
		return false
	}
	revision, ok := p.head()
	if !ok {
		if p.st.Target == nil || p.editPending() {
			p.sourceUnknown()
		}
		return false
	}
	inputs, known := p.inputs()
	if p.awaiting = !known; !known {
		return false
	}
	target, reason := p.wanted(revision, inputs)
	if target == nil || p.awaitsOthers(p.newRevision(target)) {
		return false
	}
	p.st.Target = target
	p.bindEmergency(target)
	return p.startDeploy(reason)
}

// startDeploy records the intent to bring p.st.Target about and asks for its
// build.
func (p *pass) startDeploy(reason string) bool {
	failed := failures(p.st, v1alpha1.OperationDeploy, p.st.Target.Digest)
	op := p.start(v1alpha1.OperationDeploy, v1alpha1.StepBuilding, reason)
	op.Target = p.st.Target.DeepCopy()
	op.Attempt = int32(counted(failed) + 1)
	if len(failed) > 0 && failedVerification(failed[0]) && p.st.Plan != nil {
		// It is deployed: only its verification is tried again.
		op.Plan, op.StackID, op.Outcome = p.st.Plan.DeepCopy(), p.st.StackID, v1alpha1.OutcomeSucceeded
		op.Step = v1alpha1.StepAfterHook
		if all := checksOf(&p.obj.Spec); len(all) == 0 || !all[0].hook {
			op.Step = v1alpha1.StepVerifying
			return p.again()
		}
	}
	return p.act(ActStartRun, p.poll(op.StepStartedAt))
}

// failedVerification says whether a deployment ended in place, and only its
// verification failed.
func failedVerification(e v1alpha1.HistoryEntry) bool {
	return isOneOf(e.Reason, verificationFailures)
}

func followDeploy(p *pass, op *v1alpha1.Operation) bool {
	p.noteStack(op)
	if p.unsettled(op) {
		return true
	}
	if givenUp := p.superseded(op); givenUp != "" {
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, givenUp)
		return false
	}
	if p.lacksCredentials() {
		return true
	}
	return p.followStep(op)
}

// noteStack notes the stack that the change set is of. One that the change set
// made is deleted with the object as long as it is empty; from its execution on
// it is the object's own. One that was there before is neither.
func (p *pass) noteStack(op *v1alpha1.Operation) {
	cs := p.seen.ChangeSet
	if !cs.Exists {
		return
	}
	op.StackID = cs.StackID
	stack := p.seen.Stack
	if stack.Status == statusReview && stack.ID == cs.StackID && p.seen.Rival.Name == "" && op.AcceptedAt == nil && !began(cs) {
		p.claim(cs.StackID, v1alpha1.ClaimMade)
	}
}

// unsettled waits, before a deleted object is let go, until CloudFormation
// must have shown the stack of a change set that was asked for just before.
func (p *pass) unsettled(op *v1alpha1.Operation) bool {
	stack, cs := p.seen.Stack, p.seen.ChangeSet
	switch {
	case !p.deleting() || !MayDestroy(&p.obj.Spec) || op.Step != v1alpha1.StepPlanning || op.RequestedAt == nil:
		return false
	case p.lacksCredentials() || p.unseen(stack.Err, cs.Err):
		return true
	case (stack.Exists && cs.Exists) || p.now.Sub(op.RequestedAt.Time) >= settled:
		return false
	}
	p.say(waiting, stateDestroying, "waiting for the change set that was asked for, to clear it away")
	return p.look(p.poll(op.StepStartedAt))
}

// superseded says why a deployment that has not changed anything yet is given
// up, or "". Once the change set is being executed it is followed to its end;
// its verification gives way to whatever is wanted next.
func (p *pass) superseded(op *v1alpha1.Operation) string {
	switch {
	case op.Step == v1alpha1.StepAfterHook, op.Step == v1alpha1.StepVerifying:
		return p.verificationGivenUp(op)
	case !rowOf(op).tentative:
		return ""
	}
	switch {
	case p.deleting():
		return "the object was deleted before anything was changed"
	case p.obj.Spec.Suspend:
		return "suspended before anything was changed"
	case !MayDeploy(&p.obj.Spec):
		return "actions.deploy was set to false before anything was changed"
	case SpecDigest(&p.obj.Spec) != op.Target.SpecDigest:
		return "the spec was edited before anything was changed"
	case !reverts(op) && op.RequestedAt != nil && op.RollbackDigest != rollbackDigest(&p.obj.Spec):
		return "spec.rollback was edited before anything was changed"
	case p.inputsMoved(op.Target):
		return "what contextFrom and parametersFrom read was changed before anything was changed"
	}
	if reverts(op) {
		return p.revertGivenUp(op)
	}
	if p.outrun(op) {
		return "a newer commit was seen while the plan waited"
	}
	return p.orderTaken(op)
}

func (p *pass) verificationGivenUp(op *v1alpha1.Operation) string {
	switch {
	case p.deleting():
		return "the object was deleted before the deployment was verified"
	case SpecDigest(&p.obj.Spec) != op.Target.SpecDigest:
		return "the spec was edited before the deployment was verified"
	case op.Target.Order != p.st.Orders.Current:
		return "another deployment was ordered before this one was verified"
	}
	return ""
}

// orderTaken lets an operation of the same revision stand for an order that
// was given while it was being built, and gives it up for a newer revision.
func (p *pass) orderTaken(op *v1alpha1.Operation) string {
	if op.Target.Order == p.st.Orders.Current {
		return ""
	}
	revision, ok := p.head()
	if _, urgent := emergencyAt(p.st.Orders.Current); !ok && urgent && p.seen.Head.Err != nil {
		revision, ok = op.Target.Revision, true // an emergency does not wait for a repository
	}
	switch {
	case !ok:
		return ""
	case revision != op.Target.Revision:
		return "a newer commit was ordered before anything was changed"
	case p.obj.Spec.PlanOnly && op.HeldSince != nil:
		return "another plan was ordered" // nothing else is done with this one
	}
	op.Target = newTarget(revision, op.Target.SpecDigest, p.st.Orders.Current, op.Target.Inputs)
	p.st.Target = op.Target.DeepCopy()
	p.bindEmergency(p.st.Target)
	return ""
}

// build waits for the run and takes its plan.
func build(p *pass, op *v1alpha1.Operation) bool {
	if spoke, ok := p.acted(); !ok {
		return spoke
	}
	run := p.seen.Run
	if p.unseen(run.Err) {
		return true
	}
	switch run.State {
	case RunNone:
		return p.act(ActStartRun, p.poll(op.StepStartedAt))
	case RunRunning:
		if run.Waiting != nil && p.edited() {
			// What keeps it waiting may be what was edited: nothing has begun yet.
			p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "the spec was edited while the run waited to begin")
			return false
		}
		return p.runs(op, run)
	}
	return p.takePlan(op, run.Result)
}

func (p *pass) takePlan(op *v1alpha1.Operation, result *RunResult) bool {
	if result == nil || (result.Plan == nil && result.Failure == nil) {
		return p.fail(problem.RunLost.New("the run ended without a result"))
	}
	p.noted(op, result)
	if f := result.Failure; f != nil {
		return p.fail(f)
	}
	if err := FitPlan(result.Plan); err != nil {
		return p.fail(problem.Of(err))
	}
	if moved := movedAway(p.st.StackID, result.Plan); moved != nil {
		return p.fail(moved)
	}
	op.RunStep, op.Ahead, op.Plan = "", 0, result.Plan
	op.Plan.InputsDigest = op.Target.Inputs
	p.st.Plan = result.Plan.DeepCopy()
	p.st.Plan.ConstructPaths, p.st.Plan.Validation = nil, nil
	p.step(v1alpha1.StepPlanning)
	return p.again()
}

// movedAway refuses a plan that would make a second stack and leave the one
// that this object deployed behind, unwatched.
func movedAway(stackID string, plan *v1alpha1.Plan) *problem.Problem {
	at, ok := PlaceOf(stackID)
	switch {
	case !ok:
		return nil
	case plan.Account != "" && plan.Account != at.Account:
		return errAccountChanged.New(
			"the stack %s lives in account %s, and the credentials are now of account %s: restore the credentials, or delete this object and create another for the new account", at.StackName, at.Account, plan.Account)
	case plan.Region != "" && plan.Region != at.Region:
		return errRegionChanged.New(
			"the stack %s is in region %s, and the app now deploys to %s: set spec.awsRegion back to %s, or create another CdkTsStack for the new region", at.StackName, at.Region, plan.Region, at.Region)
	case plan.StackName != at.StackName:
		return errStackNameChanged.New(
			"the app now names this stack %s in CloudFormation, and %s is deployed and would be left behind: restore the name, or create another CdkTsStack for the new one", plan.StackName, at.StackName)
	}
	return nil
}
