package controller_test

import (
	"path/filepath"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/controller"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// apply makes what the files of a folder of config hold, as kubectl apply -n does, for an
// operator in a namespace of the test's own.
func (w *world) apply(folder, namespace, operators string) {
	w.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "config", filepath.FromSlash(folder), "*.yaml"))
	w.must(err)
	if len(files) == 0 {
		w.Fatalf("config/%s is empty", folder)
	}
	for _, file := range files {
		objects, err := readObjects(file)
		w.must(err)
		for _, o := range objects {
			if o.GetKind() == "Namespace" {
				continue
			}
			o.SetNamespace(namespace)
			w.subjects(o, namespace, operators)
			w.must(w.client.Create(w.Context(), o))
		}
	}
}

// subjects puts the namespaces of a binding's subjects right.
func (w *world) subjects(o *unstructured.Unstructured, namespace, operators string) {
	w.Helper()
	all, _, err := unstructured.NestedSlice(o.Object, "subjects")
	w.must(err)
	for _, s := range all {
		subject := s.(map[string]any)
		subject["namespace"] = namespace
		if subject["name"] == "awscdk-operator" {
			subject["namespace"] = operators
		}
	}
	if len(all) > 0 {
		w.must(unstructured.SetNestedSlice(o.Object, all, "subjects"))
	}
}

// An operator that has Roles in its own namespace and in those that it watches
// does all that one with ClusterRoles does, and is refused nothing that it asks for.
func TestAnOperatorNeedsNoClusterRole(t *testing.T) {
	w := newWorld(t)
	operators := w.namespace + "-operator"
	w.must(w.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operators}}))
	w.apply("rbac/namespaced/operator", operators, operators)
	w.apply("rbac/namespaced/watched", w.namespace, operators)
	as := func(config *rest.Config) *rest.Config { return asAccount(config, operators, "awscdk-operator") }
	w.commit(map[string]any{"Topic": topic("one")})
	w.manageEvery("@every 1s", func(o *managerOptions) { o.as, o.sshSecret = as, operators })
	obj := w.hooked("web", v1alpha1.LifecycleHooks{
		BeforeDeploy: `set -e; kubectl get cdk "$CDK_STACK_NAME" -o name; kubectl create configmap baseline --from-literal=a=b`,
		AfterDeploy:  `kubectl get configmap baseline`, AfterDriftDetection: `kubectl delete configmap baseline --ignore-not-found`,
	})
	obj.Spec.Outputs = &v1alpha1.OutputsTarget{ConfigMapName: "outputs"}
	w.create(obj)
	w.untilReady("web")
	w.until("web", "drift was looked for", func(o *v1alpha1.CdkTsStack) bool { return o.Status.LastDriftCheck != nil })
	w.must(w.client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "outputs"}, &corev1.ConfigMap{}))
	for _, e := range w.events("web") {
		if e.Reason == "PrerequisiteMissing" {
			t.Errorf("it is told to lack: %s", e.Note)
		}
	}
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
	c, err := client.New(as(apiServer), client.Options{Scheme: controller.Scheme()})
	w.must(err)
	for _, name := range []string{"awscdk-operator-webhook", "awscdk-operator-ssh-key"} {
		w.must(w.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: operators, Name: name}}))
		w.must(c.Get(t.Context(), types.NamespacedName{Namespace: operators, Name: name}, &corev1.Secret{}))
	}
	_, refusals, err := usedRights(auditLog, as(apiServer).Impersonate.UserName)
	w.must(err)
	if len(refusals) > 0 {
		t.Errorf("it was refused %q", refusals)
	}
	for what, name := range map[string]types.NamespacedName{
		"another namespace":  {Namespace: "default", Name: "any"},
		"kube-system":        {Namespace: "kube-system", Name: "any"},
		"its own, any other": {Namespace: operators, Name: "any"},
	} {
		if err := c.Get(t.Context(), name, &corev1.Secret{}); !apierrors.IsForbidden(err) {
			t.Errorf("it may read a Secret of %s: %v", what, err)
		}
	}
	if err := c.List(t.Context(), &corev1.SecretList{}, client.InNamespace(w.namespace)); !apierrors.IsForbidden(err) {
		t.Errorf("it may list Secrets: %v", err)
	}
}
