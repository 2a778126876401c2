package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sized is an SSM parameter that people change behind the operator's back.
func sized(name string) map[string]any {
	return map[string]any{
		"Type": "AWS::SSM::Parameter", "Properties": map[string]any{"Name": name, "Type": "String", "Value": "small"},
		"Metadata": map[string]any{"aws:cdk:path": "Web" + name + "/Resource"},
	}
}

// watched is a stack of two parameters, deployed and in sync.
func (w *world) watched(drift v1alpha1.Drift) {
	w.Helper()
	w.commit(map[string]any{"Size": sized("/web/size"), "Colour": sized("/web/colour")})
	obj := w.stack("web")
	obj.Spec.Drift = &drift
	w.create(obj)
	w.untilReady("web")
	w.until("web", "it is in sync", drifted(metav1.ConditionFalse, "InSync"))
}

// remedied says whether the attempt to put drift back ended so.
func remedied(state v1alpha1.RevertState) func(*v1alpha1.CdkTsStack) bool {
	return func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Drift != nil && o.Status.Drift.Remediation != nil && o.Status.Drift.Remediation.State == state
	}
}

// oddly has change sets that revert drift go wrong with a resource of the stack.
func (w *world) oddly(logicalID, how, more string) {
	w.Helper()
	w.post("/_localaws/revert-drift", []byte(fmt.Sprintf(`{"stack":"Stack-web","logicalId":%q,"how":%q%s}`, logicalID, how, more)))
}

// severalChecks lets some more drift checks come to their end.
func (w *world) severalChecks() {
	w.Helper()
	n := w.aws.Succeeded(w, "DescribeStackResourceDrifts")
	w.until("web", "more checks end", func(*v1alpha1.CdkTsStack) bool { return w.aws.Succeeded(w, "DescribeStackResourceDrifts") >= n+3 })
}

// readyAllAlong fails the test when drift, or a plan for it, made the object
// unready.
func readyAllAlong(t *testing.T, o *v1alpha1.CdkTsStack) {
	t.Helper()
	if !meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady) || o.Status.Phase != v1alpha1.PhaseSucceeded {
		t.Errorf("phase %s, conditions %+v", o.Status.Phase, o.Status.Conditions)
	}
}

func TestDriftIsPutBackAndVerified(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.watched(v1alpha1.Drift{Remediate: v1alpha1.RemediateAuto})
	runs := w.aws.Succeeded(t, "GetObject") + w.aws.Succeeded(t, "PutObject")
	w.parameter("/web/size", "huge")
	back := w.until("web", "it is put back and verified", remedied(v1alpha1.RevertVerified))
	readyAllAlong(t, w.until("web", "it is in sync", drifted(metav1.ConditionFalse, "InSync")))
	w.onlyOnce("ExecuteChangeSet", 2)
	if now := w.aws.Succeeded(t, "GetObject") + w.aws.Succeeded(t, "PutObject"); now != runs {
		t.Errorf("%d requests to the bucket for putting drift back", now-runs)
	}
	if h := back.Status.History; len(h) != 2 || h[0].Kind != v1alpha1.OperationRevert || h[0].Changes != "1 to modify" || back.Status.LastDeployment.Kind != v1alpha1.OperationDeploy {
		t.Errorf("history %+v", h)
	}
	for _, reason := range []string{"DriftDetected", "DriftRevertStart", "ChangesPlanned", "DriftRevertSuccess", "DriftRevertVerified"} {
		w.hasEvent("web", reason)
	}
	// The same once more: it drifted anew.
	w.parameter("/web/size", "huge")
	w.until("web", "it is put back again", func(*v1alpha1.CdkTsStack) bool { return w.aws.Succeeded(w, "ExecuteChangeSet") == 3 })
}

// What detection does not name, replaces something, has no effect, or is not in the plan at all, is
// tried once for the same drift.
func TestARevertThatGoesWrongIsTriedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		how, more string
		of        string
		state     v1alpha1.RevertState
		says      string
		executed  int
	}{
		"a phantom change":             {"Phantom", `,"property":"Value"`, "Colour", v1alpha1.RevertRefused, "it would change Colour (AWS::SSM::Parameter), which the drift check does not name", 1},
		"a phantom that would replace": {"Phantom", `,"property":"Name","replacement":true`, "Colour", v1alpha1.RevertRefused, "it would replace Colour", 1},
		"no effect":                    {"Ineffective", "", "Size", v1alpha1.RevertIneffective, "finds the same: Size", 2},
		"not in the plan":              {"LeftOut", "", "Size", v1alpha1.RevertRefused, "CloudFormation finds nothing to put back in Stack-web, although its drift detection names Size", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.manage()
			w.watched(v1alpha1.Drift{Remediate: v1alpha1.RemediateAuto})
			w.oddly(c.of, c.how, c.more)
			w.parameter("/web/size", "huge")
			w.until("web", "it ends "+string(c.state), remedied(c.state))
			w.severalChecks()
			seen := w.get("web")
			readyAllAlong(t, seen)
			contains(t, seen.Status.Drift.Remediation.Message, c.says)
			contains(t, message(seen), "it was not put back: ", "by hand")
			w.onlyOnce("CreateChangeSet", 2)
			w.onlyOnce("ExecuteChangeSet", c.executed)
			if left := w.leftChangeSets("Stack-web"); c.executed == 1 && len(left) > 0 {
				t.Errorf("change sets are left: %v", left)
			}
			// Other drift is another matter.
			w.oddly(c.of, "", "")
			w.parameter("/web/colour", "red")
			w.until("web", "all is put back", remedied(v1alpha1.RevertVerified))
		})
	}
}

func TestAPlanThatPutsDriftBackWaitsForAPerson(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.watched(v1alpha1.Drift{Remediate: v1alpha1.RemediatePlan})
	w.parameter("/web/size", "huge")
	held := w.until("web", "the plan waits", func(o *v1alpha1.CdkTsStack) bool { return waitsAt(o, "drift") })
	readyAllAlong(t, held)
	if c := held.Status.Changes; c.Digest == "" || c.Modify != 1 || c.Resources[0].LogicalID != "Size" || c.DetailsConfigMap != "web-plan" {
		t.Errorf("changes %+v", c)
	}
	plan, _ := w.details("web-plan")
	contains(t, fmt.Sprintf("%+v", plan), "Size")
	w.severalChecks()
	w.onlyOnce("CreateChangeSet", 2)
	w.edit("web", `{"metadata":{"annotations":{"awscdk.dev/revert-drift":"now"}}}`)
	held = w.until("web", "the plan waits for its approval", func(o *v1alpha1.CdkTsStack) bool { return waitsAt(o, "approval") })
	w.onlyOnce("ExecuteChangeSet", 1)
	w.approve(held)
	back := w.until("web", "it is put back", remedied(v1alpha1.RevertVerified))
	if h := back.Status.History[0]; h.Kind != v1alpha1.OperationRevert || h.ApprovedBy != "ada" {
		t.Errorf("history %+v", h)
	}
	w.onlyOnce("CreateChangeSet", 2)
	w.onlyOnce("ExecuteChangeSet", 2)
}

// A deployment does not wait for a plan that waits, and what drifted is planned anew after it.
func TestANewCommitComesBeforeAPlanThatPutsDriftBack(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.watched(v1alpha1.Drift{Remediate: v1alpha1.RemediatePlan})
	w.parameter("/web/size", "huge")
	w.until("web", "the plan waits", func(o *v1alpha1.CdkTsStack) bool { return waitsAt(o, "drift") })
	next := w.commit(map[string]any{"Size": sized("/web/size"), "Colour": sized("/web/colour"), "Topic": topic("two")})
	w.edit("web", `{"spec":{"actions":{"autoRedeploy":true}}}`)
	w.until("web", "the commit is deployed", func(o *v1alpha1.CdkTsStack) bool {
		return ready(o) && o.Status.Deployed.Target.Revision == next
	})
	w.until("web", "the plan waits again", func(o *v1alpha1.CdkTsStack) bool { return waitsAt(o, "drift") })
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
}

// What a rule ignores is counted, never put back, and keeps what would from being executed.
func TestIgnoredDriftIsCountedAndNeverPutBack(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.watched(v1alpha1.Drift{Remediate: v1alpha1.RemediateAuto, Ignore: []v1alpha1.DriftIgnore{
		{ConstructPath: "Web/web/colour"}, {LogicalID: "Size", Property: "/Value", Value: "large"}, {Type: "AWS::SQS::*"},
	}})
	w.parameter("/web/colour", "red")
	w.parameter("/web/size", "large")
	seen := w.until("web", "both are ignored", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Drift.Ignored != nil && o.Status.Drift.Ignored.Count == 2
	})
	if !drifted(metav1.ConditionFalse, "InSync")(seen) || seen.Status.DriftDetected {
		t.Errorf("conditions %+v", seen.Status.Conditions)
	}
	contains(t, meta.FindStatusCondition(seen.Status.Conditions, v1alpha1.ConditionDrifted).Message, "2 differences ignored by spec.drift.ignore")
	if got := strings.Join(seen.Status.Drift.Unmatched, "; "); got != "ignore[2]: type AWS::SQS::*" {
		t.Errorf("rules that matched nothing: %s", got)
	}
	w.parameter("/web/size", "huge")
	seen = w.until("web", "nothing is put back", remedied(v1alpha1.RevertRefused))
	contains(t, seen.Status.Drift.Remediation.Message, "it would put back what spec.drift.ignore ignores of Colour (AWS::SSM::Parameter), too")
	w.onlyOnce("ExecuteChangeSet", 1)
	// Without the rule it is put back, as soon as the rules are edited.
	w.edit("web", `{"spec":{"drift":{"ignore":null}}}`)
	w.until("web", "all is put back", remedied(v1alpha1.RevertVerified))
}

// A stack's own interval counts where the operator never looks.
func TestAStackHasADriftIntervalOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Size": sized("/web/size")})
	w.manageEvery("@every 1s", func(o *managerOptions) { o.drift = "0 0 30 2 *" })
	obj := w.stack("web")
	obj.Spec.Drift = &v1alpha1.Drift{Interval: &metav1.Duration{Duration: time.Minute}}
	w.create(obj)
	w.untilReady("web")
	w.pass(3 * time.Minute)
	w.edit("web", `{"metadata":{"labels":{"wake":"up"}}}`)
	w.until("web", "it is looked for", drifted(metav1.ConditionFalse, "InSync"))
}

func driftIsPutBack(e *example) {
	e.untilReady(e.name)
	e.parameter("/web/level", "bad")
	e.pass(time.Hour) // it is looked for every half hour
	e.edit(e.name, `{"metadata":{"labels":{"wake":"up"}}}`)
	e.until(e.name, "it is put back", remedied(v1alpha1.RevertVerified))
}
