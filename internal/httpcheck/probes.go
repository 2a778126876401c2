package httpcheck

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// ProbesOptions shape Probes; each has a default.
type ProbesOptions struct {
	// Changed, if set, is called with who asked when there is an answer, from a
	// goroutine of its own.
	Changed func([]types.NamespacedName)
	// InFlight bounds the questions that are asked at one time (16), PerNamespace
	// those of one namespace (4).
	InFlight, PerNamespace int
}

// Probes asks each question once, in the background. Nobody waits in a call.
type Probes[T any] struct {
	changed func([]types.NamespacedName)
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	lanes lanes
	asked map[types.NamespacedName]map[string]*probe[T]
}

// Asking is one asking of a question.
type Asking struct {
	// About is what is asked: an answer about something else is of no use.
	About string
	// Time tells one asking from the next.
	Time string
}

// probe is a question of somebody under a name of theirs.
type probe[T any] struct {
	asking Asking
	cancel context.CancelFunc
	// known says that there is an answer, taken that somebody has had it.
	known, taken bool
	answer       T
}

// NewProbes returns one that knows nothing yet. Close it when done.
func NewProbes[T any](o ProbesOptions) *Probes[T] {
	if o.Changed == nil {
		o.Changed = func([]types.NamespacedName) {}
	}
	p := &Probes[T]{changed: o.Changed, lanes: newLanes(o.InFlight, o.PerNamespace), asked: map[types.NamespacedName]map[string]*probe[T]{}}
	p.ctx, p.stop = context.WithCancel(context.Background()) //nolint:gosec // Close calls it.
	return p
}

// Close ends what is asked and waits for it. Ask starts nothing afterwards.
func (p *Probes[T]) Close() {
	p.mu.Lock() // nothing begins between these two
	p.stop()
	p.mu.Unlock()
	p.running.Wait()
}

// Ask gives the answer to a question once there is one. The first to ask it has
// do called. What is asked about something else under the same name takes its
// place at once; what is asked again, when the answer before was had: one that takes
// longer than the pause is an answer all the same.
func (p *Probes[T]) Ask(who types.NamespacedName, name string, asking Asking, do func(context.Context) T) (answer T, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.asked[who][name]; one != nil && one.asking.About == asking.About && (!one.known || !one.taken || one.asking == asking) {
		one.taken = one.known
		return one.answer, one.known
	}
	p.drop(who, name)
	if p.asked[who] == nil {
		p.asked[who] = map[string]*probe[T]{}
	}
	ctx, cancel := context.WithCancel(p.ctx) //nolint:gosec // The probe calls it when it ends or is dropped.
	one := &probe[T]{asking: asking, cancel: cancel}
	p.asked[who][name] = one
	p.lanes.add(who.Namespace, func() bool {
		if ctx.Err() != nil {
			return false
		}
		p.running.Go(func() { p.ask(ctx, who, one, do) })
		return true
	})
	return answer, false
}

func (p *Probes[T]) ask(ctx context.Context, who types.NamespacedName, one *probe[T], do func(context.Context) T) {
	answer := do(ctx)
	p.mu.Lock()
	dropped := ctx.Err() != nil
	if !dropped {
		one.answer, one.known = answer, true
	}
	one.cancel()
	p.lanes.done(who.Namespace)
	p.mu.Unlock()
	if !dropped {
		p.changed([]types.NamespacedName{who})
	}
}

// Keep forgets all questions of somebody but those under some names.
func (p *Probes[T]) Keep(who types.NamespacedName, names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := map[string]bool{}
	for _, name := range names {
		kept[name] = true
	}
	for name := range p.asked[who] {
		if !kept[name] {
			p.drop(who, name)
		}
	}
	if len(p.asked[who]) == 0 {
		delete(p.asked, who)
	}
}

// drop forgets a question. The caller holds mu.
func (p *Probes[T]) drop(who types.NamespacedName, name string) {
	if one := p.asked[who][name]; one != nil {
		one.cancel()
		delete(p.asked[who], name)
	}
}
