package controller

import (
	"cmp"
	"context"

	"awscdk.dev/operator/api/v1alpha1"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// stackIndex finds objects by the stack that they operate on.
const stackIndex = "stack"

// stacksOf are the stacks that an object deployed or is deploying.
func stacksOf(o client.Object) []string {
	obj, ok := o.(*v1alpha1.CdkTsStack)
	if !ok {
		return nil
	}
	var ids []string
	if id := obj.Status.StackID; id != "" {
		ids = append(ids, id)
	}
	if op := obj.Status.Operation; op != nil && op.StackID != "" && op.StackID != obj.Status.StackID {
		ids = append(ids, op.StackID)
	}
	return ids
}

// rival names the object that has the better claim to a stack than obj: one
// that deployed it, or else the oldest; "" when there is none, or no stack.
// Objects in namespaces that are not watched are not known.
func (r *Reconciler) rival(ctx context.Context, obj *v1alpha1.CdkTsStack, stackID string) string {
	if stackID == "" {
		return ""
	}
	var others v1alpha1.CdkTsStackList
	if err := r.Client.List(ctx, &others, client.MatchingFields{stackIndex: stackID}); err != nil {
		r.Log.Warn("look for other objects of a stack", "stack", stackID, "error", err)
		return ""
	}
	for i := range others.Items {
		if other := &others.Items[i]; other.UID != obj.UID && precedes(other, obj) {
			return other.Namespace + "/" + other.Name
		}
	}
	return ""
}

func precedes(a, b *v1alpha1.CdkTsStack) bool {
	deployed := func(o *v1alpha1.CdkTsStack) bool { return o.Status.Deployed != nil }
	if deployed(a) != deployed(b) {
		return deployed(a)
	}
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return cmp.Less(a.UID, b.UID)
}
