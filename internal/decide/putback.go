package decide

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// putBack has the last good deployment put back when that was decided: its
// template, parameters and tags, by an update of their own, without a build. No
// gate holds it. It is tried as often as a deployment, and then given up.
func putBack(p *pass) bool {
	r := p.st.Rollback
	if r == nil || r.State != v1alpha1.RollbackPending || p.keepsFromPuttingBack() != "" {
		return false
	}
	failed := p.rollbackFailures()
	if len(failed) > 0 {
		attempts, limit, due := p.nextTry(failed)
		if failed[0].Outcome == v1alpha1.OutcomeRefused || attempts > limit {
			now := p.metaNow()
			r.State, r.EndedAt = v1alpha1.RollbackNotDone, &now
			return false
		}
		if !p.due(due) {
			p.say(failing, errRollbackFailed, fmt.Sprintf("%s. Revision %s could not be put back: %s (%s; the next at %s)",
				strings.TrimRight(r.Message, "."), short(r.ToRevision), failed[0].Message, attemptOf(attempts, limit), due.UTC().Format(time.RFC3339)))
			return false
		}
	}
	op := p.start(v1alpha1.OperationRollback, v1alpha1.StepPlanning, string(r.Cause))
	op.Target, op.Plan, op.StackID = p.st.Deployed.Target.DeepCopy(), p.st.Deployed.Plan.DeepCopy(), p.st.StackID
	op.Attempt = int32(counted(failed) + 1)
	return p.again()
}

// followRollback goes on with a rollback. What has changed nothing yet gives way to
// the deletion of the object, to its suspension and to what forbids a rollback to
// begin, and what is only told, to whatever is wanted next.
func followRollback(p *pass, op *v1alpha1.Operation) bool {
	p.noteStack(op)
	switch {
	case p.unsettled(op):
		return true
	case rowOf(op).tentative && p.deleting():
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "the object was deleted before anything was put back")
		return false
	case rowOf(op).tentative && p.obj.Spec.Suspend:
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "suspended before anything was put back")
		return false
	case rowOf(op).tentative && p.keepsFromPuttingBack() != "":
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "actions.deploy was set to false, or planOnly to true, before anything was put back")
		return false
	case (op.Step == v1alpha1.StepAfterHook || op.Step == v1alpha1.StepVerifying) && (p.deleting() || p.editPending()):
		return p.putBackDone(op, "")
	case p.lacksCredentials():
		return true
	}
	return p.followStep(op)
}

// planRollback has the change set made that puts the last good deployment back.
// Where its template is gone, the stack's own will do if that is the same.
func planRollback(p *pass, op *v1alpha1.Operation) bool {
	m := op.Monitoring
	switch a := p.seen.Acted; {
	case a != nil && errors.Is(a.Err, ErrTemplateGone) && m == nil:
		monitoring(op).LastGoodGone = problem.Cut(a.Err.Error(), maxNote)
		return p.again()
	case m == nil || m.LastGoodGone == "" || op.PreviousTemplate || p.seen.ChangeSet.Exists:
	case p.unseen(p.seen.Stack.Err):
		return true
	case !p.seen.Stack.Seen:
		return p.again()
	case p.seen.Stack.Template == "" || p.seen.Stack.Template != op.Plan.TemplateDigest:
		return p.fail(errLastGoodGone.New(
			"revision %s cannot be put back, since its template is gone from the bucket of the CDK bootstrap (%s), and the stack has another one: build it again (set spec.source.git.ref to %s, or kubectl cdk rollback %s -n %s), and have `cdk gc` and lifecycle rules keep what is deployed",
			short(op.Target.Revision), m.LastGoodGone, op.Target.Revision, p.obj.Name, p.obj.Namespace))
	default:
		op.PreviousTemplate = true
	}
	return plan(p, op)
}

// putBackDone ends a rollback that is in place; why is what the checks have
// against it, "" for nothing.
func (p *pass) putBackDone(op *v1alpha1.Operation, why string) bool {
	now := p.metaNow()
	if r := p.st.Rollback; r != nil && r.State == v1alpha1.RollbackPending {
		r.State, r.EndedAt, r.Unchanged, r.Verification = v1alpha1.RollbackDone, &now, op.Outcome == v1alpha1.OutcomeUnchanged, problem.Cut(why, problem.MaxMessage)
	}
	message := fmt.Sprintf("Put revision %s of %s back", short(op.Target.Revision), op.Plan.StackName)
	if op.Outcome == v1alpha1.OutcomeUnchanged {
		message = fmt.Sprintf("There was nothing to put back of %s: the stack differs from revision %s in nothing that is remembered", op.Plan.StackName, short(op.Target.Revision))
	}
	if why != "" {
		message += "; it " + why
	}
	p.end(op.Outcome, problem.Named(string(op.Outcome)), message)
	return false
}

// verifyRollback asks the checks of what was put back, once and for information:
// there is nothing else to go back to.
func verifyRollback(p *pass, op *v1alpha1.Operation) bool {
	failure, done := p.askChecks(op)
	switch {
	case !done:
		return true
	case failure != nil && failure.Outlook == problem.Waits:
		return p.putBackDone(op, "could not be verified: "+failure.Message)
	case failure != nil:
		return p.putBackDone(op, "failed the checks too: "+failure.Message)
	}
	return p.putBackDone(op, "")
}

// wantsLastGood is the template of the last good deployment, when a deployment is
// planned that may have to be taken back to it, "" otherwise.
func wantsLastGood(obj *v1alpha1.CdkTsStack) string {
	op, r, d := obj.Status.Operation, obj.Spec.Rollback, obj.Status.Deployed
	if op == nil || op.Kind != v1alpha1.OperationDeploy || op.Step != v1alpha1.StepPlanning || op.RequestedAt != nil || r == nil || d == nil {
		return ""
	}
	if r.OnUnhealthy != v1alpha1.UnhealthyHold && r.OnUnhealthy != "" || r.OnFailure == v1alpha1.FailureLastGood {
		return d.Plan.TemplateURL
	}
	return ""
}

// noteLastGood notes, before anything is changed, that the last good deployment
// could not be put back.
func (p *pass) noteLastGood(op *v1alpha1.Operation) {
	if errors.Is(p.seen.LastGood, ErrTemplateGone) {
		monitoring(op).LastGoodGone = problem.Cut(fmt.Sprintf("the template of revision %s is gone from the bucket of the CDK bootstrap: should this deployment have to be taken back, that cannot be put back. Have `cdk gc` and lifecycle rules keep what is deployed", short(p.st.Deployed.Target.Revision)), maxNote)
	}
}

// keepsFailed says whether CloudFormation is told to keep what was made when
// something fails. It cannot for a plan that replaces resources.
func (p *pass) keepsFailed(op *v1alpha1.Operation) bool {
	c := p.changesOf(op)
	if op.Kind != v1alpha1.OperationDeploy {
		return false
	}
	return keptFailure(p.seen.Stack.Status) || p.onFailure() == v1alpha1.FailureNone && (c == nil || c.Replace == 0)
}

// keptFailure says whether a stack is as an operation left it that failed and was
// not rolled back.
func keptFailure(status string) bool {
	return status == statusUpdateFailed || status == statusCreateFailed
}

// rollbackKind is what operations have in common that put the last good deployment
// back.
func rollbackKind() kind {
	return kind{
		word: "rollback", phase: v1alpha1.PhaseDeploying, after: AfterDeploy,
		follow: followRollback,
		steps: map[v1alpha1.OperationStep]row{
			v1alpha1.StepPlanning:  {needs: []need{needChanges, needBootstrap, needRival, needTemplate}, tentative: true, sentence: "creating the change set that puts the last good deployment back", follow: planRollback},
			v1alpha1.StepUnwedging: {needs: []need{needEvents}, token: "-continue", sentence: "continuing a rollback that had failed", follow: unwedge},
			v1alpha1.StepExecuting: {needs: []need{needChangeSet, needEvents, needRollouts}, sentence: "putting the last good deployment back", follow: execute},
			v1alpha1.StepVerifying: {asks: true, sentence: "verifying what was put back", follow: verifyRollback},
			v1alpha1.StepAfterHook: {runs: true, run: "-after", hook: AfterDeploy, follow: verifyRollback},
		},
	}
}
