package decide

import (
	"errors"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// maxDiscarded bounds the change sets that are still to be deleted.
	maxDiscarded = 40
	// The pauses between attempts at the deletion of one.
	discardRetry    = 30 * time.Second
	discardRetryMax = time.Hour
	// discardBusy is when one that is being made is tried again.
	discardBusy = 10 * time.Second
)

// discard notes that the change set of an operation is of no more use, before
// the operation ends or goes on without it. CloudFormation keeps a change set
// that is not executed, and takes no more than 1,000 for one stack.
func (p *pass) discard(op *v1alpha1.Operation) {
	executed := op.AcceptedAt != nil || op.Outcome == v1alpha1.OutcomeSucceeded // as an earlier version tells it
	if op.RequestedAt == nil || executed || op.Plan == nil {
		return
	}
	due := p.now
	if !p.seen.ChangeSet.Exists && op.RequestedAt.Add(settled).After(due) {
		due = op.RequestedAt.Add(settled) // it may still come into sight
	}
	op.RequestedAt = nil
	stack := op.StackID
	if stack == "" {
		stack = op.Plan.StackName
	}
	p.discardNamed(op.ID, stack, due)
}

func (p *pass) discardNamed(changeSet, stack string, due time.Time) {
	if slices.ContainsFunc(p.st.DiscardedChangeSets, func(d v1alpha1.DiscardedChangeSet) bool { return d.Name == changeSet }) {
		return
	}
	all := append(p.st.DiscardedChangeSets, v1alpha1.DiscardedChangeSet{Name: changeSet, Stack: stack, DueAt: metav1.NewTime(due)})
	p.st.DiscardedChangeSets = all[max(0, len(all)-maxDiscarded):]
}

// discardUnexecuted discards what versions before left of the deployments that
// are still known: the stack has as many change sets as it may.
func (p *pass) discardUnexecuted(op *v1alpha1.Operation) {
	for _, e := range p.st.History {
		if (e.Kind == v1alpha1.OperationDeploy || e.Kind == v1alpha1.OperationRevert) && e.Outcome != v1alpha1.OutcomeSucceeded {
			p.discardNamed(e.Operation, op.Plan.StackName, p.now)
		}
	}
}

// clearAway has a discarded change set deleted when nothing else is to be done
// in this pass. It adds to what the rules decided and changes nothing of it.
func (p *pass) clearAway() {
	if p.action == ActLetGo || p.deletingStack() || len(p.st.DiscardedChangeSets) == 0 {
		return
	}
	all := p.st.DiscardedChangeSets
	slices.SortStableFunc(all, func(a, b v1alpha1.DiscardedChangeSet) int { return a.DueAt.Compare(b.DueAt.Time) })
	switch due := all[0].DueAt.Time; {
	case due.After(p.now):
		p.wakeAt(due)
	case p.told || (p.action != ActNothing && !p.repeats()):
		// Something else comes first. What is waited for keeps its time.
		if p.after == 0 {
			p.wakeAt(p.now.Add(200 * time.Millisecond))
		}
	default: // what could not be done before can wait for one more pass
		p.action = ActDeleteChangeSet
		p.wakeAt(p.now.Add(200 * time.Millisecond))
	}
}

// deletingStack says whether the stack is being deleted, its change sets with it.
func (p *pass) deletingStack() bool {
	op := p.st.Operation
	return op != nil && op.Kind == v1alpha1.OperationDestroy && !p.retaining()
}

// cleared takes up what came of the deletion of a discarded change set, which
// is the first of them.
func (p *pass) cleared() {
	a := p.seen.Acted
	if a == nil || a.Action != ActDeleteChangeSet {
		return
	}
	p.seen.Acted = nil // it says nothing to the rules
	all := p.st.DiscardedChangeSets
	switch {
	case len(all) == 0:
	case a.Err == nil:
		p.st.DiscardedChangeSets = all[1:]
	case errors.Is(a.Err, problem.StackBusy):
		// It is still being made: no attempt, or a deleted object would go now.
		all[0].DueAt = metav1.NewTime(p.now.Add(discardBusy))
	default:
		all[0].Attempts++
		all[0].DueAt = metav1.NewTime(p.now.Add(backoff(discardRetry, discardRetryMax, int(all[0].Attempts), string(p.obj.UID))))
	}
	if len(p.st.DiscardedChangeSets) == 0 {
		p.st.DiscardedChangeSets = nil
	}
}

// untried is when the deletion of a discarded change set is tried for the first
// time; ok is false when each was tried.
func (p *pass) untried() (due time.Time, ok bool) {
	for _, d := range p.st.DiscardedChangeSets {
		if d.Attempts == 0 && (!ok || d.DueAt.Time.Before(due)) {
			due, ok = d.DueAt.Time, true
		}
	}
	return due, ok
}
