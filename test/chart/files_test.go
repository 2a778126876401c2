package chart_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chartWith is a copy of the chart with more files of config/ in it.
func chartWith(t *testing.T, files map[string]string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "awscdk-operator")
	must(t, os.CopyFS(copied, os.DirFS(chart)))
	for name, text := range files {
		path := filepath.Join(copied, "config", filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return copied
}

const aggregated = `# Comments come first.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: of-a-test
  labels:
    rbac.authorization.k8s.io/aggregate-to-view: "true"
rules: []
`

func TestAggregatedRoles(t *testing.T) {
	of := chartWith(t, map[string]string{"rbac/aggregated-test.yaml": aggregated})
	role := find(renderOf(t, of, ""), "ClusterRole", "of-a-test")
	if role == nil {
		t.Fatal("a role of config/rbac/aggregated*.yaml is not in the chart")
	}
	if labels := role.GetLabels(); labels["rbac.authorization.k8s.io/aggregate-to-view"] != "true" || labels["app.kubernetes.io/instance"] != release {
		t.Errorf("its labels are %v", labels)
	}
	for _, values := range []string{"rbac: {aggregate: false}", "rbac: {create: false}", "namespaced: true\nwatchNamespaces: [a]"} {
		if find(renderOf(t, of, values), "ClusterRole", "of-a-test") != nil {
			t.Errorf("it is there with %s", values)
		}
	}
}

const policy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: of-a-test}
spec: {failurePolicy: Fail}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: of-a-test, namespace: awscdk-operator-system}
data:
  regions: us-east-1
  accounts: ""
`

func TestPolicies(t *testing.T) {
	of := chartWith(t, map[string]string{"policies/of-a-test.yaml": policy})
	if find(renderOf(t, of, ""), "ValidatingAdmissionPolicy", "of-a-test") != nil {
		t.Error("policies are on by default")
	}
	on := renderOf(t, of, "policies: {enabled: true, parameters: {regions: eu-west-1}}\noperator: {namespace: cdk}")
	if find(on, "ValidatingAdmissionPolicy", "of-a-test") == nil {
		t.Error("the policy is not there")
	}
	parameters := find(on, "ConfigMap", "of-a-test")
	if got := at(t, parameters, "{.metadata.namespace} {.data.regions} {.data.accounts}"); got != "cdk eu-west-1 " {
		t.Errorf("its parameters are %q", got)
	}
	_, err := templateOf(t, helm4, of, "policies: {enabled: true, parameters: {region: eu-west-1}}")
	if err == nil || !strings.Contains(err.Error(), "policies.parameters has region, which no policy asks for") || !strings.Contains(err.Error(), "accounts, ") {
		t.Errorf("of a misspelt parameter helm says %v", err)
	}
}
