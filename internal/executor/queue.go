package executor

import (
	"slices"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// queue holds the runs that wait for their turn. Hooks that something waits
// for which cannot be repeated, a destruction, a verification or an alarm, go
// before builds, but not for ever. Within either class it is first come, first
// served within a namespace, and the namespaces take turns, so that a hundred
// runs of one team do not keep another team waiting.
type queue struct {
	urgent, ordinary line
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
func (q *queue) lineOf(r *task) *line {
	if isUrgent(r.request) {
		return &q.urgent
	}
	return &q.ordinary
}

func (q *queue) push(r *task)   { q.lineOf(r).push(r) }
func (q *queue) remove(r *task) { q.lineOf(r).remove(r) }

func (q *queue) empty() bool { return q.urgent.length+q.ordinary.length == 0 }

// pop returns the run whose turn it is among the namespaces that may have
// another, nil when none waits.
func (q *queue) pop(may func(namespace string) bool) *task {
	if q.passed >= maxPassed {
		if r := q.ordinary.pop(may); r != nil {
			q.passed = 0
			return r
		}
	}
	if r := q.urgent.pop(may); r != nil {
		q.passed = min(q.passed+1, maxPassed)
		return r
	}
	q.passed = 0
	return q.ordinary.pop(may)
}

// ahead counts the runs that have their turn before r, if no more come and
// every namespace may have another.
func (q *queue) ahead(r *task) int {
	if isUrgent(r.request) {
		before := q.urgent.ahead(r)
		// An ordinary run goes after maxPassed urgent ones, of which some went.
		return before + min((q.passed+before)/maxPassed, q.ordinary.length)
	}
	before := q.ordinary.ahead(r)
	return before + min(max((before+1)*maxPassed-q.passed, 0), q.urgent.length)
}

// line is a queue of one class.
type line struct {
	namespaces []string // in the order of their turns
	waiting    map[string][]*task
	length     int
}

func (l *line) push(r *task) {
	if l.waiting == nil {
		l.waiting = make(map[string][]*task)
	}
	ns := r.request.Namespace
	if len(l.waiting[ns]) == 0 {
		l.namespaces = append(l.namespaces, ns)
	}
	l.waiting[ns] = append(l.waiting[ns], r)
	l.length++
}

func (l *line) pop(may func(namespace string) bool) *task {
	i := slices.IndexFunc(l.namespaces, may)
	if i < 0 {
		return nil
	}
	ns := l.namespaces[i]
	r := l.waiting[ns][0]
	l.remove(r)
	if len(l.waiting[ns]) > 0 {
		l.namespaces = append(slices.Delete(l.namespaces, i, i+1), ns)
	}
	return r
}

// remove takes a run out of the line, if it is there.
func (l *line) remove(r *task) {
	ns := r.request.Namespace
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
func (l *line) ahead(r *task) int {
	own := r.request.Namespace
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

// mayHaveAnother says whether a namespace may have one more run at a time.
func (l *Local) mayHaveAnother(namespace string) bool {
	n := 0
	for _, r := range l.runs {
		if r.state != queued && r.request.Namespace == namespace {
			n++
		}
	}
	return n < l.o.MaxRunsPerNamespace
}

// busy counts the runs that have a process.
func (l *Local) busy() int {
	n := 0
	for _, r := range l.runs {
		if r.state != queued {
			n++
		}
	}
	return n
}
