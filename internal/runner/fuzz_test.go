package runner

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/run"
)

// FuzzHereDocuments holds that a script is changed in its ends of
// here-documents and in nothing else.
func FuzzHereDocuments(f *testing.F) {
	f.Add("if x; then\n  cat <<EOF\n  text\n  EOF\nfi\n")
	f.Add("cat <<-'A' <<\"B\"\n\tA\n B\r\n")
	f.Add("cat <<< EOF\n EOF")
	f.Fuzz(func(t *testing.T, script string) {
		changed, lines := unindent(script)
		before, after := strings.Split(script, "\n"), strings.Split(changed, "\n")
		if len(before) != len(after) {
			t.Fatalf("%d lines became %d", len(before), len(after))
		}
		said := map[int]bool{}
		for _, n := range lines {
			said[n-1] = true
		}
		for i := range before {
			if said[i] != (before[i] != after[i]) || strings.TrimSpace(before[i]) != strings.TrimSpace(after[i]) {
				t.Fatalf("line %d was %q and is %q, told: %t", i+1, before[i], after[i], said[i])
			}
		}
	})
}

// FuzzHookValues holds that of a file that a hook has written only numbers with
// good names are taken, and not too many.
func FuzzHookValues(f *testing.F) {
	f.Add([]byte("a 1\nb_2 -1.5e3 # comment\n\nc NaN\nD 1\nd\n"))
	f.Add([]byte("a 0x1p-2\r\nb 1_000\nc Inf\n"))
	f.Add([]byte(strings.Repeat("a 1\n", 100)))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "metrics.txt")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		log, err := OpenLog(run.Dir(dir), redact.New())
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		values := readValues(path, log, "afterDeploy")
		for name, value := range values {
			if !valueName.MatchString(name) || math.IsNaN(value) || math.IsInf(value, 0) || len(values) > maxValues {
				t.Fatalf("%d values, one is %s %v", len(values), name, value)
			}
		}
	})
}
