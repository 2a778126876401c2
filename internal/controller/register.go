package controller

import (
	"context"
	"fmt"
	"maps"

	"awscdk.dev/operator/api/v1alpha1"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// +kubebuilder:rbac:groups=awscdk.dev,resources=cdktsstacks,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=awscdk.dev,resources=cdktsstacks/status,verbs=patch
// +kubebuilder:rbac:groups=awscdk.dev,resources=cdktsstacks/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;update
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;create;update
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups="";events.k8s.io,namespace=awscdk-operator-system,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=awscdk-operator-system,resources=leases,verbs=get;create;update

// Scheme knows every kind that a Reconciler reads and writes.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		v1alpha1.AddToScheme, corev1.AddToScheme, batchv1.AddToScheme, rbacv1.AddToScheme, authenticationv1.AddToScheme, authorizationv1.AddToScheme,
		coordinationv1.AddToScheme,
	} {
		utilruntime.Must(add(s))
	}
	return s
}

// workers is how many passes go on at once. A pass makes a few short calls
// and waits for nothing else; one account that hangs must not take them all.
const workers = 32

// Register makes the manager run the reconciler, and clear the runs that an
// earlier manager left behind.
func (r *Reconciler) Register(mgr ctrl.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.CdkTsStack{}, placeIndex, placesOf); err != nil {
		return fmt.Errorf("index the objects by their stacks: %w", err)
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.CdkTsStack{}, dependsIndex, dependsOn); err != nil {
		return fmt.Errorf("index the objects by what they depend on: %w", err)
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("cdktsstack").
		For(&v1alpha1.CdkTsStack{}, builder.WithPredicates(r.ours())).
		Watches(&v1alpha1.CdkTsStack{}, r.wake.claimChanged()).
		Watches(&v1alpha1.CdkTsStack{}, r.neighbours.changed()).
		WatchesRawSource(source.Func(r.wake.start)).
		WatchesRawSource(source.Func(func(ctx context.Context, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			return r.listRuns(ctx, mgr.GetCache())
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("register the controller: %w", err)
	}
	return r.registerKeeping(mgr)
}

// userChanged lets pass what users do to an object, the order of an empty
// phase among it, and drops the echo of our own writes of the status. Who
// replaces an object takes its finalizer away without meaning it.
func userChanged(e event.UpdateEvent) bool {
	was, is := e.ObjectOld, e.ObjectNew
	stack, ok := is.(*v1alpha1.CdkTsStack)
	return !ok ||
		stack.Status.Phase == v1alpha1.PhaseNone ||
		!controllerutil.ContainsFinalizer(is, v1alpha1.Finalizer) ||
		was.GetGeneration() != is.GetGeneration() ||
		was.GetDeletionTimestamp().IsZero() != is.GetDeletionTimestamp().IsZero() ||
		!maps.Equal(was.GetAnnotations(), is.GetAnnotations())
}
