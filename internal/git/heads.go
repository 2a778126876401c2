package git

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

const (
	// forgetAfter is how long a ref that nobody asks for is remembered.
	forgetAfter = time.Hour
	// firstRetry and lastRetry bound the wait after a failed look.
	firstRetry, lastRetry = 10 * time.Second, 5 * time.Minute
	// minAge keeps a caller who wants it ever newer from asking in a circle.
	minAge = 500 * time.Millisecond
)

// Key names a repository as seen with some credentials, without giving the
// credentials away: the digest means something in this process only.
type Key struct {
	Repository  string
	Credentials string
}

// HeadsOptions shape a Heads. Now is needed, the rest has defaults.
type HeadsOptions struct {
	// Now is the clock.
	Now func() time.Time
	// Changed, if set, is called after each look has ended, well or not, from
	// a goroutine of its own: whoever got no answer for this key may ask again.
	Changed func(Key)
	// InFlight bounds the looks at one time (16), PerHost those at one host (2).
	InFlight, PerHost int
	// Timeout bounds one look (20 s).
	Timeout time.Duration
	// Apps makes tokens of GitHub Apps; one of its own by default.
	Apps *Apps
}

// Heads knows where refs point. However many stacks follow a repository, one
// listing per remote serves them all; nobody waits for it.
//
// A failure to see is an answer too: it is remembered with its time and
// reported as Head.Err until a later look succeeds. Repeated failures are
// spaced from 10 seconds to 5 minutes apart. What nobody asked for in an hour
// is forgotten.
type Heads struct {
	options HeadsOptions
	secret  []byte // keys the digests; never leaves the process
	ctx     context.Context
	stop    context.CancelFunc
	looks   sync.WaitGroup

	mu      sync.Mutex
	entries map[Key]*entry
	queue   []*entry       // waiting for a free place, first come first served
	running map[string]int // looks in flight by host
	total   int            // looks in flight
	swept   time.Time
}

// NewHeads returns a service that knows nothing yet. Close it when done.
func NewHeads(options HeadsOptions) *Heads {
	if options.InFlight <= 0 {
		options.InFlight = 16
	}
	if options.PerHost <= 0 {
		options.PerHost = 2
	}
	if options.Timeout <= 0 {
		options.Timeout = 20 * time.Second
	}
	if options.Changed == nil {
		options.Changed = func(Key) {}
	}
	if options.Apps == nil {
		options.Apps = NewApps(options.Now)
	}
	h := &Heads{options: options, secret: make([]byte, 32), entries: map[Key]*entry{}, running: map[string]int{}}
	_, _ = rand.Read(h.secret) // never fails, by its documentation
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Close ends the looks in flight and waits for them. Get starts none afterwards.
func (h *Heads) Close() {
	h.stop()
	h.looks.Wait()
}

// Key returns the key under which Changed will report on the remote.
func (h *Heads) Key(remote Remote) Key {
	return Key{Repository: remote.Repository.String(), Credentials: remote.digest(h.secret)}
}

// Get is Select for a ref.
func (h *Heads) Get(remote Remote, ref string, maxAge time.Duration) (head Head, ok bool) {
	return h.Select(remote, Selector{Ref: ref}, maxAge)
}

// Select returns which commit a selector stands for and never waits. With ok,
// the answer is no older than maxAge (at least half a second), or it is a failure
// that is not to be tried again yet. Without, a look is under way: Changed
// will be called with the remote's key, and the head is what was last seen, if
// anything. All selectors of a remote share its looks.
//
// A whole commit hash is its own answer. An error in head.Err tells what is
// wrong and what to do; see the error kinds of this package.
func (h *Heads) Select(remote Remote, selector Selector, maxAge time.Duration) (head Head, ok bool) {
	now := h.options.Now()
	selector = selector.normal()
	if head, ok := immediate(selector, now); ok {
		return head, true
	}
	key := h.Key(remote)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sweep(now)
	e := h.entry(key, remote)
	e.used, e.asked[selector] = now, now
	if head, ok := e.current(selector, max(maxAge, minAge), now); ok {
		return head, true
	}
	if !e.looking && h.ctx.Err() == nil {
		e.looking = true
		h.queue = append(h.queue, e)
		h.dispatch()
	}
	return e.answers[selector].head, false
}

// Expire makes every answer about a repository old and every wait after a
// failure over, whoever asked: someone pushed, or a person wants to know now.
func (h *Heads) Expire(repository Repository) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, e := range h.entries {
		if key.Repository == repository.String() {
			e.epoch++
			e.retry = time.Time{}
		}
	}
}

func (h *Heads) entry(key Key, remote Remote) *entry {
	e := h.entries[key]
	if e == nil {
		e = &entry{key: key, session: h.session(remote), asked: map[Selector]time.Time{}, answers: map[Selector]answer{}}
		h.entries[key] = e
	}
	return e
}

func (h *Heads) session(remote Remote) *session {
	s := newSession(remote)
	s.apps = h.options.Apps
	return s
}

// Plain returns the remote's credentials with a token in the place of a GitHub
// App, good for half an hour at least: what a run can use. It asks GitHub
// unless a look did so lately; other credentials come back as they are.
func (h *Heads) Plain(ctx context.Context, remote Remote) (Credentials, error) {
	return h.options.Apps.Plain(ctx, remote)
}

// dispatch starts waiting looks as far as there is room. A host that is busy
// or hangs holds up its own looks only. The caller holds mu.
func (h *Heads) dispatch() {
	waiting := h.queue[:0]
	for _, e := range h.queue {
		host := e.session.remote.Repository.Host()
		if h.ctx.Err() != nil || h.total >= h.options.InFlight || h.running[host] >= h.options.PerHost {
			waiting = append(waiting, e)
			continue
		}
		h.total++
		h.running[host]++
		h.looks.Go(func() { h.look(e, host) })
	}
	clear(h.queue[len(waiting):])
	h.queue = waiting
}

// look asks the server once and records what came of it.
func (h *Heads) look(e *entry, host string) {
	ctx, cancel := context.WithTimeout(h.ctx, h.options.Timeout)
	defer cancel()
	// What is pushed, or ordered, from now on may be missing in the answer: a
	// server may have made it before it sends the first byte.
	began, epoch := h.options.Now(), h.epoch(e)
	list, err := e.session.list(ctx, func() []Selector { return h.wanted(e) })

	h.mu.Lock()
	closed := h.ctx.Err() != nil
	e.looking = false
	if !closed {
		e.record(list, err, epoch, began, h.options.Now())
	}
	h.total--
	if h.running[host]--; h.running[host] == 0 {
		delete(h.running, host)
	}
	h.dispatch()
	h.mu.Unlock()
	if !closed {
		h.options.Changed(e.key)
	}
}

func (h *Heads) epoch(e *entry) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return e.epoch
}

// wanted lists what is followed at this moment.
func (h *Heads) wanted(e *entry) []Selector {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := make([]Selector, 0, len(e.asked))
	for selector := range e.asked {
		asked = append(asked, selector)
	}
	return asked
}

// sweep forgets what nobody asked for in an hour. The caller holds mu.
func (h *Heads) sweep(now time.Time) {
	if now.Sub(h.swept) < time.Minute {
		return
	}
	h.swept = now
	for key, e := range h.entries {
		for selector, asked := range e.asked {
			if now.Sub(asked) > forgetAfter {
				delete(e.asked, selector)
				delete(e.answers, selector)
			}
		}
		if now.Sub(e.used) > forgetAfter && !e.looking {
			e.session.close()
			delete(h.entries, key)
		}
	}
}
