// Package preflight finds out what the operator needs around it and lacks:
// definitions and roles in the cluster, its own rights there, tools on PATH.
// Without it such a gap shows late, in a script that ignores an error, or
// never.
package preflight

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/openapi"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// How often is checked: whoever fixes what is missing is to see it soon, and
// what is complete rarely changes.
const (
	whileMissing  = 15 * time.Second
	whileComplete = 10 * time.Minute
)

// Missing is one thing that is needed and not there.
type Missing struct {
	// Need names it, for example "ClusterRole awscdk-operator-hooks".
	Need string
	// Message says what does not work without it, and what to do.
	Message string
	// concerns says which objects are affected; nil for none in particular.
	concerns func(*v1alpha1.CdkTsStack) bool
}

func (m Missing) String() string { return m.Need + ": " + m.Message }

// Concerns says whether an object is affected.
func (m Missing) Concerns(obj *v1alpha1.CdkTsStack) bool {
	return m.concerns != nil && m.concerns(obj)
}

// Options are what a Preflight is made of.
type Options struct {
	// Live reads from the API server itself, and Client asks it what the
	// operator may do.
	Live   client.Reader
	Client client.Client
	// Ask says what the operator may do, where somebody else looks on its behalf
	// with Live and Client of their own; nil where the operator itself does.
	Ask func(context.Context, authorizationv1.ResourceAttributes) (bool, error)
	// Schemas are the API server's own descriptions of its kinds.
	Schemas openapi.Client
	// LookPath finds a tool, as exec.LookPath does; nil when runs have an image of their own.
	LookPath func(name string) (string, error)
	// Namespaces are those that are watched, none for all.
	Namespaces []string
	// Own is the namespace of this installation's own Lease, "" for none.
	Own string
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// Preflight knows what is missing. Its methods may be called at any time.
type Preflight struct {
	o  Options
	mu sync.Mutex
	// missing is what each check found last.
	missing map[string][]Missing
}

// New returns a Preflight that has not checked anything yet.
func New(o Options) *Preflight {
	return &Preflight{o: o, missing: map[string][]Missing{}}
}

const hooksCheck = "hooks' role"

// DefinitionCheck is the check of what the API server publishes of CdkTsStack.
const DefinitionCheck = "definition"

// checks are made in this order. Each gives an error when it could not find
// out; what it found before then stands.
var checks = []struct {
	name string
	find func(*Preflight, context.Context) ([]Missing, error)
}{
	{"tools", (*Preflight).tools},
	{DefinitionCheck, (*Preflight).definition},
	{hooksCheck, (*Preflight).hookRole},
	{"rights", (*Preflight).rights},
	{"other operators", (*Preflight).others},
}

// Watch checks again and again until the context ends. Every manager does, not
// only the one that works: readyz is that of each. changed is called when
// something else is missing than before.
func (p *Preflight) Watch(ctx context.Context, changed func(context.Context)) {
	for {
		before, pause := p.Missing(), whileComplete
		if len(before) > 0 {
			pause = whileMissing
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if p.Check(ctx); !slices.EqualFunc(before, p.Missing(), same) {
			changed(ctx)
		}
	}
}

// Check looks at everything once, and logs what has come and gone since.
func (p *Preflight) Check(ctx context.Context) { p.check(ctx, "") }

// Hooks looks at the hooks' role now, before a hook runs, and says what its
// kubectl will lack, "" for nothing.
func (p *Preflight) Hooks(ctx context.Context) string {
	p.check(ctx, hooksCheck)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.missing[hooksCheck] {
		return m.String()
	}
	return ""
}

// check makes one of the checks, or all.
func (p *Preflight) check(ctx context.Context, only string) {
	before := p.Missing()
	for _, c := range checks {
		if only != "" && c.name != only {
			continue
		}
		found, err := c.find(p, ctx)
		if err != nil {
			p.o.Log.Debug("preflight", "check", c.name, "error", err)
			continue
		}
		p.mu.Lock()
		p.missing[c.name] = found
		p.mu.Unlock()
	}
	after := p.Missing()
	for _, m := range except(after, before) {
		p.o.Log.Warn("missing", "need", m.Need, "message", m.Message)
	}
	for _, m := range except(before, after) {
		p.o.Log.Info("no longer missing", "need", m.Need)
	}
}

// Found is what one check found, and why it could not find out more.
type Found struct {
	Check   string
	Missing []Missing
	Err     error
}

// Find looks at everything once, for somebody who asks, and remembers nothing.
func (p *Preflight) Find(ctx context.Context) (all []Found) {
	for _, c := range checks {
		missing, err := c.find(p, ctx)
		all = append(all, Found{c.name, missing, err})
	}
	return all
}

// Missing lists what is missing, as it was found last.
func (p *Preflight) Missing() []Missing {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Missing
	for _, c := range checks {
		all = append(all, p.missing[c.name]...)
	}
	return all
}

// Of lists what an object misses.
func (p *Preflight) Of(obj *v1alpha1.CdkTsStack) []Missing {
	return slices.DeleteFunc(p.Missing(), func(m Missing) bool { return !m.Concerns(obj) })
}

func same(a, b Missing) bool { return a.Need == b.Need && a.Message == b.Message }

// except gives those of a that are not among b.
func except(a, b []Missing) []Missing {
	return slices.DeleteFunc(slices.Clone(a), func(m Missing) bool {
		return slices.ContainsFunc(b, func(other Missing) bool { return same(m, other) })
	})
}
