package rig

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
)

// patience bounds every wait: npm and the CDK on a busy machine take minutes.
const patience = 5 * time.Minute

// lookAnyway is how long an object that does not change is left alone.
const lookAnyway = 250 * time.Millisecond

// Stack is an object that is not created yet: a stack of an app at path in
// the repository, with the Secret "aws".
func Stack(namespace, name, stackName, repository, path string) *v1alpha1.CdkTsStack {
	return &v1alpha1.CdkTsStack{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.CdkTsStackSpec{
			StackName: stackName, CredentialsSecretName: "aws", Path: path,
			Source: v1alpha1.Source{Git: v1alpha1.GitSource{Repository: repository}},
		},
	}
}

// Create creates an object.
func (r *Rig) Create(tb testing.TB, obj *v1alpha1.CdkTsStack) {
	tb.Helper()
	must(tb, r.Client.Create(tb.Context(), obj))
}

// Get reads an object again; it is nil when it is gone.
func (r *Rig) Get(tb testing.TB, obj *v1alpha1.CdkTsStack) *v1alpha1.CdkTsStack {
	tb.Helper()
	found := &v1alpha1.CdkTsStack{}
	err := r.Client.Get(tb.Context(), client.ObjectKeyFromObject(obj), found)
	if apierrors.IsNotFound(err) {
		return nil
	}
	must(tb, err)
	return found
}

// Patch lays a merge patch over an object, as kubectl patch does.
func (r *Rig) Patch(tb testing.TB, obj *v1alpha1.CdkTsStack, patch string) {
	tb.Helper()
	must(tb, r.Client.Patch(tb.Context(), obj.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch))))
}

// Delete deletes an object; see UntilGone.
func (r *Rig) Delete(tb testing.TB, obj *v1alpha1.CdkTsStack) {
	tb.Helper()
	must(tb, client.IgnoreNotFound(r.Client.Delete(tb.Context(), obj.DeepCopy())))
}

// Until waits until an object is as holds says. It ends the test, with the
// object's status, when it never is.
func (r *Rig) Until(tb testing.TB, obj *v1alpha1.CdkTsStack, what string, holds func(*v1alpha1.CdkTsStack) bool) *v1alpha1.CdkTsStack {
	tb.Helper()
	now, ok := r.follow(tb, obj, func(now *v1alpha1.CdkTsStack) bool {
		if now == nil {
			tb.Fatalf("%s is gone before %s", obj.Name, what)
		}
		return holds(now)
	})
	if !ok {
		text, _ := json.MarshalIndent(now.Status, "", "  ")
		tb.Fatalf("%s: it did not come about that %s; its status is\n%s", obj.Name, what, text)
	}
	return now
}

// UntilGone waits until an object is no more.
func (r *Rig) UntilGone(tb testing.TB, obj *v1alpha1.CdkTsStack) {
	tb.Helper()
	if now, ok := r.follow(tb, obj, func(now *v1alpha1.CdkTsStack) bool { return now == nil }); !ok {
		text, _ := json.MarshalIndent(now.Status, "", "  ")
		tb.Fatalf("%s is not gone; its status is\n%s", obj.Name, text)
	}
}

// follow shows an object, nil when it is gone, to done until that says so,
// whenever it changes: who waits is to take nothing from what is waited for.
// Done may look at something else, so it is asked now and then as well.
func (r *Rig) follow(tb testing.TB, obj *v1alpha1.CdkTsStack, done func(*v1alpha1.CdkTsStack) bool) (now *v1alpha1.CdkTsStack, ok bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		changes, err := r.Client.Watch(ctx, &v1alpha1.CdkTsStackList{}, client.InNamespace(obj.Namespace), client.MatchingFields{"metadata.name": obj.Name})
		must(tb, err)
		for open := true; open && ctx.Err() == nil; {
			if now = r.Get(tb, obj); done(now) {
				changes.Stop()
				return now, true
			}
			select {
			case _, open = <-changes.ResultChan():
			case <-time.After(lookAnyway):
			case <-ctx.Done():
			}
		}
		changes.Stop()
	}
	return now, false
}

// UntilDeployed waits until a revision is deployed as the present spec says.
func (r *Rig) UntilDeployed(tb testing.TB, obj *v1alpha1.CdkTsStack, revision string) *v1alpha1.CdkTsStack {
	tb.Helper()
	return r.Until(tb, obj, revision+" is deployed", func(o *v1alpha1.CdkTsStack) bool {
		if meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionStalled) {
			tb.Fatalf("%s is stalled: %s", o.Name, o.Status.Message)
		}
		return Ready(o) && o.Status.Deployed != nil && o.Status.Deployed.Target.Revision == revision
	})
}

// Ready is the condition Ready of the present generation, as kstatus reads it.
func Ready(o *v1alpha1.CdkTsStack) bool {
	return o.Status.ObservedGeneration == o.Generation && meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady)
}

// Trouble is the condition Ready when it is False; else nil.
func Trouble(o *v1alpha1.CdkTsStack) *metav1.Condition {
	c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Status != metav1.ConditionFalse {
		return nil
	}
	return c
}

// Events lists what was told of the objects of a namespace.
func (r *Rig) Events(tb testing.TB, namespace string) []eventsv1.Event {
	tb.Helper()
	var all eventsv1.EventList
	must(tb, r.Client.List(tb.Context(), &all, client.InNamespace(namespace)))
	return all.Items
}
