package policy_test

import (
	"testing"

	"awscdk.dev/operator/internal/policy"
)

// BenchmarkAtRest is what a plan that waits costs each time: its policies are found
// again, and compared with those that it was judged by.
func BenchmarkAtRest(b *testing.B) {
	files, err := policy.BuiltIn("Baseline")
	if err != nil {
		b.Fatal(err)
	}
	sources := []policy.Source{{Name: "baseline", Files: files}, {Name: "team", Files: map[string]string{"a": `rules: [{name: r, expression: "object.metadata.name != ''", message: m}]`}}}
	var c policy.Compiler
	o := plan().Object
	for b.Loop() {
		set, err := c.Compile(sources)
		if err != nil || set.Digest(o) == "" {
			b.Fatal(err)
		}
	}
}
