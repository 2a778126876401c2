package e2e

import (
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// takenBack has an update of the real CDK fail its verification while CloudFormation
// monitors it, so that it is cancelled, and then puts it right.
func (w *world) takenBack(t *testing.T) {
	repo := w.Repo(t, "safe.git")
	program := rig.OneParameter("Safe")
	first := commit(t, repo, rig.SmallApp(t, program).With(rig.App{"health": "ok\n"}), "Add the app")
	obj := rig.Stack(w.namespace, "safe", "Safe", w.HTTP.URL+"/safe.git", "")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: "grep -q ok health || { echo the site is down; exit 1; }"}
	w.Create(t, obj)
	w.waitReady(t, obj)
	// A minute lasts a second here.
	w.Patch(t, obj, `{"spec":{"rollback":{"monitoringTime":"60m","onUnhealthy":"Cancel"}}}`)

	bad := commit(t, repo, rig.App{"app.js": strings.Replace(program, "'one'", "'two'", 1), "health": "down\n"}, "Break it")
	taken := w.Until(t, obj, "the bad commit is taken back", func(o *v1alpha1.CdkTsStack) bool {
		r := o.Status.Rollback
		return r != nil && r.State == v1alpha1.RollbackDone && r.From.Revision == bad && o.Status.Operation == nil
	})
	if r := taken.Status.Rollback; r.Method != v1alpha1.MethodCloudFormation || r.ToRevision != first || !strings.Contains(taken.Status.Message, "the site is down") {
		t.Errorf("rollback %+v: %s", r, taken.Status.Message)
	}
	if n := w.calls(t, "CancelUpdateStack", "Safe"); n != 1 {
		t.Errorf("the update was cancelled %d times, want once", n)
	}
	if n := w.calls(t, "ExecuteChangeSet", "Safe"); n != 2 {
		t.Errorf("%d executions, want two", n)
	}

	began := metav1.Now()
	good := commit(t, repo, rig.App{"app.js": strings.Replace(program, "'one'", "'three'", 1), "health": "ok\n"}, "Put it right")
	fixed := w.Until(t, obj, "the fix is deployed", func(o *v1alpha1.CdkTsStack) bool {
		return rig.Ready(o) && o.Status.Deployed.Target.Revision == good
	})
	if fixed.Status.Rollback != nil || fixed.Status.Deployed.At.Sub(began.Time) < 50*time.Second {
		t.Errorf("the fix counted as deployed after %s, before the monitoring time was over: %+v", fixed.Status.Deployed.At.Sub(began.Time), fixed.Status.Rollback)
	}
	w.Delete(t, obj)
	w.UntilGone(t, obj)
}
