package chart_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"
)

const (
	release   = "awscdk-operator"
	namespace = "awscdk-operator-system"
)

var (
	root  = filepath.Join("..", "..")
	chart = filepath.Join(root, "charts", "awscdk-operator")
)

// template renders the chart as `helm template` does, and returns what helm said
// when it refused.
func template(t testing.TB, helm, values string, flags ...string) ([]*unstructured.Unstructured, error) {
	t.Helper()
	return templateOf(t, helm, chart, values, flags...)
}

func templateOf(t testing.TB, helm, chart, values string, flags ...string) ([]*unstructured.Unstructured, error) {
	t.Helper()
	args := append([]string{"template", release, chart, "--namespace", namespace, "--kube-version", "1.34.0", "--values", "-"}, flags...)
	cmd := exec.CommandContext(t.Context(), helm, args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "KUBECONFIG=/nonexistent")
	cmd.Stdin = strings.NewReader(values)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, errors.New(said.String())
	}
	return parse(t, out.Bytes()), nil
}

// render is template for values that must be right.
func render(t testing.TB, values string, flags ...string) []*unstructured.Unstructured {
	t.Helper()
	return renderOf(t, chart, values, flags...)
}

func renderOf(t testing.TB, chart, values string, flags ...string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := templateOf(t, helm4, chart, values, flags...)
	if err != nil {
		t.Fatalf("helm refused\n%s\n%s", values, err)
	}
	return objects
}

func parse(t testing.TB, data []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for reader := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096); ; {
		o := &unstructured.Unstructured{}
		err := reader.Decode(o)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("what was rendered is no YAML: %v", err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

func readObjects(t testing.TB, path ...string) []*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	must(t, err)
	return parse(t, data)
}

// find returns the object of a kind and name, nil when there is none.
func find(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	for _, o := range objects {
		if o.GetKind() == kind && o.GetName() == name {
			return o
		}
	}
	return nil
}

// at is what a JSON path finds in an object, as text.
func at(t testing.TB, o *unstructured.Unstructured, path string) string {
	t.Helper()
	p := jsonpath.New("").AllowMissingKeys(true)
	must(t, p.Parse(path))
	var out bytes.Buffer
	must(t, p.Execute(&out, o.Object))
	return out.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func toYAML(t testing.TB, v any) string {
	t.Helper()
	data, err := yaml.Marshal(v)
	must(t, err)
	return string(data)
}

// assets is the folder of the API server and kubectl.
func assets() string { return os.Getenv("KUBEBUILDER_ASSETS") }
