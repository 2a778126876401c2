package controller

import (
	"context"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// act does the one thing that was decided, after the intent was saved. Each
// action may be repeated safely: all that it does is named after the
// operation in the status.
func (p *pass) act(ctx context.Context, action decide.Action, seen decide.Observed) decide.Acted {
	acted := decide.Acted{Action: action}
	switch action {
	case decide.ActNothing:
	case decide.ActStartRun:
		acted.Err = p.startRun(ctx)
	default:
		acted.DetectionID, acted.Err = p.actOnAWS(ctx, action, seen.Stack)
	}
	if acted.Err != nil && putOff(ctx) == 0 {
		p.Log.Warn("action failed", "namespace", p.obj.Namespace, "name", p.obj.Name, "action", action, "error", acted.Err)
	}
	return acted
}

func (p *pass) actOnAWS(ctx context.Context, action decide.Action, stack decide.Stack) (detectionID string, err error) {
	aws, err := p.aws(ctx)
	if err != nil {
		return "", err
	}
	if action == decide.ActDeleteChangeSet {
		discarded := p.obj.Status.DiscardedChangeSets[0]
		return "", judged(aws.DeleteChangeSet(ctx, discarded.Stack, discarded.Name))
	}
	if action == decide.ActAnswerRollout {
		return "", judged(p.answerRollout(ctx))
	}
	op := p.obj.Status.Operation
	plan, token := decide.PlanOf(p.obj), decide.Token(op)
	switch action {
	case decide.ActCreateChangeSet:
		err = p.createChangeSet(ctx, aws, cloudformation.ChangeSetRequest{
			StackName: plan.StackName, Name: op.ID, Token: token, Plan: *plan, Create: stack.Unborn(),
		})
	case decide.ActExecute:
		err = aws.ExecuteChangeSet(ctx, cloudformation.Execution{StackID: op.StackID, ChangeSet: op.ID, Token: token})
	case decide.ActProtect:
		err = aws.SetTerminationProtection(ctx, op.StackID, *plan.TerminationProtection)
	case decide.ActContinueRollback:
		err = aws.ContinueUpdateRollback(ctx, op.StackID, token, plan.ExecutionRoleARN)
	case decide.ActDeleteStack:
		err = p.deleteStack(ctx, aws, token, plan.ExecutionRoleARN)
	case decide.ActDetectDrift:
		detectionID, err = p.detectDrift(ctx, op)
	default:
		err = fmt.Errorf("unknown action %q", action)
	}
	return detectionID, judged(err)
}

// createChangeSet has the change set made with what parametersFrom reads now.
func (p *pass) createChangeSet(ctx context.Context, aws *cloudformation.Client, r cloudformation.ChangeSetRequest) error {
	given, hide, err := p.givenParameters(ctx)
	if err != nil {
		return err
	}
	r.Given = given
	return hidden(aws.CreateChangeSet(ctx, r), hide)
}

// deleteStack deletes the stack of the operation in flight. One that the object
// only made is deleted as long as it is empty and nobody else is about to use
// it.
func (p *pass) deleteStack(ctx context.Context, aws *cloudformation.Client, token, role string) error {
	op := p.obj.Status.Operation
	if op.Kind == v1alpha1.OperationDestroy && decide.Claim(&p.obj.Status) == v1alpha1.ClaimMade {
		own := func(changeSet string) bool { return decide.OwnChangeSet(p.obj, changeSet) }
		return aws.DeleteEmptyStack(ctx, op.StackID, token, role, own)
	}
	return aws.DeleteStack(ctx, op.StackID, token, role)
}

// letGo removes our finalizer; the object is then gone.
func (p *pass) letGo(ctx context.Context) error {
	before := p.obj.DeepCopy()
	controllerutil.RemoveFinalizer(p.obj, v1alpha1.Finalizer)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := p.Client.Patch(ctx, p.obj, patch); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove the finalizer: %w", err)
	}
	return nil
}

// tidy removes the run of an operation that ends or moves on. It is a matter of
// tidiness only; what it misses is cleared when the manager next starts.
func (p *pass) tidy(ctx context.Context, before, after *v1alpha1.CdkTsStack) {
	was, is := before.Status.Operation, after.Status.Operation
	if was == nil || (is != nil && is.ID == was.ID && is.Step == was.Step) {
		return
	}
	if decide.Runs(was) {
		name := decide.RunName(was)
		p.wake.forgetRun(name)
		if err := p.Executor.Remove(ctx, name); err != nil {
			p.Log.Warn("remove a run", "run", name, "error", err)
		}
	}
}
