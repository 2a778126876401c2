// Package controller is the loop around one CdkTsStack: observe, decide,
// record, save, report, act. It decides nothing itself (package decide
// does) and waits for nothing: what takes long is looked at again later.
package controller

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/httpcheck"
	"awscdk.dev/operator/internal/policy"
	"awscdk.dev/operator/internal/preflight"
	"awscdk.dev/operator/internal/report"
	"awscdk.dev/operator/internal/run"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// Options are what a Reconciler is made of. All are required except for those
// said to be optional.
type Options struct {
	// Client reads CdkTsStacks from a cache and writes to the API server.
	Client client.Client
	// Live reads from the API server: Secrets, which are never cached, and
	// objects that the cache may not have caught up with.
	Live     client.Reader
	Recorder events.EventRecorder
	Executor executor.Executor
	Heads    *git.Heads
	// Endpoints asks those of spec.freeze.
	Endpoints *httpcheck.Endpoints
	// HTTP asks for the checks of spec.verification, Probes in the background.
	HTTP     *httpcheck.Client
	Probes   *httpcheck.Probes[decide.Checkup]
	AWS      *cloudformation.Clients
	Metrics  *report.Metrics
	Settings decide.Settings
	Now      func() time.Time
	Log      *slog.Logger
	// Account is CDK_DEFAULT_ACCOUNT for all builds; optional: the account of
	// the credentials is asked for.
	Account string
	// HookEnv are the operator's own variables that hooks get, HookSecrets the
	// names of those whose values are secret; optional.
	HookEnv     map[string]string
	HookSecrets []string
	// Kubernetes is the API server that the hooks' kubectl speaks to;
	// optional: without it kubectl works in no hook.
	Kubernetes run.Kubernetes
	// Namespaces are those that are watched, none for all.
	Namespaces []string
	// Shard is the label of the objects that are taken, "" for those without
	// one; see CacheObjects.
	Shard string
	// OwnRuns says that the executor's runs cannot be seen by other managers.
	OwnRuns bool
	// Preflight knows what is missing around the operator; optional.
	Preflight *preflight.Preflight
	// OwnIdentity says what objects may use the process's own AWS identity for;
	// "" is OwnIdentityAll.
	OwnIdentity OwnIdentity
	// RunsApart says that runs have no AWS identity but what they are handed, so
	// that those of the process's own are handed keys that end.
	RunsApart bool
	// PolicyNamespace is where ConfigMaps with PolicyLabel are policies for all
	// objects, "" for no such policies.
	PolicyNamespace string
	// BuiltInPolicies hold for all objects, too: see ParseBuiltInPolicies.
	BuiltInPolicies []policy.Source
	// GitDefaults are used for ssh repositories without a Secret of their
	// own; optional.
	GitDefaults *GitDefaults
}

// Reconciler keeps CdkTsStacks as their specs say.
type Reconciler struct {
	Options
	wake    wake
	written written
	checks  checks
	outputs outputs
	plans   plans
	gaps    gaps
	// sessions are those of objects with roles of their own.
	sessions sessions
	recent   recent
	fleet    fleet
	// neighbours and inputs are about others that objects depend on.
	neighbours neighbours
	inputs     inputs
	policies   policies
	checkups   checkups
	// judging bounds how many answers of endpoints are taken apart at once: each
	// may take many times its size in memory.
	judging chan struct{}
}

// New returns a Reconciler; Register makes it run.
func New(o Options) *Reconciler {
	return &Reconciler{Options: o, judging: make(chan struct{}, 2)}
}

// Reconcile makes one pass over one object. An error means that the API
// server or the executor could not be spoken to; everything else is a state
// of the object.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if ctx.Err() != nil {
		return ctrl.Result{}, nil // told to stop: what is still in the queue is the next manager's
	}
	obj, err := r.read(ctx, req.NamespacedName)
	switch {
	case apierrors.IsNotFound(err):
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("read %s: %w", req.NamespacedName, err)
	case !takes(r.Shard, obj):
		r.leave(ctx, obj)
		return ctrl.Result{}, nil
	case controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer):
	case !obj.DeletionTimestamp.IsZero():
		return ctrl.Result{}, nil // it is as good as gone
	default:
		err = r.takeOver(ctx, obj)
	}
	var after time.Duration
	if err == nil {
		after, err = r.pass(obj).run(ctx)
	}
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		// Somebody wrote the object since it was read: look again.
		return ctrl.Result{RequeueAfter: 50 * time.Millisecond}, nil
	}
	return ctrl.Result{RequeueAfter: after}, err
}

// takeOver puts our finalizer on an object before anything is done about it,
// so that it cannot vanish with its stack left behind. The pass goes on with the
// object that it has: nobody can have changed it since.
func (r *Reconciler) takeOver(ctx context.Context, obj *v1alpha1.CdkTsStack) error {
	before := metadataOf(obj)
	written := before.DeepCopy()
	controllerutil.AddFinalizer(written, v1alpha1.Finalizer)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, written, patch); err != nil {
		return fmt.Errorf("put the finalizer on: %w", err)
	}
	obj.Finalizers, obj.ResourceVersion, obj.Generation = written.Finalizers, written.ResourceVersion, written.Generation
	r.written.note(obj)
	return nil
}

// metadataOf is the metadata of an object, to be patched: what the API server gives
// back of it costs less to read than the whole.
func metadataOf(obj *v1alpha1.CdkTsStack) *metav1.PartialObjectMetadata {
	meta := &metav1.PartialObjectMetadata{ObjectMeta: *obj.ObjectMeta.DeepCopy()}
	meta.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CdkTsStack"))
	return meta
}

func (r *Reconciler) reporter() report.Reporter {
	return report.Reporter{Recorder: r.Recorder, Metrics: r.Metrics, Log: r.Log}
}

// forget drops what is remembered of an object that is gone or that
// another manager takes.
func (r *Reconciler) forget(name types.NamespacedName) {
	r.withdraw(name) // before it is forgotten which those are
	r.wake.forget(name)
	r.Endpoints.Leave(name)
	r.Probes.Keep(name)
	r.checkups.forget(name)
	r.written.forget(name)
	r.checks.forget(name)
	r.outputs.forget(name)
	r.plans.forget(name)
	r.gaps.forget(name)
	r.sessions.forget(name)
	r.neighbours.forget(name)
	r.inputs.forget(name)
	r.Metrics.Forget(name)
}
