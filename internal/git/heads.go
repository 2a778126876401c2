package git

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"sync"
	"time"
)

const (
	// forgetAfter is how long a ref that nobody asks for is remembered.
	forgetAfter = time.Hour
	// firstRetry and lastRetry bound the wait after a failed look.
	firstRetry, lastRetry = 10 * time.Second, 5 * time.Minute
	// minAge keeps a caller who wants it ever newer from asking in a circle.
	minAge = time.Second
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

// entry is what is known about one remote. Heads.mu guards it, except for
// session, which belongs to the look in flight.
type entry struct {
	key     Key
	session *session
	used    time.Time
	asked   map[string]time.Time // refs that are followed, and when they were last asked for
	answers map[string]answer

	looking  bool
	epoch    int   // counts Expire; answers of looks that began in an earlier one are old
	err      error // of the latest look
	failed   time.Time
	failures int // in a row
	retry    time.Time
}

type answer struct {
	head  Head
	epoch int // of its entry, when the look began
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

// Get returns where a ref points and never waits. With ok, the answer is no
// older than maxAge (at least a second), or it is a failure that is not to be
// tried again yet. Without, a look is under way: Changed will be called with
// the remote's key, and the head is what was last seen, if anything.
//
// A whole commit hash is its own answer. An error in head.Err tells what is
// wrong and what to do; see the error kinds of this package.
func (h *Heads) Get(remote Remote, ref string, maxAge time.Duration) (head Head, ok bool) {
	now := h.options.Now()
	if head, ok := immediate(ref, now); ok {
		return head, true
	}
	key := h.Key(remote)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sweep(now)
	e := h.entry(key, remote)
	e.used, e.asked[ref] = now, now
	if head, ok := e.current(ref, max(maxAge, minAge), now); ok {
		return head, true
	}
	if !e.looking && h.ctx.Err() == nil {
		e.looking = true
		h.queue = append(h.queue, e)
		h.dispatch()
	}
	return e.answers[ref].head, false
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
		e = &entry{key: key, session: newSession(remote), asked: map[string]time.Time{}, answers: map[string]answer{}}
		h.entries[key] = e
	}
	return e
}

// current returns an answer that may be given without looking.
func (e *entry) current(ref string, maxAge time.Duration, now time.Time) (Head, bool) {
	a, known := e.answers[ref]
	if e.err != nil && now.Before(e.retry) {
		a.head.Err, a.head.Failed, a.head.Retry = e.err, e.failed, e.retry
		return a.head, true
	}
	fresh := known && e.err == nil && now.Sub(a.seen()) <= maxAge && a.epoch == e.epoch
	return a.head, fresh
}

// seen is when the answer was had, good or bad.
func (a answer) seen() time.Time {
	if a.head.Err != nil {
		return a.head.Failed
	}
	return a.head.Seen
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
	var epoch int
	list, err := e.session.list(ctx, func() []string {
		var refs []string
		refs, epoch = h.wanted(e)
		return refs
	})

	h.mu.Lock()
	closed := h.ctx.Err() != nil
	e.looking = false
	if !closed {
		e.record(list, err, epoch, h.options.Now())
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

// wanted lists the refs that are followed at this moment, and its epoch.
func (h *Heads) wanted(e *entry) (refs []string, epoch int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	refs = make([]string, 0, len(e.asked))
	for ref := range e.asked {
		refs = append(refs, ref)
	}
	return refs, e.epoch
}

func (e *entry) record(list *listing, err error, epoch int, now time.Time) {
	e.err = err
	if err != nil {
		e.failures++
		e.failed, e.retry = now, now.Add(backoff(e.failures))
		return
	}
	e.failures = 0
	for _, ref := range list.asked {
		if _, followed := e.asked[ref]; !followed {
			continue
		}
		head := list.resolve(ref, e.session.remote.Repository)
		if head.Err != nil {
			last := e.answers[ref].head
			last.Err, last.Failed = head.Err, now
			e.answers[ref] = answer{head: last, epoch: epoch}
			continue
		}
		head.Seen = now
		e.answers[ref] = answer{head: head, epoch: epoch}
	}
}

// backoff doubles from firstRetry to lastRetry, less up to a fifth, so that
// remotes that failed together are not asked together.
func backoff(failures int) time.Duration {
	wait := lastRetry
	if failures < 6 {
		wait = firstRetry << (failures - 1)
	}
	return time.Duration(float64(wait) * (0.8 + 0.2*mathrand.Float64()))
}

// sweep forgets what nobody asked for in an hour. The caller holds mu.
func (h *Heads) sweep(now time.Time) {
	if now.Sub(h.swept) < time.Minute {
		return
	}
	h.swept = now
	for key, e := range h.entries {
		for ref, asked := range e.asked {
			if now.Sub(asked) > forgetAfter {
				delete(e.asked, ref)
				delete(e.answers, ref)
			}
		}
		if now.Sub(e.used) > forgetAfter && !e.looking {
			e.session.close()
			delete(h.entries, key)
		}
	}
}
