package e2e

import (
	"slices"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"

	"k8s.io/utils/ptr"
)

// killed kills managers at each step of a first deployment, with cold caches;
// once with the build that it had started, as when the machine ends.
func (w *world) killed(t *testing.T) {
	const namespace = "crash"
	w.Namespace(t, namespace, keyID, secretKey)
	// An app of its own, so that its stack meets no other test's.
	commit(t, w.Repo(t, "crash.git"), rig.SmallApp(t, rig.OneParameter("Crash")), "Add the app")
	data := t.TempDir()
	var log string
	// kill puts a manager in the place of one that it kills.
	kill := func(m *rig.Manager) *rig.Manager {
		if m != nil {
			m.Kill()
			log += m.Log(t)
		}
		return w.Manage(t, rig.ManagerOptions{Data: data, Namespace: namespace})
	}
	obj := rig.Stack(namespace, "crash", "Crash", w.HTTP.URL+"/crash.git", "")
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	manager := kill(nil)
	w.Create(t, obj)

	w.untilRunStep(t, obj, "Installing")
	manager = kill(manager)
	if len(rig.Processes(t, data)) == 0 {
		t.Error("the build ended with its manager")
	}

	w.untilRunStep(t, obj, "Synthesizing")
	manager.Kill()
	rig.EndRuns(data)
	if left := rig.Processes(t, data); len(left) > 0 {
		t.Fatalf("the test itself left %v", left)
	}
	manager = kill(manager)

	w.untilRunStep(t, obj, "Publishing")
	manager = kill(manager)
	w.Until(t, obj, "its change set is being executed", func(o *v1alpha1.CdkTsStack) bool {
		return rig.Ready(o) || o.Status.Operation != nil && o.Status.Operation.Step == v1alpha1.StepExecuting
	})
	manager = kill(manager)

	deployed := w.Until(t, obj, "it is deployed", rig.Ready)
	if h := deployed.Status.History; len(h) != 1 {
		t.Errorf("the history tells of %d deployments, want one: %+v", len(h), h)
	}
	for _, action := range []string{"CreateChangeSet", "ExecuteChangeSet"} {
		if n := w.calls(t, action, "Crash"); n != 1 {
			t.Errorf("%s was called %d times, want once", action, n)
		}
	}
	// What a killed manager leaves is cleared when the next one starts.
	manager = kill(manager)
	nothingLeft(t, data)
	w.noSecretShown(t, namespace, log+manager.Log(t))
	w.Delete(t, obj)
	w.UntilGone(t, obj)
	if n := w.calls(t, "DeleteStack", "Crash"); n != 1 {
		t.Errorf("DeleteStack was called %d times, want once", n)
	}
}

// untilRunStep waits until the object's build has come to a step, or beyond
// it: a quick step may have passed unseen.
func (w *world) untilRunStep(t *testing.T, obj *v1alpha1.CdkTsStack, step string) {
	t.Helper()
	order := []string{"Cloning", "Installing", "Synthesizing", "Publishing"}
	w.Until(t, obj, "its build is at "+step, func(o *v1alpha1.CdkTsStack) bool {
		op := o.Status.Operation
		return op == nil && len(o.Status.History) > 0 ||
			op != nil && (op.Step != v1alpha1.StepBuilding || slices.Index(order, op.RunStep) >= slices.Index(order, step))
	})
}
