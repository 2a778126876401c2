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
// has another operation meanwhile, or is another of the same name, has none.
func (c *checks) resume(obj *v1alpha1.CdkTsStack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held, known := c.held[client.ObjectKeyFromObject(obj)]
	if known && held.uid == obj.UID && obj.Status.Operation == nil {
		obj.Status.Operation = held.op.DeepCopy()
	}
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
