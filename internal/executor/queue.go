package executor

import (
	"slices"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// Waiter is a run that waits for its turn, in a Queue.
type Waiter interface {
	comparable
	// Asks is what the run is to do.
	Asks() run.Request
}

// Queue holds the runs that wait for their turn. Hooks that something waits
// for which cannot be repeated, a destruction, a verification or an alarm, go
// before builds, but not for ever. Within either class it is first come, first
// served within a namespace, and the namespaces take turns, so that a hundred
// runs of one team do not keep another team waiting.
type Queue[T Waiter] struct {
	urgent, ordinary line[T]
	// passed counts the urgent runs that went first since an ordinary one did.
	passed int
}

// maxPassed is how many urgent runs go before an ordinary one that waits.
const maxPassed = 3

// urgentHooks are those that go before builds. The hooks around git checks are
// not among them: those come every few minutes.
var urgentHooks = []string{
	decide.AfterDeploy, decide.BeforeDestroy, decide.AfterDestroy,
	decide.BeforeDriftDetection, decide.AfterDriftDetection,
}

func isUrgent(r run.Request) bool {
	return r.Operation == run.OperationHook && r.Hook != nil && slices.Contains(urgentHooks, r.Hook.Name)
}

// lineOf is the line that a run waits in.
func (q *Queue[T]) lineOf(r T) *line[T] {
	if isUrgent(r.Asks()) {
		return &q.urgent
	}
	return &q.ordinary
}

// Push puts a run at the end of its line.
func (q *Queue[T]) Push(r T) { q.lineOf(r).push(r) }

// Remove takes a run out, if it is there.
func (q *Queue[T]) Remove(r T) { q.lineOf(r).remove(r) }

// Empty says whether none waits.
func (q *Queue[T]) Empty() bool { return q.urgent.length+q.ordinary.length == 0 }

// Pop takes out the run whose turn it is among the namespaces that may have
// another, the zero T when none waits.
func (q *Queue[T]) Pop(may func(namespace string) bool) T {
	var none T
	if q.passed >= maxPassed {
		if r := q.ordinary.pop(may); r != none {
			q.passed = 0
			return r
		}
	}
	if r := q.urgent.pop(may); r != none {
		q.passed = min(q.passed+1, maxPassed)
		return r
	}
	q.passed = 0
	return q.ordinary.pop(may)
}

// Ahead counts the runs that have their turn before r, if no more come and
// every namespace may have another.
func (q *Queue[T]) Ahead(r T) int {
	if isUrgent(r.Asks()) {
		before := q.urgent.ahead(r)
		// An ordinary run goes after maxPassed urgent ones, of which some went.
		return before + min((q.passed+before)/maxPassed, q.ordinary.length)
	}
	before := q.ordinary.ahead(r)
	return before + min(max((before+1)*maxPassed-q.passed, 0), q.urgent.length)
}

// line is a queue of one class.
type line[T Waiter] struct {
	namespaces []string // in the order of their turns
	waiting    map[string][]T
	length     int
}

func (l *line[T]) push(r T) {
	if l.waiting == nil {
		l.waiting = make(map[string][]T)
	}
	ns := r.Asks().Namespace
	if len(l.waiting[ns]) == 0 {
		l.namespaces = append(l.namespaces, ns)
	}
	l.waiting[ns] = append(l.waiting[ns], r)
	l.length++
}

func (l *line[T]) pop(may func(namespace string) bool) (r T) {
	i := slices.IndexFunc(l.namespaces, may)
	if i < 0 {
		return r
	}
	ns := l.namespaces[i]
	r = l.waiting[ns][0]
	l.remove(r)
	if len(l.waiting[ns]) > 0 {
		l.namespaces = append(slices.Delete(l.namespaces, i, i+1), ns)
	}
	return r
}

// remove takes a run out of the line, if it is there.
func (l *line[T]) remove(r T) {
	ns := r.Asks().Namespace
	i := slices.Index(l.waiting[ns], r)
	if i < 0 {
		return
	}
	l.length--
	if l.waiting[ns] = slices.Delete(l.waiting[ns], i, i+1); len(l.waiting[ns]) > 0 {
		return
	}
	delete(l.waiting, ns)
	l.namespaces = slices.DeleteFunc(l.namespaces, func(other string) bool { return other == ns })
}

// ahead counts the runs that come before r: each namespace whose turn is
// before that of its own has one more of them than those after.
func (l *line[T]) ahead(r T) int {
	own := r.Asks().Namespace
	place := slices.Index(l.waiting[own], r)
	before, n := true, 0
	for _, ns := range l.namespaces {
		switch {
		case ns == own:
			before = false
			n += place
		case before:
			n += min(len(l.waiting[ns]), place+1)
		default:
			n += min(len(l.waiting[ns]), place)
		}
	}
	return n
}
