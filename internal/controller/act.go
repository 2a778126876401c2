package controller

import (
	"context"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// act does the one thing that was decided, after the intent was saved. Each
// action may be repeated safely: all that it does is named after the
// operation in the status.
func (r *Reconciler) act(ctx context.Context, obj *v1alpha1.CdkTsStack, action decide.Action, seen decide.Observed) decide.Acted {
	acted := decide.Acted{Action: action}
	switch action {
	case decide.ActNothing:
	case decide.ActStartRun:
		acted.Err = r.startRun(ctx, obj)
	default:
		acted.DetectionID, acted.Err = r.actOnAWS(ctx, obj, action, seen.Stack)
	}
	if acted.Err != nil && putOff(ctx) == 0 {
		r.Log.Warn("action failed", "namespace", obj.Namespace, "name", obj.Name, "action", action, "error", acted.Err)
	}
	return acted
}

func (r *Reconciler) actOnAWS(ctx context.Context, obj *v1alpha1.CdkTsStack, action decide.Action, stack decide.Stack) (detectionID string, err error) {
	aws, err := r.aws(ctx, obj)
	if err != nil {
		return "", err
	}
	if action == decide.ActDeleteChangeSet {
		discarded := obj.Status.DiscardedChangeSets[0]
		return "", judged(aws.DeleteChangeSet(ctx, discarded.Stack, discarded.Name))
	}
	op := obj.Status.Operation
	plan, token := plan(obj), decide.Token(op)
	switch action {
	case decide.ActCreateChangeSet:
		err = aws.CreateChangeSet(ctx, cloudformation.ChangeSetRequest{
			StackName: plan.StackName, Name: op.ID, Token: token, Plan: *plan, Create: stack.Unborn(),
		})
	case decide.ActExecute:
		err = aws.ExecuteChangeSet(ctx, cloudformation.Execution{StackID: op.StackID, ChangeSet: op.ID, Token: token})
	case decide.ActProtect:
		err = aws.SetTerminationProtection(ctx, op.StackID, *plan.TerminationProtection)
	case decide.ActContinueRollback:
		err = aws.ContinueUpdateRollback(ctx, op.StackID, token, plan.ExecutionRoleARN)
	case decide.ActDeleteStack:
		err = r.deleteStack(ctx, aws, obj, token, plan.ExecutionRoleARN)
	case decide.ActDetectDrift:
		detectionID, err = r.detectDrift(ctx, obj, op)
	default:
		err = fmt.Errorf("unknown action %q", action)
	}
	return detectionID, judged(err)
}

// deleteStack deletes the stack of the operation in flight. One that the object
// only made is deleted as long as it is empty and nobody else is about to use
// it.
func (r *Reconciler) deleteStack(ctx context.Context, aws *cloudformation.Client, obj *v1alpha1.CdkTsStack, token, role string) error {
	op := obj.Status.Operation
	if op.Kind == v1alpha1.OperationDestroy && decide.Claim(&obj.Status) == v1alpha1.ClaimMade {
		own := func(changeSet string) bool { return decide.OwnChangeSet(obj, changeSet) }
		return aws.DeleteEmptyStack(ctx, op.StackID, token, role, own)
	}
	return aws.DeleteStack(ctx, op.StackID, token, role)
}

// plan is what the operation in flight deploys or, for one that builds
// nothing, what was built last: its roles are those to act with.
func plan(obj *v1alpha1.CdkTsStack) *v1alpha1.Plan {
	st := &obj.Status
	switch {
	case st.Operation != nil && st.Operation.Plan != nil:
		return st.Operation.Plan
	case st.Plan != nil:
		return st.Plan
	case st.Deployed != nil:
		return &st.Deployed.Plan
	}
	return &v1alpha1.Plan{StackName: obj.Spec.StackName}
}

// startRun hands the present step of the operation in flight to the executor:
// a build, a hook or the reading of a commit.
func (r *Reconciler) startRun(ctx context.Context, obj *v1alpha1.CdkTsStack) error {
	op, hook := obj.Status.Operation, decide.HookAt(&obj.Spec, obj.Status.Operation)
	secrets, missing, err := r.runSecrets(ctx, obj, op)
	if err != nil {
		return err
	}
	values, err := decide.Context(obj.Spec.CDKContext)
	if err != nil {
		return problem.InvalidSpec.New("%s", err.Error())
	}
	git := obj.Spec.Source.Git
	req := run.Request{
		Operation:  runOperation(op),
		Namespace:  obj.Namespace,
		Name:       obj.Name,
		UID:        string(obj.UID),
		Repository: git.Repository,
		Ref:        git.Ref,
		Semver:     git.Semver,
		Revision:   revision(obj, op),
		Path:       obj.Spec.Path,
		StackName:  obj.Spec.StackName,
		Region:     obj.Spec.AWSRegion,
		Account:    r.Account,
		Context:    values,
	}
	if req.Artifact, err = r.runArtifact(ctx, obj, op); err != nil {
		if op.Kind != v1alpha1.OperationDestroy {
			return err
		}
		missing = err.Error()
	}
	req.Timeout = prepareTimeout
	if t := obj.Spec.Timeout; t != nil {
		req.Timeout = t.Duration
	}
	if op.Step == v1alpha1.StepInspecting {
		req.Inspect = &run.Inspect{Since: obj.Status.Target.Revision}
		req.Inspect.Include, req.Inspect.Ignore = decide.Followed(&obj.Spec, &obj.Status)
	}
	if hook.Script != "" {
		if err := r.hookRequest(ctx, obj, hook, &req, &secrets); err != nil {
			return err
		}
		req.Hook.ProjectMissing = missing
	}
	name := decide.RunName(op)
	r.wake.onRun(name, client.ObjectKeyFromObject(obj))
	return waits(r.Executor.Start(ctx, name, req, secrets))
}

func runOperation(op *v1alpha1.Operation) run.Operation {
	switch op.Step {
	case v1alpha1.StepBuilding:
		return run.OperationBuild
	case v1alpha1.StepInspecting:
		return run.OperationInspect
	}
	return run.OperationHook
}

// revision is the commit that the run of an operation checks out: that which
// the operation is about, or else what is deployed.
func revision(obj *v1alpha1.CdkTsStack, op *v1alpha1.Operation) string {
	st := &obj.Status
	switch {
	case op.Target != nil && op.Target.Revision != "":
		return op.Target.Revision
	case op.Revision != "":
		return op.Revision
	case st.Deployed != nil && st.Deployed.Target.Revision != "":
		return st.Deployed.Target.Revision
	case st.Target != nil:
		return st.Target.Revision
	}
	return ""
}

// letGo removes our finalizer; the object is then gone.
func (r *Reconciler) letGo(ctx context.Context, obj *v1alpha1.CdkTsStack) error {
	before := obj.DeepCopy()
	controllerutil.RemoveFinalizer(obj, v1alpha1.Finalizer)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, obj, patch); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove the finalizer: %w", err)
	}
	return nil
}

// tidy removes the run of an operation that ends or moves on. It is a matter of
// tidiness only; what it misses is cleared when the manager next starts.
func (r *Reconciler) tidy(ctx context.Context, before, after *v1alpha1.CdkTsStack) {
	was, is := before.Status.Operation, after.Status.Operation
	if was == nil || (is != nil && is.ID == was.ID && is.Step == was.Step) {
		return
	}
	if decide.Runs(was) {
		name := decide.RunName(was)
		r.wake.forgetRun(name)
		if err := r.Executor.Remove(ctx, name); err != nil {
			r.Log.Warn("remove a run", "run", name, "error", err)
		}
	}
}
