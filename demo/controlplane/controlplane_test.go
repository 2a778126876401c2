package controlplane_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"awscdk.dev/operator/demo/controlplane"
)

var (
	crds    = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	widgets = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}
)

// TestALifeWithARestart plays the life of one control plane: the parts share its data, so they
// run in order.
func TestALifeWithARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a folder whose path is longer than the one hundred and seven bytes that a unix socket may have", "data")
	plane := start(t, dir)
	client := kubernetes.NewForConfigOrDie(plane.Config())

	t.Run("it listens on loopback only, and only its owner can read the kubeconfig", func(t *testing.T) {
		config, err := clientcmd.BuildConfigFromFlags("", plane.Kubeconfig())
		must(t, err)
		address, err := url.Parse(config.Host)
		must(t, err)
		if !net.ParseIP(address.Hostname()).IsLoopback() {
			t.Errorf("the API server is at %s, want a loopback address", config.Host)
		}
		info, err := os.Stat(plane.Kubeconfig())
		must(t, err)
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("the kubeconfig has mode %o, want 600", mode)
		}
	})
	t.Run("a request without a token is refused", func(t *testing.T) {
		config := plane.Config()
		config.BearerToken = ""
		_, err := kubernetes.NewForConfigOrDie(config).CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
		if !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) {
			t.Errorf("an anonymous list of Secrets gave %v, want it refused", err)
		}
	})
	t.Run("a namespace gets its service account, and its deletion takes its objects and finishes", func(t *testing.T) {
		createNamespace(t, client, "short-lived")
		eventually(t, "the default service account appears", func(ctx context.Context) (bool, error) {
			_, err := client.CoreV1().ServiceAccounts("short-lived").Get(ctx, "default", metav1.GetOptions{})
			return err == nil, ignoreNotFound(err)
		})
		createConfigMap(t, client, "short-lived", "settings")
		must(t, client.CoreV1().Namespaces().Delete(t.Context(), "short-lived", metav1.DeleteOptions{}))
		eventually(t, "the namespace is gone", func(ctx context.Context) (bool, error) {
			_, err := client.CoreV1().Namespaces().Get(ctx, "short-lived", metav1.GetOptions{})
			return apierrors.IsNotFound(err), ignoreNotFound(err)
		})
	})
	t.Run("an object is collected with its owner", func(t *testing.T) {
		owner := createConfigMap(t, client, "default", "owner")
		createConfigMap(t, client, "default", "owned", metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID})
		must(t, client.CoreV1().ConfigMaps("default").Delete(t.Context(), "owner", metav1.DeleteOptions{}))
		eventually(t, "the owned object is gone", func(ctx context.Context) (bool, error) {
			_, err := client.CoreV1().ConfigMaps("default").Get(ctx, "owned", metav1.GetOptions{})
			return apierrors.IsNotFound(err), ignoreNotFound(err)
		})
	})
	t.Run("a custom resource is served", func(t *testing.T) {
		createWidget(t, dynamic.NewForConfigOrDie(plane.Config()))
	})
	t.Run("after a restart the same token finds the same objects", func(t *testing.T) {
		before := plane.Config().BearerToken
		stop(t, plane)
		plane = start(t, dir)
		if after := plane.Config().BearerToken; after != before {
			t.Error("the restart made a new token; kubeconfig copies stop working")
		}
		eventually(t, "the widget is served again", func(ctx context.Context) (bool, error) {
			widget, err := dynamic.NewForConfigOrDie(plane.Config()).Resource(widgets).Namespace("default").Get(ctx, "first", metav1.GetOptions{})
			return err == nil && widget.GetName() == "first", ignoreNotFound(err)
		})
	})
	stop(t, plane)
	must(t, plane.Stop(t.Context())) // A second Stop does nothing.
}

func start(t *testing.T, dir string) *controlplane.ControlPlane {
	t.Helper()
	began := time.Now()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{Dir: dir, Log: logFile(t)})
	must(t, err)
	t.Cleanup(func() { _ = plane.Stop(context.Background()) })
	t.Logf("ready in %s", time.Since(began).Round(time.Millisecond))
	return plane
}

func stop(t *testing.T, plane *controlplane.ControlPlane) {
	t.Helper()
	began := time.Now()
	must(t, plane.Stop(t.Context()))
	t.Logf("stopped in %s", time.Since(began).Round(time.Millisecond))
	select {
	case err := <-plane.Failed():
		t.Errorf("a stopped control plane reports a failure: %v", err)
	default:
	}
}

// logFile shows what the control plane had to say when the test fails.
func logFile(t *testing.T) *os.File {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "controlplane.log"))
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(file.Name())
			t.Logf("control plane:\n%s", text[max(0, len(text)-10_000):])
		}
		_ = file.Close()
	})
	return file
}

func createNamespace(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	must(t, err)
}

func createConfigMap(t *testing.T, client kubernetes.Interface, namespace, name string, owners ...metav1.OwnerReference) *corev1.ConfigMap {
	t.Helper()
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners}}
	created, err := client.CoreV1().ConfigMaps(namespace).Create(t.Context(), object, metav1.CreateOptions{})
	must(t, err)
	return created
}

// createWidget defines a resource type and makes an object of it, once the type is served.
func createWidget(t *testing.T, client dynamic.Interface) {
	t.Helper()
	definition := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "widgets.example.com"},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced",
			"names": map[string]any{"plural": "widgets", "singular": "widget", "kind": "Widget"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	}}
	_, err := client.Resource(crds).Create(t.Context(), definition, metav1.CreateOptions{})
	must(t, err)
	widget := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "first"},
	}}
	eventually(t, "the new type is served", func(ctx context.Context) (bool, error) {
		_, err := client.Resource(widgets).Namespace("default").Create(ctx, widget, metav1.CreateOptions{})
		return err == nil, ignoreNotFound(err)
	})
}

// eventually polls until the condition holds; a minute is far beyond what any of them needs.
func eventually(t *testing.T, what string, condition wait.ConditionWithContextFunc) {
	t.Helper()
	began := time.Now()
	if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, condition); err != nil {
		t.Fatalf("wait until %s: %v", what, err)
	}
	t.Logf("%s: %s", what, time.Since(began).Round(time.Millisecond))
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
