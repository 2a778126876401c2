package cdk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzAssembly holds that nothing outside of a cloud assembly is read or
// published, whatever an app writes, and that a failure is explained briefly.
func FuzzAssembly(f *testing.F) {
	for _, name := range []string{"manifest.json", "assembly-Prod/manifest.json"} {
		content, err := os.ReadFile(filepath.Join(recorded, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte(`{"version":"36.0.0","artifacts":{"S":{"type":"aws:cloudformation:stack","environment":"aws://1/eu-west-1","properties":{"templateFile":"../x"}}}}`))
	f.Add([]byte(`{"version":"36.0.0","artifacts":{"S":{"type":"cdk:cloud-assembly","properties":{"directoryName":"."}}}}`))
	f.Add([]byte(`{"version":"36.0.0","artifacts":{"A":{"type":"aws:cloudformation:stack","dependencies":["B"],"environment":"aws://unknown-account/unknown-region","properties":{"templateFile":"t.json"}},"B":{"type":"aws:cloudformation:stack","dependencies":["A"],"environment":"aws://1/x","properties":{"templateFile":"t.json","tags":{"a":"b"},"parameters":{"p":""}}}}}`))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		dir := t.TempDir()
		for name, content := range map[string][]byte{"manifest.json": manifest, "t.json": []byte(`{"Resources":{}}`)} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		a, err := ReadAssembly(dir)
		if err != nil {
			return
		}
		for _, s := range a.Stacks() {
			for _, path := range append(s.AssetManifests, s.TemplateFile) {
				if !strings.HasPrefix(path, dir+"/") {
					t.Fatalf("%s is read", path)
				}
			}
			_ = s.Problems()
			_, _ = s.Resolve(Environment{Account: "111122223333", Region: "eu-west-1"})
			_, _ = a.Find(s.DisplayName)
		}
		_, _ = a.Find("Nothing")
	})
}
