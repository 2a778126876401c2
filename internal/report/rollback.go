package report

import (
	"fmt"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// rolledBack tells of a deployment that was taken back, of one that could not be,
// and of what keeps either from working.
func rolledBack(before, after *v1alpha1.CdkTsStack) []Event {
	all := foretold(before, after)
	r := after.Status.Rollback
	if !newlyTakenBack(before, after) {
		return all
	}
	switch r.State {
	case v1alpha1.RollbackDone:
		to := "what was there before"
		if r.ToRevision != "" {
			to = "revision " + r.ToRevision
		}
		return append(all, Event{Warning: true, Reason: "RolledBack", Action: "Rollback", Note: fmt.Sprintf("from revision %s to %s: %s", r.From.Revision, to, r.Message)})
	case v1alpha1.RollbackNotDone:
		return append(all, Event{Warning: true, Reason: "RollbackGivenUp", Action: "Rollback", Note: fmt.Sprintf("revision %s stays in service: %s", r.From.Revision, r.Message)})
	}
	return all
}

// rollbackStart says what a rollback is about to do.
func rollbackStart(op *v1alpha1.Operation) string {
	if len(op.Skip) > 0 {
		return "Having the rollback go on without " + strings.Join(op.Skip, ", ")
	}
	return fmt.Sprintf("%s: putting revision %s back, attempt %d", op.Reason, op.Target.Revision, op.Attempt)
}

// newlyTakenBack says whether a rollback came to its end between two states.
func newlyTakenBack(before, after *v1alpha1.CdkTsStack) bool {
	was, is := before.Status.Rollback, after.Status.Rollback
	if is == nil || is.EndedAt == nil {
		return false
	}
	return was == nil || was.EndedAt == nil || !was.RequestedAt.Equal(&is.RequestedAt)
}

// foretold tells once of a deployment what will keep it from being taken back.
func foretold(before, after *v1alpha1.CdkTsStack) []Event {
	var all []Event
	was, is := monitoringOf(before, after), monitoringOf(after, after)
	for _, one := range []struct{ reason, was, is string }{
		{"AlarmsUnseen", was.AlarmsUnseen, is.AlarmsUnseen},
		{"LastGoodGone", was.LastGoodGone, is.LastGoodGone},
		{"CancelDenied", was.CancelDenied, is.CancelDenied},
	} {
		if one.is != "" && one.was == "" {
			all = append(all, Event{Warning: true, Reason: one.reason, Action: "Deploy", Note: one.is})
		}
	}
	return all
}

// monitoringOf is what an object notes of the operation that another state of it
// has in flight.
func monitoringOf(obj, of *v1alpha1.CdkTsStack) v1alpha1.Monitoring {
	op := of.Status.Operation
	for _, one := range []*v1alpha1.Operation{obj.Status.Operation, obj.Status.Held} {
		if op != nil && one != nil && one.ID == op.ID && one.Monitoring != nil {
			return *one.Monitoring
		}
	}
	return v1alpha1.Monitoring{}
}
