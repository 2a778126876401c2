package controller

import (
	"cmp"
	"context"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"sigs.k8s.io/controller-runtime/pkg/client"
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
		return decide.Rival{}
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
			return decide.Rival{Name: other.Namespace + "/" + other.Name}
		}
	}
	return decide.Rival{}
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
