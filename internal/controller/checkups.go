package controller

import (
	"sync"

	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/httpcheck"

	"k8s.io/apimachinery/pkg/types"
)

// checkups remembers the last answers of the checks of spec.verification, each
// under the question that it answers, and counts those that agree. Whoever starts
// anew asks again.
type checkups struct {
	mu sync.Mutex
	of map[types.NamespacedName]map[string]checkup
	// resources are those of the stacks of objects, by what they are true for.
	resources map[types.NamespacedName]owned
}

type owned struct {
	key string
	all []cloudformation.Resource
}

type checkup struct {
	asking httpcheck.Asking
	seen   decide.Checkup
}

// get gives the answer to a question.
func (c *checkups) get(name types.NamespacedName, check string, asking httpcheck.Asking) (seen decide.Checkup, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, known := c.of[name][check]
	return last.seen, known && last.asking == asking
}

// note keeps an answer, with how many before it, for the same deployment, were
// not healthy either, and how many said the same.
func (c *checkups) note(name types.NamespacedName, check string, asking httpcheck.Asking, seen decide.Checkup) decide.Checkup {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[types.NamespacedName]map[string]checkup{}
	}
	if c.of[name] == nil {
		c.of[name] = map[string]checkup{}
	}
	c.of[name][check] = checkup{asking, seen.After(c.of[name][check].seen)}
	return c.of[name][check].seen
}

// keep forgets the answers of all checks but those that are needed.
func (c *checkups) keep(name types.NamespacedName, needed []decide.NeededCheck) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := map[string]checkup{}
	for _, n := range needed {
		if last, known := c.of[name][n.Name]; known {
			kept[n.Name] = last
		}
	}
	if delete(c.of, name); len(kept) > 0 {
		c.of[name] = kept
	}
}

// ownedBy gives the resources of an object's stack, if they are known.
func (c *checkups) ownedBy(name types.NamespacedName, key string) (all []cloudformation.Resource, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, known := c.resources[name]
	return o.all, known && o.key == key
}

func (c *checkups) own(name types.NamespacedName, key string, all []cloudformation.Resource) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resources == nil {
		c.resources = map[types.NamespacedName]owned{}
	}
	c.resources[name] = owned{key, all}
}

func (c *checkups) forget(name types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, name)
	delete(c.resources, name)
}
