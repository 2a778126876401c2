package controller

import (
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// checks remembers the drift checks in flight that are not saved, see
// decide.Saved. Whoever starts anew begins them again.
type checks struct {
	mu   sync.Mutex
	held map[types.NamespacedName]heldCheck
}

type heldCheck struct {
	uid types.UID
	op  *v1alpha1.Operation
}

// resume puts the check in flight into an object that was just read. One that
// has a saved operation meanwhile, or is another of the same name, has none: what
// is remembered ends then, so that it is never taken for what is saved.
func (c *checks) resume(obj *v1alpha1.CdkTsStack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := client.ObjectKeyFromObject(obj)
	held, known := c.held[name]
	switch {
	case !known:
	case held.uid != obj.UID || obj.Status.Operation != nil:
		delete(c.held, name)
	default:
		obj.Status.Operation = held.op.DeepCopy()
	}
}

// holds says whether the operation of an object came from here, and the API
// server knows nothing of it.
func (c *checks) holds(obj *v1alpha1.CdkTsStack) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	held, known := c.held[client.ObjectKeyFromObject(obj)]
	op := obj.Status.Operation
	return known && held.uid == obj.UID && op != nil && op.ID == held.op.ID
}

// hold remembers the check of an object, if it has one that is not saved.
func (c *checks) hold(obj *v1alpha1.CdkTsStack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := client.ObjectKeyFromObject(obj)
	if !decide.Unsaved(&obj.Spec, obj.Status.Operation) {
		delete(c.held, name)
		return
	}
	if c.held == nil {
		c.held = map[types.NamespacedName]heldCheck{}
	}
	c.held[name] = heldCheck{uid: obj.UID, op: obj.Status.Operation.DeepCopy()}
}

func (c *checks) forget(name types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, name)
}
