package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"awscdk.dev/operator/api/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// outputs remembers what was copied where, so that a steady state reads and
// writes nothing.
type outputs struct {
	mu     sync.Mutex
	copied map[types.NamespacedName]string
}

func (o *outputs) forget(name types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.copied, name)
}

// done says whether this very copy was made before, and otherwise notes it.
func (o *outputs) done(name types.NamespacedName, state string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.copied == nil {
		o.copied = map[types.NamespacedName]string{}
	}
	if o.copied[name] == state {
		return true
	}
	o.copied[name] = state
	return false
}

// keepOutputs copies the stack's outputs to the ConfigMap or Secret that the
// spec asks for. Its failure is an event, and is tried again in the next pass.
func (r *Reconciler) keepOutputs(ctx context.Context, obj *v1alpha1.CdkTsStack) {
	t, name := obj.Spec.Outputs, client.ObjectKeyFromObject(obj)
	// A stack whose verification is still to come has outputs already: what is
	// verified may be waiting for them.
	nothing := obj.Status.Deployed == nil && len(obj.Status.Outputs) == 0
	if t == nil || nothing || !obj.DeletionTimestamp.IsZero() {
		return
	}
	if r.outputs.done(name, fmt.Sprint(*t, obj.Status.Outputs)) {
		return
	}
	if err := r.copyOutputs(ctx, obj, t); err != nil {
		r.outputs.forget(name)
		r.Recorder.Eventf(obj, nil, corev1.EventTypeWarning, "OutputsNotKept", "Outputs", "%s", err.Error())
	}
}

func (r *Reconciler) copyOutputs(ctx context.Context, obj *v1alpha1.CdkTsStack, t *v1alpha1.OutputsTarget) error {
	if t.SecretName != "" {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: obj.Namespace, Name: t.SecretName}}
		data := map[string][]byte{}
		for k, v := range obj.Status.Outputs {
			data[k] = []byte(v)
		}
		return r.keep(ctx, obj, s, func() { s.Data = data })
	}
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: obj.Namespace, Name: t.ConfigMapName}}
	return r.keep(ctx, obj, c, func() { c.Data = maps.Clone(obj.Status.Outputs) })
}

// keep creates or updates an object that belongs to obj. One of that name that
// belongs to nobody or to another is left alone.
func (r *Reconciler) keep(ctx context.Context, obj *v1alpha1.CdkTsStack, kept client.Object, fill func()) error {
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(kept), kept)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read %s for the outputs: %w", kept.GetName(), err)
	}
	if err == nil && !metav1.IsControlledBy(kept, obj) {
		return fmt.Errorf("the outputs are not copied: %T %s exists and does not belong to this CdkTsStack; choose another name", kept, kept.GetName())
	}
	fill()
	if setErr := controllerutil.SetControllerReference(obj, kept, r.Client.Scheme()); setErr != nil {
		return fmt.Errorf("own %s: %w", kept.GetName(), setErr)
	}
	if apierrors.IsNotFound(err) {
		err = r.Client.Create(ctx, kept)
	} else {
		err = r.Client.Update(ctx, kept)
	}
	if err != nil {
		return fmt.Errorf("write the outputs to %s: %w", kept.GetName(), err)
	}
	return nil
}
