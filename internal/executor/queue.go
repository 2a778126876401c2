package executor

import "slices"

// queue holds the runs that wait for their turn: first come, first served
// within a namespace, and the namespaces take turns, so that a hundred runs
// of one team do not keep another team waiting.
type queue struct {
	namespaces []string // in the order of their turns
	waiting    map[string][]*run
}

func (q *queue) push(r *run) {
	if q.waiting == nil {
		q.waiting = make(map[string][]*run)
	}
	ns := r.request.Namespace
	if len(q.waiting[ns]) == 0 {
		q.namespaces = append(q.namespaces, ns)
	}
	q.waiting[ns] = append(q.waiting[ns], r)
}

// pop returns the run whose turn it is, nil when none waits.
func (q *queue) pop() *run {
	if len(q.namespaces) == 0 {
		return nil
	}
	ns := q.namespaces[0]
	q.namespaces = q.namespaces[1:]
	r := q.waiting[ns][0]
	q.waiting[ns] = q.waiting[ns][1:]
	if len(q.waiting[ns]) == 0 {
		delete(q.waiting, ns)
		return r
	}
	q.namespaces = append(q.namespaces, ns)
	return r
}

func (q *queue) remove(r *run) {
	ns := r.request.Namespace
	left := slices.DeleteFunc(q.waiting[ns], func(other *run) bool { return other == r })
	if len(left) > 0 {
		q.waiting[ns] = left
		return
	}
	delete(q.waiting, ns)
	q.namespaces = slices.DeleteFunc(q.namespaces, func(other string) bool { return other == ns })
}
