package controller

import (
	"context"
	"strings"
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/report"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// gaps remembers what each object was told to be missing around the operator,
// so that it is told once.
type gaps struct {
	mu   sync.Mutex
	told map[types.NamespacedName]string
}

// news says whether an object is told this for the first time, and notes it.
func (g *gaps) news(name types.NamespacedName, missing string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.told[name] == missing {
		return false
	}
	if g.told == nil {
		g.told = map[types.NamespacedName]string{}
	}
	g.told[name] = missing
	return true
}

func (g *gaps) forget(name types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.told, name)
}

// tellGaps tells an object, by an event, what of the operator's needs is
// missing and concerns it.
func (r *Reconciler) tellGaps(obj *v1alpha1.CdkTsStack) {
	if r.Preflight == nil {
		return
	}
	var all []string
	for _, m := range r.Preflight.Of(obj) {
		all = append(all, m.String())
	}
	missing := strings.Join(all, "; ")
	if r.gaps.news(client.ObjectKeyFromObject(obj), missing) && missing != "" {
		r.reporter().Send(obj, report.Event{Warning: true, Reason: "PrerequisiteMissing", Action: "Preflight", Note: missing})
	}
}

// PreflightChanged has every object told what is missing now.
func (r *Reconciler) PreflightChanged(ctx context.Context) {
	var all v1alpha1.CdkTsStackList
	if err := r.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		r.Log.Debug("list the objects", "error", err) // each hears of it in its next pass
		return
	}
	for i := range all.Items {
		if !takes(r.Shard, &all.Items[i]) {
			continue
		}
		r.wake.addAfter(client.ObjectKeyFromObject(&all.Items[i]), 0)
	}
}
