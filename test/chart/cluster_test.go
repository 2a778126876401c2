package chart_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// cluster is an API server of one test's own, with the namespace of the
// operator, in which the restricted Pod Security Standard is enforced.
type cluster struct {
	testing.TB
	client.Client
	config     *rest.Config
	kubeconfig string
	helm       string
}

func newCluster(t testing.TB, helm string) *cluster {
	t.Helper()
	server := &envtest.Environment{}
	config, err := server.Start()
	must(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		v1alpha1.AddToScheme, corev1.AddToScheme, batchv1.AddToScheme, rbacv1.AddToScheme, eventsv1.AddToScheme,
		apiextensionsv1.AddToScheme, authenticationv1.AddToScheme,
	} {
		must(t, add(scheme))
	}
	c := &cluster{TB: t, config: config, helm: helm, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	c.Client, err = client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	must(t, os.WriteFile(c.kubeconfig, server.KubeConfig, 0o600))
	c.namespace(namespace)
	return c
}

func (c *cluster) namespace(name string) {
	c.Helper()
	must(c, c.Create(c.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}))
}

// served waits until the API server serves our objects. `kubectl wait` cannot do it right after the definition was made:
// it ends with an error while its conditions are null.
func (c *cluster) served() {
	c.Helper()
	c.eventually("CdkTsStacks are served", func() bool {
		_, err := c.run("", filepath.Join(assets(), "kubectl"), "get", "cdktsstacks", "--all-namespaces")
		return err == nil
	})
}

// eventually waits for something, for a minute at most.
func (c *cluster) eventually(what string, holds func() bool) {
	c.Helper()
	for range 600 {
		if holds() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.Fatalf("it did not come about that %s", what)
}
