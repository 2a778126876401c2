package report

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
)

// retold is how often drift that lasts, or a check that keeps failing, is told
// again. API servers keep events for an hour unless told otherwise: who lists the
// events of a stack that has drifted always finds one.
const retold = 50 * time.Minute

// revertVerdict tells what the drift check after a revert found.
func revertVerdict(before, after *v1alpha1.CdkTsStack) []Event {
	is := remediation(after)
	if is == nil || is.State == "" {
		return nil
	}
	if was := remediation(before); was != nil && was.State == is.State && was.Operation == is.Operation && was.At.Equal(&is.At) {
		return nil
	}
	switch {
	case is.State == v1alpha1.RevertVerified:
		return []Event{{Reason: "DriftRevertVerified", Action: "DriftCheck", Note: is.Message}}
	case is.State == v1alpha1.RevertIneffective:
		return []Event{{Warning: true, Reason: "DriftRevertIneffective", Action: "DriftCheck", Note: is.Message}}
	case is.Operation == "": // nothing was begun, so that no operation's end tells of it
		return []Event{{Warning: is.State == v1alpha1.RevertRefused, Reason: "DriftNotReverted", Action: "Revert", Note: is.Message}}
	}
	return nil
}

func remediation(obj *v1alpha1.CdkTsStack) *v1alpha1.DriftRemediation {
	if obj.Status.Drift == nil {
		return nil
	}
	return obj.Status.Drift.Remediation
}

func driftCheckStart(note string) Event {
	return Event{Reason: "DriftCheckStart", Action: "DriftCheck", Note: note}
}

// driftEvents tells how a drift check ended, when that is another answer than the
// one before: with thousands of stacks, checks without news would be most of what
// the API server stores. That the check began is told with its end, unless it was
// told when its hook began.
func driftEvents(before, after *v1alpha1.CdkTsStack) []Event {
	if !checkEnded(before, after) {
		return nil
	}
	news := newAnswer(&before.Status, &after.Status)
	var all []Event
	if untoldStart(before) && (news || checksDrift(after)) {
		all = append(all, driftCheckStart("Looked for drift"))
	}
	if news || againDue(before, after) {
		all = append(all, driftAnswer(&after.Status)...)
	}
	return all
}

// driftAnswer tells what a check found, nothing for a stack in sync.
func driftAnswer(st *v1alpha1.CdkTsStackStatus) []Event {
	switch drifted := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionDrifted); {
	case st.StackProblem != nil:
		return nil // Ready tells of it
	case st.Drift.Error != "":
		return []Event{{Warning: true, Reason: "DriftCheckFailure", Action: "DriftCheck", Note: st.Drift.Error}}
	case st.DriftDetected && drifted != nil:
		return []Event{{Warning: true, Reason: "DriftDetected", Action: "DriftCheck", Note: drifted.Message}}
	}
	return nil
}

// untoldStart says whether the beginning of a check that was in flight, or that
// began and ended since, has not been told.
func untoldStart(before *v1alpha1.CdkTsStack) bool {
	return !checksDrift(before) || decide.Unsaved(&before.Spec, before.Status.Operation)
}

func checksDrift(obj *v1alpha1.CdkTsStack) bool {
	op := obj.Status.Operation
	return op != nil && op.Kind == v1alpha1.OperationDriftCheck
}

// newAnswer says whether a check found something else than the one before: drift
// or none, of other resources, another error, or the first answer since a
// deployment.
func newAnswer(was, is *v1alpha1.CdkTsStackStatus) bool {
	before := meta.FindStatusCondition(was.Conditions, v1alpha1.ConditionDrifted)
	after := meta.FindStatusCondition(is.Conditions, v1alpha1.ConditionDrifted)
	if (before == nil) != (after == nil) || before != nil && (before.Status != after.Status || before.Reason != after.Reason) {
		return true
	}
	return was.DriftDetected != is.DriftDetected || !equality.Semantic.DeepEqual(finding(was.Drift), finding(is.Drift))
}

// finding is what a check found, without when.
func finding(d *v1alpha1.DriftStatus) v1alpha1.DriftStatus {
	if d == nil {
		return v1alpha1.DriftStatus{}
	}
	found := *d
	found.CheckedAt, found.AttemptedAt = nil, nil
	// What is ignored is no news, and what comes of a revert is told of itself.
	found.Ignored, found.Unmatched, found.RulesDigest, found.Remediation = nil, nil, "", nil
	return found
}

// againDue says whether what lasts since some time was last told too long ago.
func againDue(before, after *v1alpha1.CdkTsStack) bool {
	since := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionDrifted)
	was, is := before.Status.Drift, after.Status.Drift
	if since == nil || was == nil || was.AttemptedAt == nil {
		return false
	}
	times := func(at time.Time) time.Duration { return at.Sub(since.LastTransitionTime.Time) / retold }
	return times(is.AttemptedAt.Time) != times(was.AttemptedAt.Time)
}

// checkEnded says whether a drift check ended between two states.
func checkEnded(before, after *v1alpha1.CdkTsStack) bool {
	was, is := before.Status.Drift, after.Status.Drift
	if is == nil || is.AttemptedAt == nil {
		return false
	}
	return was == nil || was.AttemptedAt == nil || !was.AttemptedAt.Equal(is.AttemptedAt)
}
