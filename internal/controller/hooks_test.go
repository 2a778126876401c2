package controller_test

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// hooked is a stack with hooks that leave ConfigMaps behind as their traces.
func (w *world) hooked(name string, hooks v1alpha1.LifecycleHooks) *v1alpha1.CdkTsStack {
	obj := w.stack(name)
	obj.Spec.LifecycleHooks = &hooks
	return obj
}

func (w *world) configMap(name string) map[string]string {
	w.Helper()
	var c corev1.ConfigMap
	awstest.Eventually(w, "there is a ConfigMap "+name, func() bool {
		return w.client.Get(w.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, &c) == nil
	})
	return c.Data
}

func TestHooksReachTheClusterAndTheStack(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.secret("tokens", map[string]string{"SLACK_TOKEN": "xoxb-very-secret", "tls.crt": "left out"})
	w.must(w.client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "settings"}, Data: map[string]string{"STAGE": "production"}}))
	w.manage()
	w.create(w.stack("other"))
	obj := w.hooked("web", v1alpha1.LifecycleHooks{
		BeforeDeploy: `set -euo pipefail
# Scripts in circulation use the name of the CloudFormation stack here.
ref=$(kubectl get cdk "$CDK_STACK_NAME" -o jsonpath='{.spec.source.git.ref}')
again=$(kubectl get cdkts "$CDK_STACK_RESOURCE_NAME" -o name)
other=$(kubectl get cdk other -o name 2>&1 || true)
secret=$(kubectl get secret aws 2>&1 || true)
list=$(kubectl get cdk 2>&1 || true)
kubectl create configmap deployment-baseline-1 --from-literal=ref="$ref" --from-literal=again="$again" \
	--from-literal=other="$other" --from-literal=secret="$secret" --from-literal=list="$list"
kubectl label configmap deployment-baseline-1 deployment-baseline=true
echo "token $SLACK_TOKEN incident $INCIDENT_API_TOKEN kubeconfig $(cat "$KUBECONFIG")"`,
		AfterDeploy: `set -euo pipefail
kubectl create configmap verified --from-literal=outputs="$CDK_OUTPUTS" --from-literal=file="$(cat "$CDK_OUTPUTS_FILE")" \
	--from-literal=stage="$STAGE" --from-literal=url="$INCIDENT_API_URL" --from-literal=own="$OWN" \
	--from-literal=outcome="$CDK_DEPLOY_OUTCOME" --from-literal=operation="$CDK_OPERATION" \
	--from-literal=baseline="$(kubectl get configmaps -n "$CDK_STACK_NAMESPACE" -l deployment-baseline=true -o jsonpath='{.items[-1:].data.ref}')"
echo "health_check_response_time_ms 12" > "$CDK_METRICS_FILE"`,
	})
	obj.Spec.Hooks = &v1alpha1.Hooks{
		EnvFrom: []v1alpha1.EnvFrom{
			{SecretRef: &v1alpha1.ObjectRef{Name: "tokens"}}, {ConfigMapRef: &v1alpha1.ObjectRef{Name: "settings"}},
			{SecretRef: &v1alpha1.ObjectRef{Name: "nowhere", Optional: true}},
		},
		Env: []v1alpha1.EnvVar{{Name: "OWN", Value: "$(not replaced)"}},
	}
	w.create(obj)
	w.untilReady("web")

	baseline := w.configMap("deployment-baseline-1")
	if baseline["ref"] != "main" || baseline["again"] != "cdktsstack.awscdk.dev/web" {
		t.Errorf("the hook did not reach its own object: %v", baseline)
	}
	contains(t, baseline["other"], "a hook may read its own CdkTsStack, web, and no other")
	contains(t, baseline["secret"], "forbidden")
	contains(t, baseline["list"], "forbidden")
	want := map[string]string{
		"outputs": `{"Region":"us-east-1"}`, "file": `{"Region":"us-east-1"}`, "stage": "production", "url": "http://127.0.0.1:9",
		"own": "$(not replaced)", "outcome": "Succeeded", "operation": "afterDeploy", "baseline": "main",
	}
	if diff := cmp.Diff(want, w.configMap("verified")); diff != "" {
		t.Errorf("afterDeploy saw (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"xoxb-very-secret", "operators-incident-token", "verysecretvalue", "eyJ"} {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("the logs show %s", secret)
		}
	}
	contains(t, w.logs.String(), "token *** incident ***")
	for _, reason := range []string{"LifecycleHookStart", "LifecycleHookSuccess"} {
		w.hasEvent("web", reason)
	}
	if hooks := w.get("web").Status.Hooks; len(hooks) != 2 || !hooks[0].Succeeded || !hooks[1].Succeeded {
		t.Errorf("hooks %+v", hooks)
	}
}

func TestAFailingBeforeDeployLeavesTheStackUntouchedUntilAnEmergency(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: `
OVERRIDE=$(kubectl get cdk $CDK_STACK_NAME -o jsonpath='{.metadata.annotations.emergency-deployment}')
if [ "$OVERRIDE" != true ]; then echo "blocked outside business hours"; exit 1; fi`}))
	blocked := w.until("web", "the deployment is blocked", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "BeforeDeployFailed" })
	contains(t, message(blocked), "beforeDeploy exited with code 1: blocked outside business hours", "attempt 1 of 6")
	if blocked.Status.Phase != v1alpha1.PhaseFailed {
		t.Errorf("phase %s", blocked.Status.Phase)
	}
	w.hasEvent("web", "LifecycleHookFailure")
	w.hasEvent("web", "StackDeployFailure")
	if n := w.aws.Succeeded(w, "CreateChangeSet"); n != 0 {
		t.Errorf("%d change sets were made", n)
	}
	w.edit("web", `{"metadata":{"annotations":{"emergency-deployment":"true","emergency-reason":"CVE-2023-12345"}}}`)
	w.untilReady("web")
}

func TestAHookThatTakesTooLongNamesItsOwnTime(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: "sleep 60"})
	obj.Spec.Hooks = &v1alpha1.Hooks{Timeouts: map[string]metav1.Duration{"beforeDeploy": {Duration: 1e9}}}
	w.create(obj)
	late := w.until("web", "the hook is ended", because("BeforeDeployFailed"))
	contains(t, message(late), "took longer than 1s", "raise spec.hooks.timeouts.beforeDeploy or")
}

func TestAFailedVerificationIsDeployedAndNotReady(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{AfterDeploy: `
kubectl get configmap healthy >/dev/null || { echo "no healthy targets"; exit 1; }`})
	every := metav1.Duration{Duration: 1e9}
	obj.Spec.Retry = &v1alpha1.Retry{Interval: &every, MaxInterval: &every}
	obj.Spec.Outputs = &v1alpha1.OutputsTarget{ConfigMapName: "web-outputs"}
	w.create(obj)
	failed := w.until("web", "the verification failed", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "AfterDeployFailed" })
	contains(t, message(failed), "is deployed at revision", "failed its verification", "no healthy targets")
	if failed.Status.StackID == "" || failed.Status.Deployed != nil || failed.Status.Outputs["Region"] == "" {
		t.Errorf("stack %q, deployed %v, outputs %v", failed.Status.StackID, failed.Status.Deployed, failed.Status.Outputs)
	}
	// What is verified may need the outputs to become healthy.
	if got := w.configMap("web-outputs")["Region"]; got != region {
		t.Errorf("the copied output is %q", got)
	}
	w.must(w.client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "healthy"}}))
	w.untilReady("web")
	if n := w.aws.Succeeded(w, "CreateChangeSet"); n != 1 {
		t.Errorf("%d change sets were made to verify one deployment again", n)
	}
}

func TestBeforeDestroyKeepsTheStackAndItsObject(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.hooked("web", v1alpha1.LifecycleHooks{
		BeforeDestroy: "echo PRODUCTION DESTRUCTION BLOCKED; exit 1",
		AfterDestroy:  "kubectl create configmap destroyed --from-literal=operation=$CDK_OPERATION",
	}))
	w.untilReady("web")
	// Not even the repository is needed to say no.
	w.must(w.git.Close())
	w.must(w.client.Delete(t.Context(), w.get("web")))
	kept := w.until("web", "the destruction is blocked", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "BeforeDestroyFailed" })
	contains(t, message(kept), "is kept", "PRODUCTION DESTRUCTION BLOCKED")
	if n := w.aws.Succeeded(w, "DeleteStack"); n != 0 || len(kept.Finalizers) == 0 {
		t.Errorf("%d deletions, finalizers %v", n, kept.Finalizers)
	}
	w.edit("web", `{"spec":{"lifecycleHooks":{"beforeDestroy":"true"}}}`)
	w.untilGone("web")
	if got := w.configMap("destroyed")["operation"]; got != "afterDestroy" {
		t.Errorf("afterDestroy saw %q", got)
	}
	if n := w.aws.Succeeded(w, "DeleteStack"); n != 1 {
		t.Errorf("%d deletions", n)
	}
}

func TestBeforeDestroyKeepsTheObjectOfAStackThatIsToStay(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{
		BeforeDestroy: `echo "PRODUCTION DESTRUCTION BLOCKED, destroy is $CDK_DESTROY"; exit 1`,
		AfterDestroy:  "kubectl create configmap destroyed",
	})
	obj.Spec.Actions = &v1alpha1.Actions{Destroy: ptr.To(false)}
	w.create(obj)
	w.untilReady("web")
	w.must(w.client.Delete(t.Context(), w.get("web")))
	kept := w.until("web", "the object is kept", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "BeforeDestroyFailed" })
	contains(t, message(kept), "PRODUCTION DESTRUCTION BLOCKED, destroy is false", "take the hook away: kubectl -n "+w.namespace+" patch cdk web")
	w.hasEvent("web", "StackDestroyFailure")
	// The way out that the message shows.
	w.edit("web", `{"spec":{"lifecycleHooks":{"beforeDestroy":null}}}`)
	w.untilGone("web")
	w.hasEvent("web", "StackRetained")
	if n := w.aws.Succeeded(w, "DeleteStack"); n != 0 {
		t.Errorf("%d deletions of a stack that was to stay", n)
	}
}

func TestDriftHooksSeeTheVerdictAndCannotChangeIt(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Value": map[string]any{"Type": "AWS::SSM::Parameter", "Properties": map[string]any{"Name": "/web/value", "Type": "String", "Value": "good"}}})
	w.manage()
	w.create(w.hooked("web", v1alpha1.LifecycleHooks{
		BeforeDriftDetection: "exit 5",
		AfterDriftDetection: `if [[ "$DRIFT_DETECTED" == "true" ]]; then
	kubectl create configmap drift --from-file=detail="$CDK_DRIFT_FILE"
fi`,
	}))
	w.untilReady("web")
	w.parameter("/web/value", "hacked")
	drifted := w.until("web", "drift is found", func(o *v1alpha1.CdkTsStack) bool { return o.Status.DriftDetected })
	if !ready(drifted) {
		t.Errorf("a hook of a drift check changed readiness: %s", message(drifted))
	}
	contains(t, w.configMap("drift")["detail"], `"path":"/Value"`, `"expected":"good"`, `"actual":"hacked"`)
	contains(t, message(w.get("web")), "the hook beforeDriftDetection failed: beforeDriftDetection exited with code 5")
	w.hasEvent("web", "LifecycleHookFailure")
}

func TestAMissingVariableOfAHookIsNamed(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: `[ "$TOKEN" = right ]`})
	obj.Spec.Hooks = &v1alpha1.Hooks{Env: []v1alpha1.EnvVar{{Name: "TOKEN", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "tokens", Key: "token"}}}}}
	w.create(obj)
	waits := w.until("web", "the Secret is missed", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "SecretNotFound" })
	contains(t, message(waits), "/tokens that spec.hooks.env TOKEN names does not exist: create it")
	w.secret("tokens", map[string]string{"token": "right"})
	w.untilReady("web")
	var leftovers corev1.ServiceAccountList
	w.must(w.client.List(t.Context(), &leftovers, client.InNamespace(w.namespace)))
	if len(leftovers.Items) == 0 {
		t.Error("the hooks have no identity of their own")
	}
}
