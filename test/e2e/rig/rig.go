// Package rig sets up everything that the operator talks to, on loopback: a
// Kubernetes API server, a local AWS, git over HTTP and SSH. Against it the
// built operator runs as a process of its own, with the real npm and cdk.
package rig

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/git/gittest"
)

// Region is where stacks go unless a test says otherwise.
const Region = "us-east-1"

// Rig is the world around the operator.
type Rig struct {
	// Client is a user's access to the API server.
	Client client.WithWatch
	// Config is a user's, for other clients.
	Config *rest.Config
	// AWS is the local AWS; nothing is bootstrapped yet.
	AWS *awstest.Server
	// HTTP and SSH serve the repositories that Repo makes.
	HTTP *gittest.HTTPServer
	SSH  *gittest.SSHServer
	// SSHKey is the private key that SSH lets in.
	SSHKey []byte

	repositories string
	kubeconfig   string
	operator     string
}

// Start sets the world up until the test ends. Flags are the local AWS's.
func Start(tb testing.TB, awsFlags ...string) *Rig {
	tb.Helper()
	log.SetLogger(logr.Discard())
	r := &Rig{repositories: tb.TempDir(), operator: build(tb)}
	r.startAPIServer(tb)
	r.AWS = awstest.Start(tb, awsFlags...)
	r.startGit(tb, "127.0.0.1:0", "127.0.0.1:0")
	return r
}

// Join sets up what is around a cluster that is there already, at addresses of
// a host that its pods reach: the local AWS at port 4566, git over HTTP at port
// 80 and over SSH at port 22.
func Join(tb testing.TB, config *rest.Config, kubeconfig, host string, awsFlags ...string) *Rig {
	tb.Helper()
	log.SetLogger(logr.Discard())
	r := &Rig{repositories: tb.TempDir(), kubeconfig: kubeconfig}
	r.connect(tb, config)
	r.AWS = awstest.Start(tb, append([]string{"--addr", net.JoinHostPort(host, "4566")}, awsFlags...)...)
	r.startGit(tb, net.JoinHostPort(host, "80"), net.JoinHostPort(host, "22"))
	return r
}

func (r *Rig) startAPIServer(tb testing.TB) {
	tb.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		tb.Fatal("KUBEBUILDER_ASSETS is not set: run `make test`, or KUBEBUILDER_ASSETS=$(hack/envtest-assets) go test …")
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join(Root(tb), "config", "crd")},
		ErrorIfCRDPathMissing: true,
	}
	config, err := env.Start()
	if err != nil {
		tb.Fatalf("start the API server: %v", err)
	}
	tb.Cleanup(func() {
		if err := env.Stop(); err != nil {
			tb.Errorf("stop the API server: %v", err)
		}
	})
	r.connect(tb, config)
	r.kubeconfig = filepath.Join(tb.TempDir(), "kubeconfig")
	must(tb, os.WriteFile(r.kubeconfig, env.KubeConfig, 0o600))
}

func (r *Rig) connect(tb testing.TB, config *rest.Config) {
	tb.Helper()
	config.QPS, r.Config = -1, config
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		v1alpha1.AddToScheme, corev1.AddToScheme, eventsv1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme,
	} {
		must(tb, add(scheme))
	}
	var err error
	r.Client, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	must(tb, err)
}

func (r *Rig) startGit(tb testing.TB, http, ssh string) {
	tb.Helper()
	var err error
	r.HTTP, err = gittest.ServeHTTP(r.repositories, gittest.HTTPOptions{Address: http})
	must(tb, err)
	tb.Cleanup(func() { _ = r.HTTP.Close() })
	var authorized []byte
	r.SSHKey, authorized, err = gittest.NewSSHKey()
	must(tb, err)
	r.SSH, err = gittest.ServeSSHAt(ssh, r.repositories, authorized)
	must(tb, err)
	tb.Cleanup(func() { _ = r.SSH.Close() })
}

// Bootstrap makes what `cdk bootstrap` makes.
func (r *Rig) Bootstrap(tb testing.TB, account, region string) {
	tb.Helper()
	query := url.Values{"account": {account}, "region": {region}}
	answer, err := http.Post(r.AWS.URL+"/_localaws/bootstrap?"+query.Encode(), "", nil)
	must(tb, err)
	_ = answer.Body.Close()
	if answer.StatusCode >= http.StatusMultipleChoices {
		tb.Fatalf("bootstrap %s: %s", region, answer.Status)
	}
}

// Repo makes an empty repository; it is served at HTTP.URL/name and
// SSH.URL/name.
func (r *Rig) Repo(tb testing.TB, name string) *gittest.Repo {
	tb.Helper()
	repo, err := gittest.NewRepo(filepath.Join(r.repositories, name))
	must(tb, err)
	return repo
}

// Namespace makes a namespace with the Secret "aws" of these keys.
func (r *Rig) Namespace(tb testing.TB, name, keyID, secretKey string) {
	tb.Helper()
	must(tb, r.Client.Create(tb.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	r.Secret(tb, name, "aws", corev1.SecretTypeOpaque, map[string]string{
		"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secretKey,
	})
}

// Secret makes a Secret.
func (r *Rig) Secret(tb testing.TB, namespace, name string, kind corev1.SecretType, data map[string]string) {
	tb.Helper()
	must(tb, r.Client.Create(tb.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Type: kind, StringData: data,
	}))
}

// Kubectl runs the real kubectl, for at most five minutes, and returns what
// it printed.
func (r *Rig) Kubectl(tb testing.TB, args ...string) (string, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
	cmd.Env = []string{"KUBECONFIG=" + r.kubeconfig, "HOME=" + tb.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// Root is the root of this repository.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	must(tb, err)
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "demo", "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	tb.Fatal("no folder above holds demo/go.mod")
	return ""
}

// build builds the operator; Go's cache makes that quick.
func build(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "awscdk-operator")
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-o", path, "./cmd/awscdk-operator")
	cmd.Dir = Root(tb)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build the operator: %v\n%s", err, out)
	}
	return path
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
