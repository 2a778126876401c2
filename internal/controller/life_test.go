package controller_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func TestAStackLivesFromItsManifestToItsEnd(t *testing.T) {
	w := newWorld(t)
	first := w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Outputs = &v1alpha1.OutputsTarget{ConfigMapName: "web-outputs"}
	w.create(obj)

	deployed := w.untilReady("web")
	if got := deployed.Status.Deployed.Target.Revision; got != first {
		t.Errorf("deployed revision %s, want %s", got, first)
	}
	if diff := cmp.Diff(map[string]string{"Region": region}, deployed.Status.Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if deployed.Status.LastDeploy == nil {
		t.Error("there is no last deployment")
	}
	w.until("web", "the phase tells it, between drift checks", inPhase(v1alpha1.PhaseSucceeded))
	w.hasEvent("web", "StackDeployStart")
	w.hasEvent("web", "StackDeploySuccess")
	var outputs corev1.ConfigMap
	w.must(w.client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "web-outputs"}, &outputs))
	if diff := cmp.Diff(map[string]string{"Region": region}, outputs.Data); diff != "" {
		t.Errorf("copied outputs (-want +got):\n%s", diff)
	}

	second := w.commit(map[string]any{"Topic": topic("two")})
	pending := w.until("web", "the new commit is pending", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Source != nil && o.Status.Source.PendingRevision == second
	})
	if !ready(pending) {
		t.Error("a pending commit makes the stack not ready")
	}
	w.hasEvent("web", "GitChangesDetected")
	w.edit("web", `{"spec":{"actions":{"autoRedeploy":true}}}`)
	w.until("web", "the new commit is deployed", func(o *v1alpha1.CdkTsStack) bool {
		return ready(o) && o.Status.Deployed.Target.Revision == second
	})
	w.hasEvent("web", "AutoRedeployStart")
	w.hasEvent("web", "AutoRedeploySuccess")

	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 1 {
		t.Errorf("DeleteStack was called %d times, want once", n)
	}
	w.hasEvent("web", "StackDestroySuccess")
}

func TestARedeploymentOfTheSameChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	before := w.untilReady("web")
	for name, order := range map[string]func(){
		"the phase is emptied": func() { w.editStatus("web", `{"status":{"phase":"","message":"Emergency rollback initiated"}}`) },
		"restartedAt is set":   func() { w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"today"}}}`) },
	} {
		t.Run(name, func(t *testing.T) {
			history := len(w.get("web").Status.History)
			order()
			after := w.until("web", "the order was carried out", func(o *v1alpha1.CdkTsStack) bool {
				return ready(o) && len(o.Status.History) == history+1
			})
			if got := after.Status.History[0].Outcome; got != v1alpha1.OutcomeUnchanged {
				t.Errorf("outcome %s, want %s", got, v1alpha1.OutcomeUnchanged)
			}
			if !after.Status.LastDeploy.Equal(&before.Status.LastDeploy.Time) {
				t.Error("lastDeploy moved, although nothing was deployed")
			}
		})
	}
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 1 {
		t.Errorf("a change set was executed %d times, want once", n)
	}
}

func TestASteadyStateWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	w.create(obj)
	version := w.untilReady("web").ResourceVersion
	w.aws.ForgetCalls(t)
	listings := w.git.Listings()
	awstest.Eventually(t, "the repository was looked at again, twice", func() bool { return w.git.Listings() >= listings+2 })
	if got := w.get("web").ResourceVersion; got != version {
		t.Errorf("the object was written: version %s became %s", version, got)
	}
	if calls := w.aws.Calls(t, ""); len(calls) > 0 {
		t.Errorf("AWS was called: %v", calls)
	}
}

func TestDriftIsShownByProperty(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Parameter": map[string]any{"Type": "AWS::SSM::Parameter", "Properties": map[string]any{"Name": "/web/size", "Type": "String", "Value": "small"}}})
	m := w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	w.until("web", "a check found no drift", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.LastDriftCheck != nil && !o.Status.DriftDetected
	})
	w.parameter("/web/size", "huge")
	drifted := w.until("web", "drift is shown", func(o *v1alpha1.CdkTsStack) bool { return o.Status.DriftDetected })
	want := []v1alpha1.DriftedProperty{{Path: "/Value", Change: "NOT_EQUAL", Expected: "small", Actual: "huge"}}
	if diff := cmp.Diff(want, drifted.Status.Drift.Resources[0].Properties); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
	w.hasEvent("web", "DriftDetected")
	if n, err := testutil.GatherAndCount(m.registry, "cdktsstack_drift_status", "cdktsstack_drift_checks_total"); n != 2 || err != nil {
		t.Errorf("%d series of drift metrics, %v; want 2", n, err)
	}

	w.aws.Fault(t, awstest.Fault{Service: "cloudformation", Action: "DetectStackDrift", Code: "AccessDenied", Message: "not you", Status: 403, Count: 1000})
	blind := w.until("web", "a failed check is shown", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Drift != nil && o.Status.Drift.Error != ""
	})
	if !blind.Status.DriftDetected {
		t.Error("a check that failed was taken for no drift")
	}
}

func TestAFailedUpdateTellsItsCauseAndIsRolledBack(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)}
	w.create(obj)
	w.untilReady("web")
	w.commit(map[string]any{"Topic": topic("two"), "Bad": map[string]any{
		"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Create"},
	}})
	failed := w.until("web", "the update failed", because("DeploymentFailed"))
	contains(t, message(failed), "UPDATE_ROLLBACK_COMPLETE", "Bad", "Local::Test::Resource", "CREATE_FAILED")
	w.hasEvent("web", "AutoRedeployFailure")
	w.until("web", "the phase tells it, between drift checks", inPhase(v1alpha1.PhaseFailed))

	w.commit(map[string]any{"Topic": topic("three"), "Bad": map[string]any{"Type": "Local::Test::Resource"}})
	w.untilReady("web")
}

func TestAFailedCreationIsClearedAndMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Bad": map[string]any{"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Create"}}})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
	w.create(obj)
	w.until("web", "the creation failed", because("DeploymentFailed"))
	w.commit(map[string]any{"Topic": topic("one")})
	w.untilReady("web")
}

func TestADestructionThatFailsKeepsTheObject(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Stuck": map[string]any{"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Delete"}}})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	w.must(w.client.Delete(t.Context(), w.get("web")))
	failed := w.until("web", "the destruction failed", because("DestroyFailed"))
	contains(t, message(failed), "Stuck", "DELETE_FAILED")
	w.hasEvent("web", "StackDestroyFailure")
	w.edit("web", `{"spec":{"actions":{"destroy":false}}}`)
	w.untilGone("web")
}

func TestDestructionNeedsNoRepositoryAndWaitsForCredentials(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	w.must(w.git.Close())
	secret := &corev1.Secret{}
	w.must(w.client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "aws"}, secret))
	w.must(w.client.Delete(t.Context(), secret))
	w.must(w.client.Delete(t.Context(), w.get("web")))
	waiting := w.until("web", "it says what is missing", because("SecretNotFound"))
	contains(t, message(waiting), w.namespace+"/aws")
	w.secret("aws", map[string]string{"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "verysecretvalue"})
	w.untilGone("web")
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 1 {
		t.Errorf("DeleteStack was called %d times, want once", n)
	}
}

func TestAStackThatIsToStayStays(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{Destroy: ptr.To(false)}
	w.create(obj)
	w.untilReady("web")
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
	w.hasEvent("web", "StackRetained")
	if calls := w.aws.Calls(t, "DeleteStack"); len(calls) > 0 {
		t.Errorf("the stack was deleted: %v", calls)
	}
}

func TestAStackWhosePlanDoesNotFitIntoAStatusSaysSo(t *testing.T) {
	w := newWorld(t)
	parameters := map[string]string{}
	for i := range 200 {
		parameters[fmt.Sprintf("Parameter%d", i)] = strings.Repeat("x", 3<<10)
	}
	app, err := json.Marshal(v1alpha1.Plan{StackName: "Stack-web", Region: region, Account: account, Parameters: parameters})
	w.must(err)
	w.commitFiles(map[string]string{"app.json": string(app), "template.json": template(t, map[string]any{"Topic": topic("one")})})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)}
	w.create(obj)
	refused := w.until("web", "the plan is refused", because("PlanTooLarge"))
	contains(t, message(refused), "its parameters 6", "may take 64 KiB")
	if !meta.IsStatusConditionTrue(refused.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("it is tried again: %v", refused.Status.Conditions)
	}
	w.commitFiles(map[string]string{"app.json": `{"stackName": "Stack-web", "region": "us-east-1", "account": "` + account + `"}`})
	w.untilReady("web")
}

func TestBadInputIsAConditionAndDisturbsNobody(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	cases := map[string]struct {
		spoil  func(*v1alpha1.CdkTsStack)
		reason string
		says   string
	}{
		"no such repository":  {func(o *v1alpha1.CdkTsStack) { o.Spec.Source.Git.Repository += "x" }, "RepositoryNotFound", "does not exist"},
		"no such ref":         {func(o *v1alpha1.CdkTsStack) { o.Spec.Source.Git.Ref = "nope" }, "RefNotFound", "nope"},
		"no such folder":      {func(o *v1alpha1.CdkTsStack) { o.Spec.Path = "./nope" }, "InvalidProjectPath", "nope"},
		"no such Secret":      {func(o *v1alpha1.CdkTsStack) { o.Spec.CredentialsSecretName = "nope" }, "SecretNotFound", "nope"},
		"no such git Secret":  {func(o *v1alpha1.CdkTsStack) { o.Spec.Source.Git.SecretName = "nope" }, "SecretNotFound", "nope"},
		"a context of number": {func(o *v1alpha1.CdkTsStack) { o.Spec.CDKContext = raw("7") }, "InvalidSpec", "cdkContext[0]"},
		"too much context":    {func(o *v1alpha1.CdkTsStack) { o.Spec.CDKContext = raw(`"a=` + strings.Repeat("x", 1<<20-64) + `"`) }, "InvalidSpec", "bytes"},
	}
	for name, c := range cases {
		obj := w.stack(strings.ReplaceAll(name, " ", "-") + "-x")
		obj.Name = strings.ToLower(obj.Name)
		c.spoil(obj)
		w.create(obj)
		t.Run(name, func(t *testing.T) {
			contains(t, message(w.until(obj.Name, "it says "+c.reason, because(c.reason))), c.says)
			w.hasEvent(obj.Name, c.reason)
		})
	}
	w.create(w.stack("good"))
	w.untilReady("good")
	for name := range cases {
		w.must(w.client.Delete(t.Context(), w.get(strings.ToLower(strings.ReplaceAll(name, " ", "-")+"-x"))))
	}
	for name := range cases {
		w.untilGone(strings.ToLower(strings.ReplaceAll(name, " ", "-") + "-x"))
	}
}

func TestNoSecretIsShown(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.secret("bad", map[string]string{"AWS_ACCESS_KEY_ID": "INVALIDKEY", "AWS_SECRET_ACCESS_KEY": "topsecretvalue"})
	obj := w.stack("web")
	obj.Spec.CredentialsSecretName = "bad"
	w.create(obj)
	refused := w.until("web", "the credentials are refused", func(o *v1alpha1.CdkTsStack) bool {
		return strings.Contains(message(o), "credentials") || because("CredentialsInvalid")(o)
	})
	data, err := json.Marshal(refused)
	w.must(err)
	more, err := json.Marshal(w.events("web"))
	w.must(err)
	if strings.Contains(string(data)+string(more), "topsecretvalue") {
		t.Error("the secret key is in the object or its events")
	}
}
