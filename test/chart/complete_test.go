package chart_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// notTried are values whose effect no case shows here, and why.
var notTried = map[string]string{
	"podSecurityContext": "a map of Kubernetes' own, whose fields are handed on: TestTheAPIServerTakesAllThatIsRendered",
	"securityContext":    "the same",
	"policies":           "TestPolicies",
	"rbac.aggregate":     "TestAggregatedRoles",
}

// TestEveryValueIsDocumentedKnownAndTried holds values.yaml, the schema, the page
// and the tests to one another.
func TestEveryValueIsDocumentedKnownAndTried(t *testing.T) {
	values := map[string]any{}
	readYAML(t, &values, chart, "values.yaml")
	readme, err := os.ReadFile(filepath.Join(chart, "README.md"))
	must(t, err)
	var schema struct{ Properties map[string]any }
	data, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	must(t, err)
	must(t, json.Unmarshal(data, &schema))
	tried := map[string]bool{}
	for _, cases := range []map[string]effect{inCirculation, ownValues} {
		for _, c := range cases {
			note(t, tried, c.values)
		}
	}
	for _, values := range switchedOff {
		note(t, tried, values.values)
	}
	for _, path := range leaves(values, "") {
		if !strings.Contains(string(readme), "| `"+path+"` |") {
			t.Errorf("README.md does not describe %s: run make generate", path)
		}
		if _, ok := schema.Properties[strings.SplitN(path, ".", 2)[0]]; !ok {
			t.Errorf("values.schema.json does not know %s", path)
		}
		if !tried[path] && !excused(path) {
			t.Errorf("no case shows what %s does", path)
		}
	}
}

func excused(path string) bool {
	for prefix := range notTried {
		if path == prefix || strings.HasPrefix(path, prefix+".") {
			return true
		}
	}
	return false
}

// note marks every value that a case sets.
func note(t *testing.T, tried map[string]bool, values string) {
	t.Helper()
	set := map[string]any{}
	must(t, yaml.Unmarshal([]byte(values), &set))
	var mark func(any, string)
	mark = func(v any, path string) {
		tried[path] = true
		if m, ok := v.(map[string]any); ok {
			for key, below := range m {
				mark(below, strings.TrimPrefix(path+"."+key, "."))
			}
		}
	}
	mark(set, "")
}

// leaves lists the paths of values that hold no further ones.
func leaves(v map[string]any, path string) []string {
	var all []string
	for key, below := range v {
		here := strings.TrimPrefix(path+"."+key, ".")
		m, ok := below.(map[string]any)
		if ok && len(m) > 0 && !strings.HasSuffix(here, "labels") {
			all = append(all, leaves(m, here)...)
			continue
		}
		all = append(all, here)
	}
	return all
}

func readYAML(t *testing.T, into any, path ...string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	must(t, err)
	must(t, yaml.Unmarshal(data, into))
}
