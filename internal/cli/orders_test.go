package cli_test

import (
	"io"
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

// TestARollbackIsOfWhatWasShown has the object edited while a person thinks, or
// only its status, by the operator.
func TestARollbackIsOfWhatWasShown(t *testing.T) {
	good := strings.Repeat("a", 40)
	for name, c := range map[string]struct {
		meanwhile func(*session)
		code      int
		says, ref string
	}{
		"somebody edits it": {func(s *session) {
			var o v1alpha1.CdkTsStack
			s.must(cluster.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "web"}, &o))
			o.Spec.Source.Git.Ref = "hotfix"
			s.must(cluster.Update(t.Context(), &o))
		}, 1, "somebody has edited it since it was shown", "hotfix"},
		"the operator goes on": {func(s *session) {
			s.change("web", func(st *v1alpha1.CdkTsStackStatus) { st.Message = "it goes on" })
		}, 0, "web goes back to aaaaaaa", good},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{t: t}
			t.Cleanup(clearStacks)
			s.object(`
metadata: {name: web}
spec: {stackName: Shop}
status:
  history: [{operation: a, kind: Deploy, outcome: Succeeded, revision: ` + good + `, startedAt: "2026-02-20T11:55:00Z", endedAt: "2026-02-20T11:57:00Z"}]
`)
			typed, keys := io.Pipe()
			got := startTyping(t, typed, 0, "rollback", "web", "--to", "1")
			got.shows("Go back? [y/N]")
			c.meanwhile(s)
			_, err := keys.Write([]byte("y\n"))
			s.must(err)
			got.ends(c.code)
			got.shows(c.says)
			if source := s.source("web"); !strings.Contains(source, "ref: "+c.ref) {
				t.Errorf("it follows %s", source)
			}
		})
	}
}
