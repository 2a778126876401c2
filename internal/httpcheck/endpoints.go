package httpcheck

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/types"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/redact"
)

// Question is what an endpoint is asked, and what its answer means.
type Question struct {
	// Namespace is whose question it is: none shares another's answers.
	Namespace string
	Request   Request
	// Expression tells questions apart that differ in Judge only.
	Expression string
	// Judge says yes or no to an answer, or why that cannot be said.
	Judge func(context.Context, Answer) (bool, error)
	// Explain, if set, gives a short text for an answer that Judge says no to.
	Explain func(context.Context, Answer) string
}

// Finding is what is known of a question.
type Finding struct {
	// Known is false while the endpoint was not asked yet.
	Known bool
	// Yes is what the last answer means, false when there was none.
	Yes bool
	// Why is the text of an answer that means no, of one line and without the
	// request's secrets. Nobody is woken because it is another one.
	Why string
	// Err is why the last answer means nothing.
	Err error
	// SeenAt is when that request was sent.
	SeenAt time.Time
}

// EndpointsOptions shape an Endpoints. Now and Get are needed, the rest has
// defaults.
type EndpointsOptions struct {
	// Now is the clock.
	Now func() time.Time
	// Get asks: a Client's.
	Get func(context.Context, Request) (Answer, error)
	// Changed, if set, is called with those who wait for an answer that has
	// changed, or who were told an old one, from a goroutine of its own.
	Changed func([]types.NamespacedName)
	// Every is the pause between two requests (30 s).
	Every time.Duration
	// InFlight bounds the requests at one time (16), PerNamespace those of one
	// namespace (4).
	InFlight, PerNamespace int
}

// Endpoints asks endpoints for whoever waits for their answers, and for nobody
// else. However many wait for one answer, it is asked for once in Every.
// Nobody waits in a call.
type Endpoints struct {
	options EndpointsOptions
	secret  []byte // keys the digests; never leaves the process
	ctx     context.Context
	stop    context.CancelFunc
	looks   sync.WaitGroup
	// judging bounds how many answers are taken apart at once: each may take
	// many times its size in memory.
	judging chan struct{}

	mu      sync.Mutex
	entries map[key]*entry
	asked   map[types.NamespacedName][]key
	lanes   lanes
}

// key names a question without giving its secrets away.
type key [sha256.Size]byte

// entry is a question that somebody waits for, or did until a moment ago.
type entry struct {
	key      key
	question Question
	finding  Finding
	// waiters are who waits, true for those who were told an old answer.
	waiters map[types.NamespacedName]bool
	// looking says that it is asked, or queued for that; else next is when it
	// is asked again, or forgotten when nobody waits any more.
	looking bool
	next    *time.Timer
}

// NewEndpoints returns a service that knows nothing yet. Close it when done.
func NewEndpoints(o EndpointsOptions) *Endpoints {
	if o.Every <= 0 {
		o.Every = 30 * time.Second
	}
	if o.Changed == nil {
		o.Changed = func([]types.NamespacedName) {}
	}
	e := &Endpoints{
		options: o, secret: make([]byte, 32), judging: make(chan struct{}, 2),
		entries: map[key]*entry{}, asked: map[types.NamespacedName][]key{}, lanes: newLanes(o.InFlight, o.PerNamespace),
	}
	_, _ = rand.Read(e.secret) // never fails, by its documentation
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e
}

// Close ends the requests in flight and waits for them. Ask starts none
// afterwards.
func (e *Endpoints) Close() {
	e.stop()
	e.mu.Lock()
	for _, entry := range e.entries {
		entry.rest()
	}
	e.mu.Unlock()
	e.looks.Wait()
}

// Ask says what is known of each question, and has them asked from now on for as
// long as who waits: until the next call for who, which may ask others, or Leave.
// An answer that is older than Every is asked for at once.
func (e *Endpoints) Ask(who types.NamespacedName, questions []Question) []Finding {
	now := e.options.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	found := make([]Finding, len(questions))
	keys := make([]key, len(questions))
	for i, q := range questions {
		keys[i] = e.keyOf(q)
		one := e.entries[keys[i]]
		if one == nil {
			one = &entry{key: keys[i], question: q, waiters: map[types.NamespacedName]bool{}}
			e.entries[keys[i]] = one
		}
		old := !one.finding.Known || now.Sub(one.finding.SeenAt) > e.options.Every
		one.waiters[who] = old
		if old {
			e.enqueue(one)
		}
		found[i] = one.finding
	}
	e.leave(who, keys)
	if len(keys) > 0 {
		e.asked[who] = keys
	}
	return found
}

// Leave says that who waits for nothing any more.
func (e *Endpoints) Leave(who types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leave(who, nil)
}

// leave ends the wait for all answers but some. The caller holds mu.
func (e *Endpoints) leave(who types.NamespacedName, except []key) {
	for _, k := range e.asked[who] {
		if one := e.entries[k]; one != nil && !slices.Contains(except, k) {
			delete(one.waiters, who)
		}
	}
	delete(e.asked, who)
}

// keyOf digests a question: each part is led by its length.
func (e *Endpoints) keyOf(q Question) (k key) {
	h := hmac.New(sha256.New, e.secret)
	part(h, q.Namespace, q.Request.URL, q.Expression, q.Request.Timeout.String(), string(q.Request.CA))
	for _, name := range slices.Sorted(maps.Keys(q.Request.Headers)) {
		part(h, name, q.Request.Headers[name])
	}
	h.Sum(k[:0])
	return k
}

func part(h hash.Hash, texts ...string) {
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
}

// enqueue has a question asked as soon as there is room. The caller holds mu.
func (e *Endpoints) enqueue(one *entry) {
	if one.looking || e.ctx.Err() != nil {
		return
	}
	one.rest()
	one.looking = true
	e.lanes.add(one.question.Namespace, func() bool {
		if len(one.waiters) == 0 { // whoever waited has left meanwhile
			delete(e.entries, one.key)
			return false
		}
		if e.ctx.Err() != nil {
			return false
		}
		e.looks.Go(func() { e.look(one) })
		return true
	})
}

// look asks once and tells whom the answer concerns.
func (e *Endpoints) look(one *entry) {
	began := e.options.Now()
	found := e.answer(one.question)
	found.Known, found.SeenAt = true, began
	now := e.options.Now()

	e.mu.Lock()
	one.looking = false
	closed := e.ctx.Err() != nil
	var concerned []types.NamespacedName
	if !closed {
		concerned = one.record(found)
		one.next = time.AfterFunc(max(e.options.Every-now.Sub(began), time.Second), func() { e.due(one) })
	}
	e.lanes.done(one.question.Namespace)
	e.mu.Unlock()
	if len(concerned) > 0 {
		e.options.Changed(concerned)
	}
}

// record takes up a finding and says whom it concerns.
func (one *entry) record(f Finding) (concerned []types.NamespacedName) {
	was := one.finding
	one.finding = f
	changed := !was.Known || was.Yes != f.Yes || !same(was.Err, f.Err)
	for who, old := range one.waiters {
		if changed || old {
			concerned = append(concerned, who)
			one.waiters[who] = false
		}
	}
	return concerned
}

func same(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error()
}

// due asks again, or forgets what nobody waits for.
func (e *Endpoints) due(one *entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case one.looking || e.entries[one.key] != one:
	case len(one.waiters) > 0:
		e.enqueue(one)
	default:
		delete(e.entries, one.key)
	}
}

// rest forgets when the question is asked next.
func (one *entry) rest() {
	if one.next != nil {
		one.next.Stop()
	}
}

// answer asks an endpoint and has its answer judged.
func (e *Endpoints) answer(q Question) Finding {
	a, err := e.options.Get(e.ctx, q.Request)
	if err != nil {
		return Finding{Err: err}
	}
	select {
	case e.judging <- struct{}{}:
		defer func() { <-e.judging }()
	case <-e.ctx.Done():
		return Finding{Err: e.ctx.Err()}
	}
	yes, err := q.Judge(e.ctx, a)
	switch {
	case err != nil:
		return Finding{Err: q.Request.Hide(err)}
	case yes || q.Explain == nil:
		return Finding{Yes: yes}
	}
	return Finding{Why: problem.Cut(oneLine(q.Request.hide(q.Explain(e.ctx, a))), maxWhy)}
}

const (
	// maxError bounds the text of a judgement, in bytes.
	maxError = 512
	// maxWhy bounds what an answer is explained with, in bytes.
	maxWhy = 256
)

// oneLine has words between single spaces, and nothing that moves a cursor.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// Hide takes the request's secrets out of an error: an endpoint may say them
// again in its answer, and an error may show parts of that.
func (r Request) Hide(err error) error { return errors.New(problem.Cut(r.hide(err.Error()), maxError)) }

func (r Request) hide(text string) string {
	var secrets []string
	for _, value := range r.Headers {
		secrets = append(secrets, value)
		for _, word := range strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(" \t=,;\"", c) }) {
			if len(word) >= 8 {
				secrets = append(secrets, word)
			}
		}
	}
	return redact.New(secrets...).String(text)
}
