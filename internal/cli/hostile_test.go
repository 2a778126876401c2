package cli_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// TestWhatIsWrongWithTheClusterIsSaid has each way in which there is nothing to
// talk to.
func TestWhatIsWrongWithTheClusterIsSaid(t *testing.T) {
	dir := t.TempDir()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	files := map[string]string{
		"nobody-there": "clusters: [{name: c, cluster: {server: 'http://" + address + "'}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n",
		"broken":       "clusters: [",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("apiVersion: v1\nkind: Config\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &session{t: t}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no such context": {[]string{"list", "--context", "nope"}, `context "nope" does not exist; kubectl config get-contexts lists`},
		"no such file":    {[]string{"list", "--kubeconfig", filepath.Join(dir, "none")}, "none"},
		"a broken file":   {[]string{"list", "--kubeconfig", filepath.Join(dir, "broken")}, "kubectl config get-contexts"},
		"nobody is there": {[]string{"status", "web", "--kubeconfig", filepath.Join(dir, "nobody-there")}, "the API server cannot be reached: kubectl cluster-info tries the same"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.play(c.args, "", false)
			if !strings.HasPrefix(got, "error: ") || !strings.Contains(got, c.want) || !strings.HasSuffix(got, "(exit code 1)\n") {
				t.Errorf("it says %q, not %q", got, c.want)
			}
		})
	}
}

// TestManyObjectsAreListed lists a thousand, on a narrow terminal and on none.
func TestManyObjectsAreListed(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	long := strings.Repeat("a", 240)
	for i := range 1000 {
		o := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("%s-%04d", long, i)}}
		o.Spec.StackName, o.Spec.Source.Git.Repository = strings.Repeat("S", 128), "https://git.example/web.git"
		s.must(cluster.Create(t.Context(), o))
	}
	if got := s.play([]string{"list"}, "", false); strings.Count(got, "\n") != 1002 {
		t.Errorf("%d lines", strings.Count(got, "\n"))
	}
	if got := s.play([]string{"list", "-o", "name"}, "", false); strings.Count(got, "cdktsstack.awscdk.dev/"+long) != 1000 {
		t.Errorf("%d names", strings.Count(got, "\n"))
	}
}

// TestALineFitsTheTerminal has texts of several alphabets in one column, and
// counts what they take.
func TestALineFitsTheTerminal(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	for name, tag := range map[string]string{"a": "リリース", "b": "v1", "c": "e\u0301te\u0301", "d": "🚀1"} {
		s.object(`
metadata: {name: ` + name + `}
spec: {stackName: ` + strings.Repeat("S", 40) + `}
status:
  source: {tag: "` + tag + `"}
  lastDeployment: {operation: a, kind: Deploy, outcome: Failed, message: "` + strings.Repeat("ü", 100) + `", startedAt: "2026-03-02T11:00:00Z", endedAt: "2026-03-02T11:00:00Z"}
`)
	}
	want := `NAME  STACK       REF       LIVE  STATE                                         LAST
a     SSSSSSSSS…  リリース  -     … not looked at yet: is the operator runnin…  üüüüüüüüü…
b     SSSSSSSSS…  v1        -     … not looked at yet: is the operator runnin…  üüüüüüüüü…
c     SSSSSSSSS…  éte` + "\u0301" + `       -     … not looked at yet: is the operator runnin…  üüüüüüüüü…
d     SSSSSSSSS…  🚀1       -     … not looked at yet: is the operator runnin…  üüüüüüüüü…
`
	want = strings.Replace(want, "éte", "e\u0301te", 1)
	got := start(t, 90, "list")
	got.ends(0)
	if got.String() != want {
		t.Errorf("it shows\n%s\nwant\n%s", got, want)
	}
}

// TestANewerVersionsFieldsAreKept reads an object with fields that this version
// does not know, through a definition that has them.
func TestANewerVersionsFieldsAreKept(t *testing.T) {
	s := &session{t: t}
	newer := s.definition(func(d *apiextensionsv1.CustomResourceDefinition) {
		for i := range d.Spec.Versions {
			all := d.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties
			spec := all["spec"]
			spec.XPreserveUnknownFields = ptr.To(true)
			all["spec"] = spec
		}
	})
	s.install(newer)
	t.Cleanup(func() { clearStacks(); s.install(s.definition(nil)) })
	source := map[string]any{"git": map[string]any{"repository": "https://git.example/web.git"}}
	o := &unstructured.Unstructured{}
	for range 300 { // the API server takes a moment to take the new definition
		o.Object = map[string]any{
			"apiVersion": "awscdk.dev/v1alpha1", "kind": "CdkTsStack", "metadata": map[string]any{"namespace": "default", "name": "future"},
			"spec": map[string]any{"stackName": "Future", "source": source, "tunnel": map[string]any{"depth": int64(7)}},
		}
		s.must(cluster.Create(t.Context(), o))
		if _, kept, _ := unstructured.NestedInt64(o.Object, "spec", "tunnel", "depth"); kept {
			break
		}
		s.must(cluster.Delete(t.Context(), o))
		time.Sleep(100 * time.Millisecond)
	}
	for _, verb := range [][]string{{"list", "-o", "yaml"}, {"status", "future", "-o", "yaml"}} {
		if got := s.play(verb, "", false); !strings.Contains(got, "depth: 7") || !strings.Contains(got, "kind: CdkTsStack") || strings.Contains(got, "managedFields") {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if got := s.play([]string{"suspend", "future"}, "", false); !strings.Contains(got, "(exit code 0)") {
		t.Error(got)
	}
	s.must(cluster.Get(t.Context(), client.ObjectKeyFromObject(o), o))
	if depth, _, _ := unstructured.NestedInt64(o.Object, "spec", "tunnel", "depth"); depth != 7 {
		t.Errorf("an order lost what this version does not know: %v", o.Object)
	}
}

// definition is the cluster's, changed.
func (s *session) definition(change func(*apiextensionsv1.CustomResourceDefinition)) *apiextensionsv1.CustomResourceDefinition {
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "awscdk.dev_cdktsstacks.yaml"))
	s.must(err)
	d := &apiextensionsv1.CustomResourceDefinition{}
	s.must(yaml.Unmarshal(data, d))
	if change != nil {
		change(d)
	}
	return d
}

func (s *session) install(d *apiextensionsv1.CustomResourceDefinition) {
	_, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{d}})
	s.must(err)
}

// TestAClusterWithoutTheOperatorIsSaidSo takes the definition away for a while.
func TestAClusterWithoutTheOperatorIsSaidSo(t *testing.T) {
	s := &session{t: t}
	s.must(envtest.UninstallCRDs(config, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{s.definition(nil)}}))
	t.Cleanup(func() { s.install(s.definition(nil)) })
	for range 300 { // the API server takes a moment to serve it no more
		if strings.HasPrefix(s.play([]string{"list"}, "", false), "error: this cluster") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, verb := range [][]string{{"list"}, {"status", "web"}, {"status", "-w", "web"}, {"logs", "web"}, {"events", "web"}, {"deploy", "web"}, {"destroy", "web", "-y"}, {"list", "-o", "json"}} {
		got := s.play(verb, "", false)
		if !strings.HasPrefix(got, "error: this cluster does not have the kind CdkTsStack: install the AWS CDK Operator") || !strings.HasSuffix(got, "(exit code 1)\n") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
