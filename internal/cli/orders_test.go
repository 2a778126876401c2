package cli_test

import (
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// operator plays the operator: when the object web is as it says, its status is
// changed. Done is closed after that.
func (s *session) operator(when func(*v1alpha1.CdkTsStack) bool, change func(*v1alpha1.CdkTsStackStatus)) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		for range 100 {
			var o v1alpha1.CdkTsStack
			if err := cluster.Get(s.t.Context(), client.ObjectKey{Namespace: "default", Name: "web"}, &o); err == nil && when(&o) {
				change(&o.Status)
				if err := cluster.Status().Update(s.t.Context(), &o); err == nil {
					close(done)
					return
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return done
}

// TestAPlanIsApprovedAgain has an approval end, by the clock of who approves or
// by the operator's, which forgets it when its annotation is gone.
func TestAPlanIsApprovedAgain(t *testing.T) {
	for name, status := range map[string]string{
		"it ended by this clock":          `{approval: {digest: 1cbc6017af0fdd98, at: "2026-03-01T11:00:00Z", expiresAt: "2026-03-02T11:00:00Z"}`,
		"it ended by the operator's only": `{approval: {digest: 1cbc6017af0fdd98, at: "2026-03-01T12:01:00Z", expiresAt: "2026-03-02T12:01:00Z"}, gates: [{name: approval, reason: ApprovalPending, message: its approval ended}]`,
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{t: t}
			s.object(`
metadata: {name: web, annotations: {awscdk.dev/approve: 1cbc6017af0fdd98, awscdk.dev/approve-reason: before}}
spec: {stackName: Shop, approval: {required: Always}}
status: ` + status + `,
  held: {id: op-1, kind: Deploy, step: Planning, startedAt: "2026-03-01T10:57:00Z", stepStartedAt: "2026-03-01T10:59:20Z"},
  changes: {operation: op-1, digest: 1cbc6017af0fdd98, summary: 1 to add}}
`)
			t.Cleanup(clearStacks)
			forgotten := s.operator(
				func(o *v1alpha1.CdkTsStack) bool { return o.Annotations[v1alpha1.ApproveAnnotation] == "" },
				func(st *v1alpha1.CdkTsStackStatus) { st.Approval = nil },
			)
			got := s.play([]string{"approve", "web", "--yes", "--reason", "again"}, "", false)
			select {
			case <-forgotten:
			default:
				t.Fatalf("the operator never saw that the earlier approval was taken away: %s", got)
			}
			if given := s.annotations("web"); !strings.Contains(got, "(exit code 0)") || !strings.Contains(given, "awscdk.dev/approve: 1cbc6017af0fdd98\n") || !strings.Contains(given, "approve-reason: again") {
				t.Errorf("%s and the annotations are %s", got, given)
			}
		})
	}
}
