package controller

import (
	"cmp"
	"context"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// placeIndex finds objects by the places of their stacks.
const placeIndex = "place"

// placesOf are the places of the stacks that an object deployed, made or is
// deploying.
func placesOf(o client.Object) []string {
	obj, ok := o.(*v1alpha1.CdkTsStack)
	if !ok {
		return nil
	}
	var all []string
	for _, place := range decide.Places(obj) {
		all = append(all, place.String())
	}
	return all
}

// rival is the object that has the better claim than obj to the stack with
// that ARN or, without one, to the stack that will be in the given place.
// Objects in namespaces that are not watched are not known.
func (r *Reconciler) rival(ctx context.Context, obj *v1alpha1.CdkTsStack, stackID string, place decide.Place) decide.Rival {
	if at, ok := decide.PlaceOf(stackID); ok {
		place = at
	}
	if place == (decide.Place{}) {
		return decide.Rival{Seen: true} // nobody can have it
	}
	var others v1alpha1.CdkTsStackList
	if err := r.Client.List(ctx, &others, client.MatchingFields{placeIndex: place.String()}); err != nil {
		return decide.Rival{Err: fmt.Errorf("look for other objects of the stack %s: %w", place.StackName, err)}
	}
	better := precedes
	if !obj.DeletionTimestamp.IsZero() {
		better = keeps
	}
	for i := range others.Items {
		if other := &others.Items[i]; other.UID != obj.UID && better(other, obj, place) {
			return decide.Rival{Seen: true, Name: other.Namespace + "/" + other.Name, Leaving: !other.DeletionTimestamp.IsZero()}
		}
	}
	return decide.Rival{Seen: true}
}

// precedes says whether a may deploy the stack, and b not: the one that
// deployed it, or else the older.
func precedes(a, b *v1alpha1.CdkTsStack, place decide.Place) bool {
	if first := decide.Deploys(a, place); first != decide.Deploys(b, place) {
		return first
	}
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return cmp.Less(a.UID, b.UID)
}

// keeps says whether the stack has to outlive deleted, since other has it too.
// Of two that are deleted at once, one answers for it.
func keeps(other, deleted *v1alpha1.CdkTsStack, place decide.Place) bool {
	switch {
	case !other.DeletionTimestamp.IsZero() && !precedes(other, deleted, place):
		return false
	case decide.Deploys(other, place):
		return true
	}
	return !decide.Deploys(deleted, place)
}

// onStack has the object woken when another object's claim to the stack in a
// place changes.
func (w *wake) onStack(place decide.Place, name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.places[name] == place {
		return
	}
	w.leaveStack(name)
	if place == (decide.Place{}) {
		return
	}
	if w.stacks == nil {
		w.stacks, w.places = map[decide.Place]map[types.NamespacedName]struct{}{}, map[types.NamespacedName]decide.Place{}
	}
	if w.stacks[place] == nil {
		w.stacks[place] = map[types.NamespacedName]struct{}{}
	}
	w.stacks[place][name], w.places[name] = struct{}{}, place
}

// offStack ends the object's wait for a stack.
func (w *wake) offStack(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaveStack(name)
}

// leaveStack is offStack. The caller holds mu.
func (w *wake) leaveStack(name types.NamespacedName) {
	place, waits := w.places[name]
	if !waits {
		return
	}
	delete(w.places, name)
	delete(w.stacks[place], name)
	if len(w.stacks[place]) == 0 {
		delete(w.stacks, place)
	}
}

// claimChanged wakes the objects that wait for the stacks of another one when
// that is deleted or gone, or has another claim to them.
func (w *wake) claimChanged() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	return handler.Funcs{
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			was, is := e.ObjectOld.(*v1alpha1.CdkTsStack), e.ObjectNew.(*v1alpha1.CdkTsStack)
			if claims(was) != claims(is) {
				w.addWaiting(q, was, is)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			if gone, ok := e.Object.(*v1alpha1.CdkTsStack); ok {
				w.addWaiting(q, gone)
			}
		},
	}
}

// claims is all of an object that makes it a rival, or none.
func claims(obj *v1alpha1.CdkTsStack) string {
	return fmt.Sprint(decide.Places(obj), decide.Claim(&obj.Status), obj.DeletionTimestamp.IsZero())
}

// addWaiting puts those into the queue that wait for a stack of these objects.
func (w *wake) addWaiting(q workqueue.TypedRateLimitingInterface[reconcile.Request], objects ...*v1alpha1.CdkTsStack) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, obj := range objects {
		for _, place := range decide.Places(obj) {
			for name := range w.stacks[place] {
				if name != client.ObjectKeyFromObject(obj) {
					q.Add(reconcile.Request{NamespacedName: name})
				}
			}
		}
	}
}
