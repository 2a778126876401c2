package controller

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/report"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
// may not have caught up with our own last write.
func (r *Reconciler) read(ctx context.Context, name types.NamespacedName) (*v1alpha1.CdkTsStack, error) {
	obj := &v1alpha1.CdkTsStack{}
	if err := r.Client.Get(ctx, name, obj); err != nil {
		return nil, err
	}
	if !r.written.doubts(obj) {
		return obj.DeepCopy(), nil
	}
	live := &v1alpha1.CdkTsStack{}
	if err := r.Live.Get(ctx, name, live); err != nil {
		return nil, err
	}
	r.written.note(live)
	return live, nil
}

// save writes the status under an optimistic lock, if it differs from what is
// there; a steady state writes nothing.
func (r *Reconciler) save(ctx context.Context, obj *v1alpha1.CdkTsStack, status v1alpha1.CdkTsStackStatus) error {
	if equality.Semantic.DeepEqual(obj.Status, status) {
		return nil
	}
	obj.Status = status
	if err := r.Client.Status().Update(ctx, obj); err != nil {
		if tooLarge(err) {
			r.reporter().Send(obj, report.Event{Warning: true, Reason: "StatusTooLarge", Action: "Save", Note: "The object is too large for its status to be saved, and nothing is done about it: make its spec and annotations smaller"})
		}
		return fmt.Errorf("save the status: %w", err)
	}
	r.written.note(obj)
	return nil
}

// tooLarge says whether the API server, or etcd behind it, refuses an object
// for its size. The latter has no status of its own: see
// https://etcd.io/docs/v3.5/dev-guide/limit/
func tooLarge(err error) bool {
	return apierrors.IsRequestEntityTooLargeError(err) || strings.Contains(err.Error(), "etcdserver: request is too large")
}
