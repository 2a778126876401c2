package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/figures"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// takenBack measures how long it takes to put the last good deployment back, by a
// manager that does nothing else: the bad one was deployed by the manager before it.
func (s *bench) takenBack() {
	s.say("deploying a small stack and a bad commit of it, to be taken back")
	var down atomic.Bool
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer site.Close()
	options := rig.ManagerOptions{Data: s.b.TempDir(), Namespace: namespace, GitSync: "@every 1s", Flags: []string{"--allow-internal-checks", "127.0.0.0/8"}}
	manager := s.Manage(s.b, options)
	repo := s.Repo(s.b, "bad.git")
	commit := func(program string) {
		if _, err := repo.Commit(rig.SmallApp(s.b, program), "Write the app"); err != nil {
			s.b.Fatal(err)
		}
	}
	good := rig.OneParameter("Bad")
	commit(good)
	obj := rig.Stack(namespace, "bad", "Bad", s.HTTP.URL+"/bad.git", "")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	obj.Spec.Retry = &v1alpha1.Retry{Interval: &metav1.Duration{Duration: 5 * time.Second}}
	obj.Spec.Verification = []v1alpha1.Check{{HTTP: &v1alpha1.HTTPCheck{URL: site.URL}, Retries: ptr.To[int32](0)}}
	s.Create(s.b, obj)
	s.Until(s.b, obj, "it is deployed", rig.Ready)
	down.Store(true)
	commit(strings.Replace(good, "'one'", "'two'", 1))
	s.Until(s.b, obj, "the bad commit failed its verification", func(o *v1alpha1.CdkTsStack) bool {
		return len(o.Status.History) > 0 && o.Status.History[0].Reason == "VerificationFailed"
	})
	manager.Stop(s.b)

	s.Patch(s.b, obj, `{"spec":{"rollback":{"onUnhealthy":"LastGood"}}}`)
	manager = s.Manage(s.b, options)
	s.Until(s.b, obj, "the last good deployment is being put back", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Operation != nil && o.Status.Operation.Kind == v1alpha1.OperationRollback
	})
	began := time.Now()
	s.Until(s.b, obj, "it is in place", func(o *v1alpha1.CdkTsStack) bool {
		r := o.Status.Rollback
		return r != nil && r.State == v1alpha1.RollbackDone
	})
	s.figures.Note("putting the last good deployment back, of one resource", time.Since(began).Seconds(), "s", 10)
	s.figures.Note("child processes during that", float64(figures.Children(s.b, manager.PID)), "", 0)
	manager.Stop(s.b)
}
