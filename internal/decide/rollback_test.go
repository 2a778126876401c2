package decide

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
)

// A rollback that was given up before it changed anything has put nothing back.
func TestWhatWasGivenUpIsNotInService(t *testing.T) {
	st := &v1alpha1.CdkTsStackStatus{
		Deployed: &v1alpha1.Deployment{Target: v1alpha1.Target{Digest: "good", Revision: "a"}},
		History: []v1alpha1.HistoryEntry{
			{Operation: "r1", Kind: v1alpha1.OperationRollback, Outcome: v1alpha1.OutcomeSuperseded, Revision: "a", Target: "good"},
			{Operation: "d1", Kind: v1alpha1.OperationDeploy, Outcome: v1alpha1.OutcomeFailed, Reason: ErrVerification.Reason, Revision: "b", Target: "bad"},
		},
	}
	p := &pass{obj: &v1alpha1.CdkTsStack{}, st: st}
	if revision, good := p.before(&v1alpha1.Operation{ID: "d2"}); revision != "b" || good {
		t.Errorf("revision %s, the last good one: %t", revision, good)
	}
}

// A deployment whose verification gave way to an edit is in service all the same, and
// one that gave way before it changed anything is not.
func TestWhatWasNotVerifiedIsInService(t *testing.T) {
	at := func(minute int) metav1.Time { return metav1.NewTime(time.Date(2026, 3, 2, 9, minute, 0, 0, time.UTC)) }
	entry := func(id, rev string, outcome v1alpha1.Outcome, from, to int) v1alpha1.HistoryEntry {
		return v1alpha1.HistoryEntry{Operation: id, Kind: v1alpha1.OperationDeploy, Outcome: outcome, Reason: string(outcome), Revision: rev, Target: rev, StartedAt: at(from), EndedAt: at(to)}
	}
	st := &v1alpha1.CdkTsStackStatus{
		Deployed:   &v1alpha1.Deployment{Target: v1alpha1.Target{Digest: "a", Revision: "a"}},
		LastDeploy: v1alpha1.NewTime(at(12)),
		History: []v1alpha1.HistoryEntry{
			entry("d3", "c", v1alpha1.OutcomeSuperseded, 20, 22), entry("d2", "b", v1alpha1.OutcomeSuperseded, 10, 15), entry("d1", "a", v1alpha1.OutcomeSucceeded, 0, 5),
		},
	}
	p := &pass{obj: &v1alpha1.CdkTsStack{}, st: st}
	if revision, good := p.before(&v1alpha1.Operation{ID: "d4"}); revision != "b" || good {
		t.Errorf("revision %s, the last good one: %t", revision, good)
	}
}

// What a person has ended is deployed again by a person only: no branch that goes back
// to it, and nothing that is read from elsewhere, brings it about again.
func TestWhatWasEndedOnPurposeIsHeldBack(t *testing.T) {
	for reason, held := range map[string]bool{
		errRolledBack.Reason: true, errRolloutAborted.Reason: true, errTakenOver.Reason: true, errDeploymentFailed.Reason: false,
	} {
		last := v1alpha1.HistoryEntry{Operation: "d2", Kind: v1alpha1.OperationDeploy, Outcome: v1alpha1.OutcomeRefused, Reason: reason, Revision: "b", Target: "bad"}
		good := v1alpha1.HistoryEntry{Operation: "d1", Kind: v1alpha1.OperationDeploy, Outcome: v1alpha1.OutcomeSucceeded, Revision: "a", Target: "good"}
		p := &pass{obj: &v1alpha1.CdkTsStack{}, st: &v1alpha1.CdkTsStackStatus{LastDeployment: &last, History: []v1alpha1.HistoryEntry{last, good}}}
		if got := p.heldBack("b"); got != held {
			t.Errorf("%s: the commit is held back: %t", reason, got)
		}
		if got := p.keptBack(&v1alpha1.Target{Digest: "bad", Revision: "b"}); got != held {
			t.Errorf("%s: the target is kept back: %t", reason, got)
		}
		if p.heldBack("a") || p.heldBack("c") {
			t.Errorf("%s: other commits are held back", reason)
		}
	}
}
