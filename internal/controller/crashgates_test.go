package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/utils/ptr"
)

// gatedSecret is the parameter of a stack whose plans wait.
const gatedSecret = "hunter2-of-the-database"

// gatedApp is a template with a secret parameter.
func gatedApp(displayName string) map[string]string {
	return map[string]string{"template.json": fmt.Sprintf(`{"Parameters": {"Password": {"Type": "String", "NoEcho": true}}, "Resources": {
		"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": %q}},
		"Db": {"Type": "Local::Test::Resource", "Properties": {"MasterUserPassword": {"Ref": "Password"}}}}}`, displayName)}
}

// diesWhilePlansWait is the life of a stack each of whose plans waits at a closed
// window, a freeze, a policy and an approval, which are opened one by one.
func (w *world) diesWhilePlansWait(kill string) (deaths int) {
	w.Helper()
	incidents := serveIncidents(w, `{"count": 1}`)
	w.commitFiles(gatedApp("one"))
	w.secret("database", map[string]string{"password": gatedSecret})
	w.policy(w.namespace, "rules", namedTopics, nil)
	obj := w.gated(incidents.URL)
	w.create(obj)
	waiting := func(gates ...string) func() bool { return func() bool { return waitsAt(w.get("web"), gates...) } }

	deaths += w.dieUntil(kill, waiting("window", "freeze", "policies", "approval"))
	held := w.get("web")
	w.restsWith(held)
	w.policy(w.namespace, "rules", anyTopics, nil)
	deaths += w.dieUntil(kill, waiting("window", "freeze", "approval"))
	incidents.says(`{"count": 0}`)
	deaths += w.dieUntil(kill, waiting("window", "approval"))
	w.approve(w.get("web"))
	deaths += w.dieUntil(kill, waiting("window"))
	w.onlyOnce("ExecuteChangeSet", 0)
	w.edit("web", `{"spec":{"windows":null}}`)
	deaths += w.dieUntil(kill, func() bool { return ready(w.get("web")) })
	w.onlyOnce("CreateChangeSet", 1)
	w.onlyOnce("ExecuteChangeSet", 1)
	w.usedItsApproval(held, 1)

	// The approval is good for no other plan.
	w.commitFiles(gatedApp("two"))
	w.editStatus("web", `{"status":{"phase":""}}`)
	deaths += w.dieUntil(kill, waiting("approval"))
	next := w.get("web")
	contains(w, message(next), "the approval that was given is of another plan", next.Status.Changes.Digest)
	w.onlyOnce("ExecuteChangeSet", 1)
	w.approve(next)
	deaths += w.dieUntil(kill, func() bool { return ready(w.get("web")) && len(w.get("web").Status.History) == 2 })
	w.onlyOnce("CreateChangeSet", 2)
	w.onlyOnce("ExecuteChangeSet", 2)
	w.usedItsApproval(next, 2)
	if told := w.nothingToldTwice("web"); told == 0 && kill != "after=1" { // those who die after the save tell nothing
		w.Error("there is no event: is it the right object?")
	}
	w.nowhere(gatedSecret)
	return deaths + w.diesWhileItIsDeleted(kill, obj)
}

// gated is an object with all gates that last.
func (w *world) gated(incidents string) *v1alpha1.CdkTsStack {
	obj := w.frozen("web", incidents, "body.count == 0")
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	// A day on which no test of today is still running.
	later := time.Now().UTC().AddDate(0, 0, 3).Weekday().String()[:3]
	obj.Spec.Windows = &v1alpha1.Windows{Allow: []v1alpha1.Window{{Name: "later", Days: []v1alpha1.Weekday{v1alpha1.Weekday(later)}}}}
	obj.Spec.Policies = w.policed("web", "rules").Spec.Policies
	obj.Spec.Approval = &v1alpha1.Approval{Required: v1alpha1.ApprovalAlways}
	obj.Spec.ParametersFrom = []v1alpha1.ParameterFrom{{Parameter: "Password", SecretKeyRef: &v1alpha1.InputKey{Name: "database", Key: "password"}}}
	return obj
}

// waitsAt says whether a plan is parked at just these gates.
func waitsAt(obj *v1alpha1.CdkTsStack, gates ...string) bool {
	var at []string
	for _, g := range obj.Status.Gates {
		at = append(at, g.Name)
	}
	return obj.Status.Held != nil && slices.Equal(at, gates)
}

// restsWith lets a manager live for some passes while an object waits, and fails
// the test when that writes anything.
func (w *world) restsWith(held *v1alpha1.CdkTsStack) {
	w.Helper()
	m := w.manage()
	time.Sleep(3 * time.Second) // it looks at the repository each second
	m.stop()
	if now := w.get(held.Name); now.ResourceVersion != held.ResourceVersion {
		w.Errorf("it was written while nothing changed: %+v, then %+v", held.Status, now.Status)
	}
}

// approve approves the plan that waits.
func (w *world) approve(obj *v1alpha1.CdkTsStack) {
	w.Helper()
	w.edit(obj.Name, fmt.Sprintf(`{"metadata":{"annotations":{%q:%q,%q:"ada"}}}`, v1alpha1.ApproveAnnotation, obj.Status.Changes.Digest, v1alpha1.ApprovedByAnnotation))
}

// usedItsApproval fails the test unless the plan that waited is the one that was
// executed, with its approval, as the n-th deployment.
func (w *world) usedItsApproval(held *v1alpha1.CdkTsStack, n int) {
	w.Helper()
	st := w.get(held.Name).Status
	if a := st.Approval; a == nil || a.Operation != held.Status.Held.ID || a.Digest != held.Status.Changes.Digest {
		w.Errorf("the approval %+v was not used for %s of the plan %s", a, held.Status.Held.ID, held.Status.Changes.Digest)
	}
	if h := st.History; len(h) != n || h[0].Operation != held.Status.Held.ID || h[0].ApprovedBy != "ada" {
		w.Errorf("the history is %+v, want %d deployments, the last by %s", h, n, held.Status.Held.ID)
	}
}

// nothingToldTwice counts the events of an object, and fails the test when one was
// told twice, but for looks at the repository: those are told each time.
func (w *world) nothingToldTwice(name string) int {
	w.Helper()
	told := map[string]bool{}
	for _, e := range w.events(name) {
		what := e.Reason + ": " + e.Note
		if e.Reason != "GitSyncCheckStart" && (told[what] || e.Series != nil) {
			w.Errorf("it was told more than once: %s", what)
		}
		told[what] = true
	}
	return len(told)
}

// nowhere fails the test when a secret is in what the operator shows.
func (w *world) nowhere(secret string) {
	w.Helper()
	plan, _ := w.details("web-plan")
	shown := fmt.Sprintf("%+v %+v %s", w.get("web"), plan, eventNotes(w, "web"))
	if strings.Contains(shown, secret) {
		w.Errorf("the secret is in %s", shown)
	}
}
