package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cli"

	"github.com/cockroachdb/datadriven"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// cluster is the one control plane of these tests, kubeconfig the file that
// leads there.
var (
	cluster    client.Client
	kubeconfig string
)

func TestMain(m *testing.M) { os.Exit(tests(m)) }

func tests(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or KUBEBUILDER_ASSETS=$(hack/envtest-assets) go test …")
		return 1
	}
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd")}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		return 1
	}
	defer func() { _ = env.Stop() }()
	dir, err := os.MkdirTemp("", "cli-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	kubeconfig = filepath.Join(dir, "kubeconfig")
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, rbacv1.AddToScheme} {
		if err := add(scheme); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if err := os.WriteFile(kubeconfig, env.KubeConfig, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if cluster, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := admit(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestSessions plays terminal sessions. The commands are:
//
//	object      an object with its status, as YAML; one of that name is replaced
//	run ARGS    a command line; prints what it writes and its exit code. With
//	            input below it, that is what the user types
//	annotations NAME
//	configmap NAME KEY
//	            a ConfigMap with a text under a key
//	stranger ARGS
//	            run, as somebody who may read the objects and no ConfigMaps
func TestSessions(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &session{t: t}
		t.Cleanup(func() { _ = cluster.DeleteAllOf(t.Context(), &v1alpha1.CdkTsStack{}, client.InNamespace("default")) })
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "object":
				return s.object(d.Input)
			case "run":
				return s.run(d)
			case "annotations":
				return s.annotations(d.CmdArgs[0].Key)
			case "configmap":
				return s.configMap(d.CmdArgs[0].Key, d.CmdArgs[1].Key, d.Input)
			case "stranger":
				d.CmdArgs = append(d.CmdArgs, datadriven.CmdArg{Key: "--as", Vals: []string{"stranger"}})
				return s.run(d)
			}
			t.Fatalf("unknown command %q", d.Cmd)
			return ""
		})
	})
}

type session struct{ t *testing.T }

func (s *session) configMap(name, key, text string) string {
	s.t.Helper()
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Data: map[string]string{key: text}}
	_ = cluster.Delete(s.t.Context(), m.DeepCopy())
	if err := cluster.Create(s.t.Context(), m); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cluster.Delete(context.Background(), m) })
	return ""
}

// admit lets the stranger read the objects.
func admit(ctx context.Context) error {
	meta := metav1.ObjectMeta{Namespace: "default", Name: "stranger"}
	for _, o := range []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"awscdk.dev"}, Resources: []string{"cdktsstacks"}, Verbs: []string{"get"}}}},
		&rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "stranger"}, Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "stranger"}}},
	} {
		if err := cluster.Create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// now is the clock of all sessions.
var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func (s *session) object(text string) string {
	s.t.Helper()
	var o v1alpha1.CdkTsStack
	if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
		s.t.Fatal(err)
	}
	o.Namespace = "default"
	if o.Spec.Source.Git.Repository == "" {
		o.Spec.Source.Git.Repository = "https://git.example/" + o.Name + ".git"
	}
	status := o.Status
	_ = cluster.Delete(s.t.Context(), o.DeepCopy())
	if err := cluster.Create(s.t.Context(), &o); err != nil {
		s.t.Fatal(err)
	}
	o.Status = status
	o.Status.ObservedGeneration = o.Generation
	if err := cluster.Status().Update(s.t.Context(), &o); err != nil {
		s.t.Fatal(err)
	}
	return ""
}

func (s *session) run(d *datadriven.TestData) string {
	s.t.Helper()
	args := []string{"--kubeconfig", kubeconfig, "-n", "default"}
	for _, a := range d.CmdArgs {
		word := a.Key
		if len(a.Vals) > 0 {
			word += "=" + strings.Join(a.Vals, ",")
		}
		args = append(args, word)
	}
	return s.play(args, d.Input, false)
}

func (s *session) play(args []string, typed string, colors bool) string {
	var out bytes.Buffer
	code := cli.Run(s.t.Context(), cli.Options{
		Streams: genericiooptions.IOStreams{In: strings.NewReader(typed), Out: &out, ErrOut: &out},
		Now:     func() time.Time { return now }, Colors: colors,
	}, args)
	return fmt.Sprintf("%s(exit code %d)\n", ended(out.String()), code)
}

func ended(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

func (s *session) annotations(name string) string {
	var o v1alpha1.CdkTsStack
	if err := cluster.Get(s.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, &o); err != nil {
		s.t.Fatal(err)
	}
	out, err := yaml.Marshal(o.Annotations)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out)
}

// TestAnOverrideIsHeardAfterAnEarlierOne has the operator, whom the test plays,
// see that the earlier emergency is over before the new one is ordered.
func TestAnOverrideIsHeardAfterAnEarlierOne(t *testing.T) {
	s := &session{t: t}
	s.object(`
metadata: {name: web, annotations: {emergency-deployment: "true", emergency-reason: before}}
spec: {stackName: Shop}
status: {orders: {emergency: "true"}}
`)
	t.Cleanup(func() { _ = cluster.DeleteAllOf(t.Context(), &v1alpha1.CdkTsStack{}, client.InNamespace("default")) })
	read := func() (o v1alpha1.CdkTsStack) {
		if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "web"}, &o); err != nil {
			t.Error(err)
		}
		return o
	}
	seen := make(chan bool)
	go func() {
		defer close(seen)
		for range 200 {
			if o := read(); o.Annotations[v1alpha1.EmergencyAnnotation] != "true" {
				o.Status.Orders = &v1alpha1.OrdersStatus{}
				if err := cluster.Status().Update(t.Context(), &o); err == nil {
					seen <- true
					return
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	got := s.play([]string{"--kubeconfig", kubeconfig, "-n", "default", "override", "web", "--reason", "again"}, "", false)
	if !<-seen || !strings.Contains(got, "(exit code 0)") {
		t.Errorf("the operator never saw the end of the earlier emergency: %s", got)
	}
	if o := read(); o.Annotations[v1alpha1.EmergencyAnnotation] != "true" || o.Annotations[v1alpha1.EmergencyReasonAnnotation] != "again" {
		t.Errorf("annotations %v", o.Annotations)
	}
}

// TestTextsOfTheClusterMoveNoCursor shows a commit whose author means harm.
func TestTextsOfTheClusterMoveNoCursor(t *testing.T) {
	s := &session{t: t}
	s.object(`
metadata: {name: evil}
spec: {stackName: Evil}
status:
  message: "a\e[2Jb\e]0;title\a\u202Ec"
  conditions: [{type: Ready, status: "False", reason: SynthFailed, message: "x\e[31m", lastTransitionTime: "2026-03-02T11:00:00Z"}]
  lastDeployment: {operation: a, kind: Deploy, outcome: Failed, message: "\e[1;31mred\r\n\b\b", startedAt: "2026-03-02T11:00:00Z", endedAt: "2026-03-02T11:00:00Z"}
`)
	t.Cleanup(func() { _ = cluster.DeleteAllOf(t.Context(), &v1alpha1.CdkTsStack{}, client.InNamespace("default")) })
	for _, verb := range [][]string{{"list"}, {"status", "evil"}, {"why", "evil"}, {"history", "evil"}} {
		got := s.play(append([]string{"--kubeconfig", kubeconfig, "-n", "default"}, verb...), "", false)
		if strings.ContainsAny(got, "\x1b\a\b\r\u202e") {
			t.Errorf("%s writes control characters: %q", verb, got)
		}
	}
	if got := s.play([]string{"--kubeconfig", kubeconfig, "-n", "default", "list"}, "", true); !strings.Contains(got, "\x1b[31m✗ SynthFailed\x1b[0m") {
		t.Errorf("a terminal gets no colours: %q", got)
	}
}
