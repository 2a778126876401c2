package decide

import (
	"testing"

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
