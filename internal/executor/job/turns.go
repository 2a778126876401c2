package job

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// dispatch makes the runs whose turn it is, until the context ends.
func (e *Executor) dispatch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		}
		for en := e.next(); en != nil; en = e.next() {
			call, cancel := context.WithTimeout(ctx, callTimeout)
			err := e.finish(en, e.make(call, en, nil, aJob))
			cancel()
			if err != nil {
				e.note(en, err)
			}
			e.announce(en.name)
		}
	}
}

// next takes the run whose turn it is out of the queue, nil when none may go.
func (e *Executor) next() *entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.queue.Empty() {
		return nil
	}
	total, of := e.busy()
	if total >= e.o.MaxRuns {
		return nil
	}
	en := e.queue.Pop(func(namespace string) bool { return of[namespace] < e.o.MaxRunsPerNamespace })
	if en != nil {
		en.state = making
	}
	return en
}

// note keeps why a run could not be made for whoever starts it again.
func (e *Executor) note(en *entry, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !en.doomed && e.entries[en.name] == nil {
		en.state, en.err = refused, err
		e.entries[en.name] = en
	}
}

// hasRoom says whether one more run may go on at once. The caller holds the lock,
// and the run is among the entries.
func (e *Executor) hasRoom(en *entry) bool {
	total, of := e.busy()
	return total <= e.o.MaxRuns && of[en.request.Namespace] <= e.o.MaxRunsPerNamespace
}

// busy counts the runs that go on, in all and by namespace. The caller holds the
// lock.
func (e *Executor) busy() (total int, of map[string]int) {
	going, seen := map[string]string{}, map[types.UID]bool{}
	var all batchv1.JobList
	// A cache that is not started shows none; then no run was started either.
	_ = e.o.Cache.List(context.Background(), &all, client.UnsafeDisableDeepCopy)
	for i := range all.Items {
		j := &all.Items[i]
		seen[j.UID] = true
		if e.ours(j) && ended(j) == nil && j.DeletionTimestamp.IsZero() && !e.removed[j.UID] {
			going[j.Name] = j.Namespace
		}
	}
	for name, en := range e.entries {
		if en.state == making || en.state == made && !seen[en.job] {
			going[name] = en.request.Namespace
		}
	}
	of = map[string]int{}
	for _, namespace := range going {
		of[namespace]++
	}
	return len(going), of
}

// poke has the dispatcher look now.
func (e *Executor) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
