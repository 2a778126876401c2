package controller

import (
	"context"
	"strings"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// recount is how often the fleet is counted.
const recount = time.Minute

// fleet is how many objects have a stack in each account and region. They share
// the requests that AWS allows.
type fleet struct {
	mu      sync.Mutex
	counted time.Time
	sizes   map[string]int
}

// settings are the operator's, with the size of the object's fleet.
func (p *pass) settings(ctx context.Context) decide.Settings {
	s := p.Settings
	s.PoliciesForAll = p.PolicyNamespace != "" || len(p.BuiltInPolicies) > 0
	if place := placeOf(p.obj); place != "" {
		s.Fleet = p.fleetAt(ctx, place)
	}
	return s
}

// fleetAt is the size of the fleet in a place, as of a minute ago at most.
// When the objects cannot be listed it is as it was.
func (r *Reconciler) fleetAt(ctx context.Context, place string) int {
	r.fleet.mu.Lock()
	defer r.fleet.mu.Unlock()
	if now := r.Now(); r.fleet.counted.IsZero() || now.Sub(r.fleet.counted) >= recount {
		var all v1alpha1.CdkTsStackList
		if err := r.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
			r.Log.Warn("count the stacks", "error", err)
			return r.fleet.sizes[place]
		}
		r.fleet.counted, r.fleet.sizes = now, map[string]int{}
		for i := range all.Items {
			if at := placeOf(&all.Items[i]); at != "" {
				r.fleet.sizes[at]++
			}
		}
	}
	return r.fleet.sizes[place]
}

// placeOf is the account and region of the object's stack, as its ARN tells;
// "" when it has none or its drift is not looked for.
func placeOf(obj *v1alpha1.CdkTsStack) string {
	parts := strings.SplitN(obj.Status.StackID, ":", 6)
	if len(parts) < 6 || !decide.MayCheckDrift(&obj.Spec) {
		return ""
	}
	return strings.Join(parts[1:5], ":")
}
