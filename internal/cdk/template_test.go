package cdk

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/problem"
)

func TestStacksThatCannotBeDeployed(t *testing.T) {
	const anywhere = "aws://unknown-account/unknown-region"
	here := Environment{Account: "111122223333", Region: "eu-west-1"}
	legacy := stackArtifact(anywhere, nil)
	legacy["metadata"] = map[string]any{"/S": []map[string]any{{"type": "aws:cdk:asset", "data": map[string]any{"packaging": "zip"}}}}
	for name, c := range map[string]struct {
		artifact map[string]any
		template string
		reason   *problem.Kind
		parts    []string
	}{
		"no resources":  {stackArtifact(anywhere, nil), `{"Parameters":{}}`, ErrEmptyStack, []string{"no resources", "delete this object"}},
		"legacy assets": {legacy, `{"Resources":{"A":{}}}`, ErrNotSupported, []string{"LegacyStackSynthesizer", "DefaultStackSynthesizer"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := assemblyOf(t, map[string]any{"S": c.artifact})
			write(t, filepath.Join(dir, "S.template.json"), c.template)
			a, err := ReadAssembly(dir)
			if err != nil {
				t.Fatal(err)
			}
			_, err = mustFind(t, a, "S").Resolve(here)
			if e := wantReason(t, err, c.reason, c.parts...); e.Outlook != problem.Stalls {
				t.Error("it is tried again in vain")
			}
		})
	}
}

func TestParametersWithoutAValue(t *testing.T) {
	dir := assemblyOf(t, map[string]any{"S": stackArtifact("aws://unknown-account/unknown-region", map[string]any{"parameters": map[string]any{"Given": "x"}})})
	write(t, filepath.Join(dir, "S.template.json"), `{"Resources":{"A":{}},"Parameters":{
		"Open":{"Type":"String"}, "Given":{"Type":"String"}, "Empty":{"Type":"String","Default":""}, "Number":{"Type":"Number","Default":0}}}`)
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mustFind(t, a, "S").Resolve(Environment{Account: "111122223333", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Open"}, r.OpenParameters); diff != "" {
		t.Error(diff)
	}
}
