package controller_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const hooksIdentity = "awscdk-operator-hooks"

// restored waits until an object is there again and holds.
func (w *world) restored(what string, obj client.Object, holds func() bool) {
	w.Helper()
	name := client.ObjectKeyFromObject(obj)
	awstest.Eventually(w, what+" is put back", func() bool {
		return w.client.Get(w.Context(), name, obj) == nil && holds()
	})
}

func (w *world) named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.namespace, Name: name}
}

func TestACopyOfOutputsIsPutBackByItself(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	m := w.manageEvery("@every 1h") // nothing else wakes the object
	obj := w.stack("web")
	obj.Spec.Outputs = &v1alpha1.OutputsTarget{ConfigMapName: "web-outputs"}
	w.create(obj)
	hidden := w.stack("hidden")
	hidden.Spec.Outputs = &v1alpha1.OutputsTarget{SecretName: "hidden-outputs"}
	w.create(hidden)
	w.untilReady("web")
	w.untilReady("hidden")
	copied := &corev1.ConfigMap{ObjectMeta: w.named("web-outputs")}
	right := func() bool { return cmp.Equal(copied.Data, map[string]string{"Region": region}) }
	w.restored("the copy", copied, right)

	w.must(w.client.Delete(t.Context(), copied))
	copied = &corev1.ConfigMap{ObjectMeta: w.named("web-outputs")}
	w.restored("a copy that was deleted", copied, right)
	w.hasEvent("web", "OutputsRestored")
	w.pass(time.Minute)
	copied.Data["Region"], copied.Data["Mine"] = "elsewhere", "too"
	w.must(w.client.Update(t.Context(), copied))
	w.restored("a copy that was edited", copied, right)
	// Without its label it is watched no more, and is labelled again.
	w.pass(time.Minute)
	copied.Labels = nil
	w.must(w.client.Update(t.Context(), copied))
	w.restored("a copy without its label", copied, func() bool { return copied.Labels["app.kubernetes.io/managed-by"] == "awscdk-operator" })

	// Secrets are not watched: their versions are read once a minute.
	secret := &corev1.Secret{ObjectMeta: w.named("hidden-outputs")}
	inSecret := func() bool { return string(secret.Data["Region"]) == region }
	w.restored("the Secret", secret, inSecret)
	w.must(w.client.Delete(t.Context(), secret))
	w.pass(2 * time.Minute)
	secret = &corev1.Secret{ObjectMeta: w.named("hidden-outputs")}
	w.restored("a Secret that was deleted", secret, inSecret)
	secret.Data["Region"] = []byte("elsewhere")
	w.must(w.client.Update(t.Context(), secret))
	w.pass(2 * time.Minute)
	w.restored("a Secret that was edited", secret, inSecret)
	if n := w.aws.Succeeded(w, "CreateChangeSet"); n != 2 {
		t.Errorf("%d change sets were made to copy outputs", n)
	}
	m.stop()
}

func TestACopyThatFailedIsTriedAgainByItself(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	taken := &corev1.ConfigMap{ObjectMeta: w.named("web-outputs"), Data: map[string]string{"of": "another"}}
	w.must(w.client.Create(t.Context(), taken))
	w.manageEvery("@every 1h")
	obj := w.stack("web")
	obj.Spec.Outputs = &v1alpha1.OutputsTarget{ConfigMapName: "web-outputs"}
	w.create(obj)
	w.untilReady("web")
	w.hasEvent("web", "OutputsNotKept")
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(taken), taken))
	if taken.Data["of"] != "another" || len(taken.Labels) > 0 {
		t.Errorf("what belongs to nobody was written: %v %v", taken.Data, taken.Labels)
	}
	w.must(w.client.Delete(t.Context(), taken))
	copied := &corev1.ConfigMap{ObjectMeta: w.named("web-outputs")}
	w.restored("the copy", copied, func() bool { return copied.Data["Region"] == region })
}

func TestTheIdentityOfHooksIsPutBackByItself(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manageEvery("@every 1h")
	w.create(w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: "kubectl create configmap asked"}))
	w.untilReady("web")
	w.configMap("asked")
	binding, account := &rbacv1.RoleBinding{ObjectMeta: w.named(hooksIdentity)}, &corev1.ServiceAccount{ObjectMeta: w.named(hooksIdentity)}
	w.must(w.client.Delete(t.Context(), binding.DeepCopy()))
	bound := func() bool { return len(binding.Subjects) == 1 && binding.Subjects[0].Name == hooksIdentity }
	w.restored("the binding", binding, bound)
	w.pass(time.Minute)
	w.must(w.client.Delete(t.Context(), account.DeepCopy()))
	w.restored("the account", account, func() bool { return true })
	w.pass(time.Minute)
	binding.Subjects = nil
	w.must(w.client.Update(t.Context(), binding))
	w.restored("the subject of the binding", binding, bound)

	// One without our label is somebody's decision, also when a hook runs.
	w.pass(time.Minute)
	binding.Labels, binding.Subjects = nil, nil
	w.must(w.client.Update(t.Context(), binding))
	w.must(w.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: w.named("asked")}))
	w.edit("web", `{"spec":{"lifecycleHooks":{"beforeDeploy":"kubectl create configmap asked || kubectl get configmaps"}}}`)
	refused := w.until("web", "the hook is refused", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "BeforeDeployFailed" })
	contains(t, message(refused), "forbidden")
	w.must(w.client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: hooksIdentity}, binding))
	if len(binding.Subjects) > 0 {
		t.Errorf("a binding of somebody else was changed: %v", binding.Subjects)
	}
}

func TestAnObjectIsToldWhatTheOperatorMisses(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.lookPath = func(name string) (string, error) {
		if name == "kubectl" {
			return "", errors.New("not found")
		}
		return exec.LookPath(name)
	}
	w.manage()
	w.create(w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: "kubectl get cdk 2>/dev/null || true"}))
	w.create(w.stack("plain"))
	w.untilReady("web")
	w.untilReady("plain")
	w.hasEvent("web", "PrerequisiteMissing")
	for _, e := range w.events("web") {
		if e.Reason == "PrerequisiteMissing" && !strings.HasPrefix(e.Note, "kubectl: it is not on the operator's PATH") {
			t.Errorf("the event says %q", e.Note)
		}
	}
	for _, e := range w.events("plain") {
		if e.Reason == "PrerequisiteMissing" {
			t.Errorf("an object without hooks is told %q", e.Note)
		}
	}
	contains(t, w.logs.String(), `"msg":"missing","need":"kubectl"`)
}
