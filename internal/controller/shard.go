package controller

import (
	"context"
	"reflect"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Several managers share the objects by a label. Each knows all objects, since
// two objects of one stack may be in different shards, but of those that others
// take only what makes them rivals and what their runs are called. All are in
// one cache, so that an object that moves is never unknown in between.

// CacheObjects is how the cache of a shard's manager holds objects.
func CacheObjects(shard string) map[client.Object]ctrlcache.ByObject {
	return map[client.Object]ctrlcache.ByObject{&v1alpha1.CdkTsStack{}: {Transform: strip(shard)}}
}

// takes says whether an object is one of a shard's; "" has those without a label.
func takes(shard string, obj client.Object) bool {
	return obj.GetLabels()[v1alpha1.ShardLabel] == shard
}

// strip drops what nobody reads of an object before it is kept, and makes the rest
// smaller.
func strip(shard string) cache.TransformFunc {
	return func(o any) (any, error) {
		obj, ok := o.(*v1alpha1.CdkTsStack)
		if !ok {
			return o, nil
		}
		if !takes(shard, obj) {
			return outline(obj), nil
		}
		obj.ManagedFields = nil
		delete(obj.Annotations, corev1.LastAppliedConfigAnnotation)
		compact(reflect.ValueOf(obj).Elem())
		return obj, nil
	}
}

// outline is what a manager has to know of an object that another one takes.
func outline(obj *v1alpha1.CdkTsStack) *v1alpha1.CdkTsStack {
	known := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{
		Namespace: obj.Namespace, Name: obj.Name, UID: obj.UID, ResourceVersion: obj.ResourceVersion, Generation: obj.Generation,
		CreationTimestamp: obj.CreationTimestamp, DeletionTimestamp: obj.DeletionTimestamp, Labels: obj.Labels,
	}}
	if a := obj.Spec.Actions; a != nil {
		known.Spec.Actions = &v1alpha1.Actions{DriftDetection: a.DriftDetection}
	}
	outlineOrder(known, obj)
	known.Status.StackID, known.Status.StackClaim = obj.Status.StackID, decide.Claim(&obj.Status)
	known.Status.Operation, known.Status.Held = outlineOf(obj.Status.Operation), outlineOf(obj.Status.Held)
	return known
}

// outlineOrder keeps what those see of an object that depend on it, or that it
// depends on.
func outlineOrder(known, obj *v1alpha1.CdkTsStack) {
	known.Spec.DependsOn, known.Spec.ContextFrom, known.Spec.ParametersFrom = obj.Spec.DependsOn, obj.Spec.ContextFrom, obj.Spec.ParametersFrom
	known.Spec.Suspend, known.Spec.Source = obj.Spec.Suspend, obj.Spec.Source
	if a := obj.Spec.Actions; a != nil {
		known.Spec.Actions.Destroy = a.Destroy
	}
	st := &obj.Status
	known.Status.ObservedGeneration, known.Status.Outputs, known.Status.Target = st.ObservedGeneration, st.Outputs, st.Target
	if c := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady); c != nil {
		known.Status.Conditions = []metav1.Condition{{Type: c.Type, Status: c.Status, Reason: c.Reason}}
	}
	if d := st.Deployed; d != nil {
		known.Status.Deployed = &v1alpha1.Deployment{Target: d.Target, At: d.At}
	}
	if s := st.Source; s != nil {
		known.Status.Source = &v1alpha1.SourceStatus{IrrelevantRevision: s.IrrelevantRevision, PendingRevision: s.PendingRevision}
	}
	if h := st.History; len(h) > 0 && len(h[0].InUseBy) > 0 {
		known.Status.History = []v1alpha1.HistoryEntry{{Kind: h[0].Kind, Outcome: h[0].Outcome, Reason: h[0].Reason, Target: h[0].Target, InUseBy: h[0].InUseBy}}
	}
}

// outlineOf is what tells of an operation, nil for none, which run and which
// stack are its.
func outlineOf(op *v1alpha1.Operation) *v1alpha1.Operation {
	if op == nil {
		return nil
	}
	known := &v1alpha1.Operation{ID: op.ID, Kind: op.Kind, Step: op.Step, StackID: op.StackID}
	if plan := op.Plan; plan != nil {
		known.Plan = &v1alpha1.Plan{StackName: plan.StackName, Account: plan.Account, Region: plan.Region}
	}
	return known
}

// ours lets pass what concerns objects of this shard, one that has just left it
// among them.
func (r *Reconciler) ours() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return takes(r.Shard, e.Object) },
		DeleteFunc: func(e event.DeleteEvent) bool { return takes(r.Shard, e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, is := takes(r.Shard, e.ObjectOld), takes(r.Shard, e.ObjectNew)
			return was != is || is && userChanged(e)
		},
	}
}

// leave ends all that this manager does about an object that another one takes
// now. Runs that the other one cannot see end here, and begin there.
func (r *Reconciler) leave(ctx context.Context, obj *v1alpha1.CdkTsStack) {
	if r.OwnRuns {
		for _, run := range r.wake.runsOf(client.ObjectKeyFromObject(obj)) {
			if err := r.Executor.Remove(ctx, run); err != nil {
				r.Log.Warn("remove the run of an object that another manager takes", "run", run, "error", err)
			}
		}
	}
	r.forget(client.ObjectKeyFromObject(obj))
}

// withdrawer is an executor with runs that only it knows of: they wait for their
// turn with it. Withdraw drops such a run, and touches none that has begun.
type withdrawer interface {
	Withdraw(name string)
}

// withdraw drops the runs of an object that have not begun. Whoever takes the
// object begins them; nobody does when it is gone.
func (r *Reconciler) withdraw(name types.NamespacedName) {
	e, ok := r.Executor.(withdrawer)
	if !ok {
		return
	}
	for _, run := range r.wake.runsOf(name) {
		e.Withdraw(run)
	}
}
