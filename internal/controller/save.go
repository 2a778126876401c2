package controller

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/report"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// written remembers the version of each object that this process wrote or
// read last from the API server itself. A cached object of another version may
// be older than our own last write, and acting on it would do things twice.
type written struct {
	mu       sync.Mutex
	versions map[types.NamespacedName]string
}

func (w *written) note(obj client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.versions == nil {
		w.versions = map[types.NamespacedName]string{}
	}
	w.versions[client.ObjectKeyFromObject(obj)] = obj.GetResourceVersion()
}

// doubts says whether a cached object may be older than what we wrote.
func (w *written) doubts(obj client.Object) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	version, known := w.versions[client.ObjectKeyFromObject(obj)]
	return known && version != obj.GetResourceVersion()
}

func (w *written) forget(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.versions, name)
}

// read gives the object from the cache, or from the API server when the cache
// may not have caught up with our own last write. Its operation may be one that
// is not saved.
func (r *Reconciler) read(ctx context.Context, name types.NamespacedName) (*v1alpha1.CdkTsStack, error) {
	obj := &v1alpha1.CdkTsStack{}
	if err := r.Client.Get(ctx, name, obj); err != nil {
		return nil, err
	}
	if r.written.doubts(obj) {
		obj = &v1alpha1.CdkTsStack{}
		if err := r.Live.Get(ctx, name, obj); err != nil {
			return nil, err
		}
		r.written.note(obj)
	}
	r.checks.resume(obj)
	return obj, nil
}

// save writes what differs from the status that the API server has, under an
// optimistic lock; a steady state writes nothing. What the API server has does
// not depend on what is saved by now: the hooks may have been edited since.
func (r *Reconciler) save(ctx context.Context, obj *v1alpha1.CdkTsStack, status v1alpha1.CdkTsStackStatus) error {
	was, is := obj.Status, decide.Saved(&obj.Spec, &status)
	if r.checks.holds(obj) {
		was.Operation = nil
	}
	if !equality.Semantic.DeepEqual(was, is) {
		version, err := r.patchStatus(ctx, obj, &was, &is)
		if err != nil {
			return err
		}
		obj.ResourceVersion = version
		r.written.note(obj)
	}
	obj.Status = status
	r.checks.hold(obj)
	return nil
}

// patchStatus sends the difference between two statuses, and gives the version
// of the object that has it. The answer of the API server is its metadata only:
// a whole object costs more to read than a small change to send.
func (r *Reconciler) patchStatus(ctx context.Context, obj *v1alpha1.CdkTsStack, was, is *v1alpha1.CdkTsStackStatus) (version string, err error) {
	patch, err := statusPatch(obj.ResourceVersion, was, is)
	if err != nil {
		return "", fmt.Errorf("tell what changed in the status: %w", err)
	}
	written := metadataOf(&v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: obj.Namespace, Name: obj.Name}})
	if err := r.Client.Status().Patch(ctx, written, client.RawPatch(types.MergePatchType, patch)); err != nil {
		if tooLarge(err) {
			r.reporter().Send(obj, report.Event{Warning: true, Reason: "StatusTooLarge", Action: "Save", Note: "The object is too large for its status to be saved, and nothing is done about it: make its spec and annotations smaller"})
		}
		return "", fmt.Errorf("save the status: %w", err)
	}
	return written.ResourceVersion, nil
}

// statusPatch is the JSON merge patch from one status to another, for the object
// in that version only. What did not change is not even looked into.
func statusPatch(version string, was, is *v1alpha1.CdkTsStackStatus) ([]byte, error) {
	var from, to v1alpha1.CdkTsStack
	before, after := reflect.ValueOf(was).Elem(), reflect.ValueOf(is).Elem()
	for i := range before.NumField() {
		if !equality.Semantic.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()) {
			reflect.ValueOf(&from.Status).Elem().Field(i).Set(before.Field(i))
			reflect.ValueOf(&to.Status).Elem().Field(i).Set(after.Field(i))
		}
	}
	from.ResourceVersion = version
	return client.MergeFromWithOptions(&from, client.MergeFromWithOptimisticLock{}).Data(&to)
}

// tooLarge says whether the API server, or etcd behind it, refuses an object
// for its size. The latter has no status of its own: see
// https://etcd.io/docs/v3.5/dev-guide/limit/
func tooLarge(err error) bool {
	return apierrors.IsRequestEntityTooLargeError(err) || strings.Contains(err.Error(), "etcdserver: request is too large")
}
