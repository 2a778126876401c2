package chart_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// everything is the chart with all that it can make.
const everything = `
replicas: 2
shards: [blue]
webhook:
  enabled: true
  ingress: {enabled: true, host: hooks.example}
  httpRoute: {enabled: true, parentRefs: [{name: gate}]}
networkPolicy: {enabled: true, egress: [{}]}
monitoring:
  serviceMonitor: {enabled: true}
  prometheusRule: {enabled: true}
  dashboard: {enabled: true}
ssh: {knownHosts: git.example ssh-ed25519 AAAA}
rbac: {serviceAccounts: [{namespace: a, name: deployer}]}
planPolicies: {builtIn: [{name: Baseline}]}
`

func TestTheChartIsWhatIsGenerated(t *testing.T) {
	rendered := render(t, everything)
	for _, file := range []string{"rbac/role.yaml", "operator/hooks.yaml", "monitoring/prometheusrule.yaml"} {
		for _, want := range readObjects(t, root, "config", filepath.FromSlash(file)) {
			got := find(rendered, want.GetKind(), want.GetName())
			if got == nil {
				t.Errorf("the chart has no %s %s", want.GetKind(), want.GetName())
				continue
			}
			for _, part := range []string{"rules", "spec"} {
				if diff := cmp.Diff(want.Object[part], got.Object[part]); diff != "" {
					t.Errorf("%s %s (-config +chart):\n%s", want.GetKind(), want.GetName(), diff)
				}
			}
		}
	}
	const crd = "awscdk.dev_cdktsstacks.yaml"
	want, err := os.ReadFile(filepath.Join(root, "config", "crd", crd))
	must(t, err)
	got, err := os.ReadFile(filepath.Join(chart, "crds", crd))
	must(t, err)
	if string(want) != string(got) {
		t.Error("the chart's definition is another than config/crd's: run make generate")
	}
}

func TestHelm3And4RenderTheSame(t *testing.T) {
	for _, values := range []string{"", everything, "namespaced: true\nwatchNamespaces: [a, b]", "executor: Local\npersistence: {enabled: true}"} {
		three, err := template(t, helm3, values)
		must(t, err)
		byName := map[string]map[string]any{}
		for _, o := range three {
			byName[o.GetKind()+" "+o.GetName()+" "+o.GetNamespace()] = o.Object
		}
		four := map[string]map[string]any{}
		for _, o := range render(t, values) {
			four[o.GetKind()+" "+o.GetName()+" "+o.GetNamespace()] = o.Object
		}
		if diff := cmp.Diff(byName, four); diff != "" {
			t.Errorf("%s\n(-Helm 3 +Helm 4):\n%s", values, diff)
		}
	}
}

func TestRolesInNamespacesAreTheClusterRoleWithoutClusterRoles(t *testing.T) {
	rendered := render(t, "namespaced: true\nwatchNamespaces: [a]")
	role := find(rendered, "Role", release+"-stacks")
	rules, _, err := unstructured.NestedSlice(role.Object, "rules")
	must(t, err)
	all, _, err := unstructured.NestedSlice(find(render(t, ""), "ClusterRole", release).Object, "rules")
	must(t, err)
	var want []any
	for _, rule := range all {
		if resources, _, _ := unstructured.NestedStringSlice(rule.(map[string]any), "resources"); !slices.Contains(resources, "clusterroles") {
			want = append(want, rule)
		}
	}
	if diff := cmp.Diff(want, rules); diff != "" || len(want) == len(all) {
		t.Errorf("the Role has %d of %d rules (-want +is):\n%s", len(rules), len(all), diff)
	}
}
