package chart_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestTheKustomizeBaseIsTheChart holds config/default to what the chart renders.
func TestTheKustomizeBaseIsTheChart(t *testing.T) {
	built, err := command(filepath.Join(assets(), "kubectl"), "kustomize", filepath.Join(root, "config", "default"))
	must(t, err)
	base := parse(t, []byte(built))
	for _, want := range render(t, "", "--no-hooks", "--skip-tests") {
		got := find(base, want.GetKind(), want.GetName())
		if got == nil {
			t.Errorf("config/default has no %s %s", want.GetKind(), want.GetName())
			continue
		}
		for _, part := range []string{"spec", "rules", "data", "subjects", "roleRef"} {
			if diff := cmp.Diff(want.Object[part], got.Object[part]); diff != "" {
				t.Errorf("%s of %s %s (-chart +base):\n%s", part, want.GetKind(), want.GetName(), diff)
			}
		}
		if got.GetLabels()["helm.sh/chart"] != "" || got.GetLabels()["app.kubernetes.io/managed-by"] == "Helm" {
			t.Errorf("%s %s says that it is Helm's", got.GetKind(), got.GetName())
		}
	}
	for _, object := range [][2]string{{"Namespace", namespace}, {"CustomResourceDefinition", "cdktsstacks.awscdk.dev"}} {
		if find(base, object[0], object[1]) == nil {
			t.Errorf("config/default has no %s", object[0])
		}
	}
}

// TestTheFluxExampleIsRight checks its values against the schema, and its object
// against the definition.
func TestTheFluxExampleIsRight(t *testing.T) {
	folder := filepath.Join(root, "examples", "flux")
	release := find(readObjects(t, folder, "operator.yaml"), "HelmRelease", release)
	values, _, err := unstructured.NestedMap(release.Object, "spec", "values")
	must(t, err)
	rendered := render(t, toYAML(t, values))
	if find(rendered, "Job", "awscdk-operator-crd") != nil {
		t.Error("both Flux and the chart's Job see to the definition")
	}
	for _, when := range []string{"install", "upgrade"} {
		if how, _, _ := unstructured.NestedString(release.Object, "spec", when, "crds"); how != "CreateReplace" {
			t.Errorf("at %s Flux does %q with the definition", when, how)
		}
	}
	crd := readObjects(t, root, "config", "crd", "awscdk.dev_cdktsstacks.yaml")[0]
	web := readObjects(t, folder, "stacks", "web.yaml")[0]
	for _, o := range []*unstructured.Unstructured{crd, web} {
		if o.GetAnnotations()["kustomize.toolkit.fluxcd.io/substitute"] != "disabled" {
			t.Errorf("Flux would replace ${…} in %s", o.GetName())
		}
	}
}
