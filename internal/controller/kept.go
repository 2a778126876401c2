package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/preflight"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// What the operator makes in the cluster carries this label. An object that
// lost it belongs to whoever took it away.
const (
	managedBy    = "app.kubernetes.io/managed-by"
	operatorName = "awscdk-operator"
)

// What the operator keeps in the cluster is watched, the metadata only, and
// put back when somebody changes or deletes it. Secrets are not watched: that
// would take the right to list all of them. Their versions are read by name.
//
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=serviceaccounts,resourceNames=awscdk-operator-hooks,verbs=list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,resourceNames=awscdk-operator-hooks,verbs=list;watch

// registerKeeping makes the manager that works watch what it keeps. The cache
// is one of its own, so that a right that is missing delays nothing else.
func (r *Reconciler) registerKeeping(mgr ctrl.Manager) error {
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{managedBy: operatorName})}
	hooks := cache.ByObject{Field: fields.OneTermEqualSelector(metav1.ObjectNameField, preflight.HookIdentity)}
	kept, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(), HTTPClient: mgr.GetHTTPClient(), Mapper: mgr.GetRESTMapper(),
		DefaultNamespaces: r.namespaces(), DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{&corev1.ConfigMap{}: ours, &corev1.ServiceAccount{}: hooks, &rbacv1.RoleBinding{}: hooks},
	})
	if err != nil {
		return fmt.Errorf("watch what is kept in the cluster: %w", err)
	}
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		return r.watchKept(ctx, kept)
	}))
}

func (r *Reconciler) namespaces() map[string]cache.Config {
	var limited map[string]cache.Config
	for _, name := range r.Namespaces {
		if limited == nil {
			limited = map[string]cache.Config{}
		}
		limited[name] = cache.Config{}
	}
	return limited
}

// watchKept follows what is kept until the context ends.
func (r *Reconciler) watchKept(ctx context.Context, kept cache.Cache) error {
	lost := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](betweenRepairs, copyRetryMax))
	identity := func(o metav1.Object, _ bool) {
		if o.GetLabels()[managedBy] == operatorName {
			lost.Add(o.GetNamespace())
		}
	}
	for _, w := range []struct {
		kind    schema.GroupVersionKind
		changed func(o metav1.Object, gone bool)
	}{
		{corev1.SchemeGroupVersion.WithKind("ConfigMap"), r.copyChanged},
		{corev1.SchemeGroupVersion.WithKind("ServiceAccount"), identity},
		{rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), identity},
	} {
		if err := watchMetadata(ctx, kept, w.kind, w.changed); err != nil {
			return err
		}
	}
	go func() { <-ctx.Done(); lost.ShutDown() }()
	go r.restoreIdentities(ctx, lost)
	go r.checkCopies(ctx)
	return kept.Start(ctx)
}

// watchMetadata calls changed for each object of a kind that is there, comes,
// changes or goes.
func watchMetadata(ctx context.Context, c cache.Cache, kind schema.GroupVersionKind, changed func(o metav1.Object, gone bool)) error {
	of := &metav1.PartialObjectMetadata{}
	of.SetGroupVersionKind(kind)
	informer, err := c.GetInformer(ctx, of, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch %s: %w", kind.Kind, err)
	}
	tell := func(o any, gone bool) {
		if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
			o = last.Obj
		}
		if m, err := meta.Accessor(o); err == nil {
			changed(m, gone)
		}
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { tell(o, false) },
		UpdateFunc: func(_, o any) { tell(o, false) },
		DeleteFunc: func(o any) { tell(o, true) },
	})
	if err != nil {
		return fmt.Errorf("watch %s: %w", kind.Kind, err)
	}
	return nil
}

// copyChanged wakes the object whose copy of its outputs is another than the
// one that was written.
func (r *Reconciler) copyChanged(o metav1.Object, gone bool) {
	owner := metav1.GetControllerOf(o)
	if owner == nil || owner.Kind != "CdkTsStack" {
		return
	}
	version := o.GetResourceVersion()
	if gone {
		version = ""
	}
	name := types.NamespacedName{Namespace: o.GetNamespace(), Name: owner.Name}
	if r.outputs.doubt(name, o.GetName(), version) {
		r.wake.addAfter(name, 0)
	}
}

// copiesChecked is how many copies are checked in a second at most, and
// copyCheck how often each is when there are few.
const (
	copiesChecked = 16
	copyCheck     = time.Minute
)

// checkCopies reads the versions of the copies by name, one after another, so
// that those in Secrets are put back too.
func (r *Reconciler) checkCopies(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		for _, name := range r.outputs.unchecked(r.Now()) {
			r.checkCopy(ctx, name)
		}
	}
}

func (r *Reconciler) checkCopy(ctx context.Context, name types.NamespacedName) {
	c, is := r.outputs.get(name), &metav1.PartialObjectMetadata{}
	is.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	if c.secret {
		is.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	}
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: name.Namespace, Name: c.name}, is)
	if client.IgnoreNotFound(err) != nil {
		return // it is read again in its turn
	}
	if r.outputs.doubt(name, c.name, is.ResourceVersion) {
		r.wake.addAfter(name, 0)
	}
}

// restoreIdentities gives the hooks of a namespace back what somebody took of
// their identity, as long as there are any.
func (r *Reconciler) restoreIdentities(ctx context.Context, lost workqueue.TypedRateLimitingInterface[string]) {
	restored := map[string]time.Time{}
	for {
		namespace, shutdown := lost.Get()
		if shutdown {
			return
		}
		lost.Done(namespace)
		if wait := restored[namespace].Add(betweenRepairs).Sub(r.Now()); wait > 0 {
			lost.AddAfter(namespace, wait)
			continue
		}
		restored[namespace] = r.Now()
		if !r.hasHooks(ctx, namespace) {
			continue
		}
		if err := r.keepHookIdentity(ctx, namespace); err != nil {
			r.Log.Warn("restore the identity of hooks", "namespace", namespace, "error", err)
			if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
				lost.AddRateLimited(namespace)
			}
			continue
		}
		lost.Forget(namespace)
	}
}

// hasHooks says whether an object of a namespace has hooks.
func (r *Reconciler) hasHooks(ctx context.Context, namespace string) bool {
	var all v1alpha1.CdkTsStackList
	if err := r.Client.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return false
	}
	return slices.ContainsFunc(all.Items, func(o v1alpha1.CdkTsStack) bool { return o.Spec.LifecycleHooks != nil })
}
