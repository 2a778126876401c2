package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/report"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

const (
	// betweenRepairs bounds a fight with somebody who keeps changing a copy.
	betweenRepairs = 10 * time.Second
	// copyRetry and copyRetryMax are the pauses after a copy that failed.
	copyRetry    = 15 * time.Second
	copyRetryMax = 5 * time.Minute
)

// outputsCopy is what is known of an object's copy of its outputs.
type outputsCopy struct {
	// state is what was copied where; "" until a copy was made.
	state string
	// secret and name say where it is.
	secret bool
	name   string
	// version is the resourceVersion that is as it should be.
	version string
	// doubted: somebody may have changed it since.
	doubted bool
	// writtenAt and checkedAt are when it was last written and last seen.
	writtenAt, checkedAt time.Time
	// failures in a row, the last message among them, and when to try again.
	failures int
	message  string
	retryAt  time.Time
}

// outputs remembers what was copied where, so that a steady state reads and
// writes nothing.
type outputs struct {
	mu     sync.Mutex
	copies map[types.NamespacedName]outputsCopy
}

func (o *outputs) forget(name types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.copies, name)
}

func (o *outputs) get(name types.NamespacedName) outputsCopy {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.copies[name]
}

func (o *outputs) set(name types.NamespacedName, c outputsCopy) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.copies == nil {
		o.copies = map[types.NamespacedName]outputsCopy{}
	}
	o.copies[name] = c
}

// unchecked are the copies that are next to be checked: each once a minute,
// or more rarely when there are many.
func (o *outputs) unchecked(now time.Time) []types.NamespacedName {
	o.mu.Lock()
	defer o.mu.Unlock()
	every := max(copyCheck, time.Duration(len(o.copies))*time.Second/copiesChecked)
	var due []types.NamespacedName
	for name, c := range o.copies {
		if c.version == "" || c.doubted || now.Sub(c.checkedAt) < every {
			continue
		}
		c.checkedAt = now
		o.copies[name] = c
		if due = append(due, name); len(due) == copiesChecked {
			break
		}
	}
	return due
}

// doubt notes that an object's copy was seen in a version, "" for deleted, and
// says whether that is another than the one that is as it should be.
func (o *outputs) doubt(name types.NamespacedName, kept, version string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, known := o.copies[name]
	if !known || c.name != kept || c.version == version {
		return false
	}
	c.doubted = true
	o.copies[name] = c
	return true
}

// keepOutputs copies the stack's outputs to the ConfigMap or Secret that the
// spec asks for, and again when somebody changed or deleted the copy. A
// failure is an event, and is tried again by itself.
func (r *Reconciler) keepOutputs(ctx context.Context, obj *v1alpha1.CdkTsStack) {
	t, name := obj.Spec.Outputs, client.ObjectKeyFromObject(obj)
	// A stack whose verification is still to come has outputs already: what is
	// verified may be waiting for them.
	nothing := obj.Status.Deployed == nil && len(obj.Status.Outputs) == 0
	if t == nil || nothing || !obj.DeletionTimestamp.IsZero() {
		r.outputs.forget(name)
		return
	}
	now, state, was := r.Now(), fmt.Sprint(*t, obj.Status.Outputs), r.outputs.get(name)
	repairs := was.state == state
	switch {
	case repairs && !was.doubted:
		return
	case repairs && now.Before(was.writtenAt.Add(betweenRepairs)):
		r.wake.addAfter(name, was.writtenAt.Add(betweenRepairs).Sub(now))
		return
	case !repairs && was.failures > 0 && now.Before(was.retryAt):
		r.wake.addAfter(name, was.retryAt.Sub(now))
		return
	}
	c := outputsCopy{state: state, secret: t.SecretName != "", name: t.ConfigMapName + t.SecretName, writtenAt: was.writtenAt, checkedAt: now}
	wrote, err := r.copyOutputs(ctx, obj, t, &c)
	if err != nil {
		r.copyFailed(obj, was, err)
		return
	}
	if wrote {
		c.writtenAt = now
	}
	r.outputs.set(name, c)
	if wrote && repairs {
		r.reporter().Send(obj, report.Event{Reason: "OutputsRestored", Action: "Outputs", Note: "The copy of the outputs in " + c.name + " was changed or deleted by somebody and is written again"})
	}
}

// copyFailed tells of a copy that failed, once for each reason, and has it
// tried again after a pause.
func (r *Reconciler) copyFailed(obj *v1alpha1.CdkTsStack, was outputsCopy, err error) {
	name := client.ObjectKeyFromObject(obj)
	pause := min(copyRetry<<min(was.failures, 10), copyRetryMax)
	r.outputs.set(name, outputsCopy{failures: was.failures + 1, message: err.Error(), retryAt: r.Now().Add(pause)})
	r.wake.addAfter(name, pause)
	if was.message != err.Error() {
		r.reporter().Send(obj, report.Event{Warning: true, Reason: "OutputsNotKept", Action: "Outputs", Note: err.Error()})
	}
}

// copyOutputs writes the copy if it is not as it should be, and notes its
// version.
func (r *Reconciler) copyOutputs(ctx context.Context, obj *v1alpha1.CdkTsStack, t *v1alpha1.OutputsTarget, c *outputsCopy) (wrote bool, err error) {
	if t.SecretName != "" {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: obj.Namespace, Name: t.SecretName}}
		data := map[string][]byte{}
		for k, v := range obj.Status.Outputs {
			data[k] = []byte(v)
		}
		wrote, err = r.keep(ctx, obj, s, ofOutputs, func() { s.Data = data })
		c.version = s.ResourceVersion
		return wrote, err
	}
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: obj.Namespace, Name: t.ConfigMapName}}
	wrote, err = r.keep(ctx, obj, m, ofOutputs, func() { m.Data, m.BinaryData = maps.Clone(obj.Status.Outputs), nil })
	c.version = m.ResourceVersion
	return wrote, err
}

// content is what a ConfigMap or a Secret of ours holds, and what a person can do
// when the name is taken.
type content struct{ name, wayOut string }

var (
	ofOutputs = content{"outputs", "choose another name"}
	ofPlan    = content{"plan", "delete or rename it"}
	ofCauses  = content{"causes", "delete or rename it"}
)

// keep creates or updates an object that belongs to obj and holds something of
// it, if it is not as fill makes it. One of that name that belongs to nobody or
// to another is left alone.
func (r *Reconciler) keep(ctx context.Context, obj *v1alpha1.CdkTsStack, kept client.Object, what content, fill func()) (wrote bool, err error) {
	err = r.Live.Get(ctx, client.ObjectKeyFromObject(kept), kept)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("read %s for the %s: %w", kept.GetName(), what.name, err)
	}
	if err == nil && !metav1.IsControlledBy(kept, obj) {
		return false, fmt.Errorf("%T %s exists and does not belong to this CdkTsStack, so that the %s cannot be written there; %s", kept, kept.GetName(), what.name, what.wayOut)
	}
	before := kept.DeepCopyObject()
	fill()
	labels := maps.Clone(kept.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	labels[managedBy] = operatorName
	kept.SetLabels(labels)
	if setErr := controllerutil.SetControllerReference(obj, kept, r.Client.Scheme()); setErr != nil {
		return false, fmt.Errorf("own %s: %w", kept.GetName(), setErr)
	}
	switch {
	case apierrors.IsNotFound(err):
		err = r.Client.Create(ctx, kept)
	case equality.Semantic.DeepEqual(before, kept):
		return false, nil
	default:
		err = r.Client.Update(ctx, kept)
	}
	if err != nil {
		return false, fmt.Errorf("write the %s to %s: %w", what.name, kept.GetName(), err)
	}
	return true, nil
}
