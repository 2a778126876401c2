package config_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// plugin is what krew reads of a manifest.
type plugin struct {
	APIVersion string                `json:"apiVersion"`
	Kind       string                `json:"kind"`
	Metadata   struct{ Name string } `json:"metadata"`
	Spec       struct {
		Version, Homepage, ShortDescription, Description, Caveats string
		Platforms                                                 []struct {
			Selector         struct{ MatchLabels map[string]string }
			URI, SHA256, Bin string
		}
	} `json:"spec"`
}

// TestTheManifestForKrewFitsItsArchives packs programs as `make cli-dist` does and
// does what krew does: it checks each archive's sum and finds the program in it.
func TestTheManifestForKrewFitsItsArchives(t *testing.T) {
	programs, dist := t.TempDir(), t.TempDir()
	for _, name := range []string{"linux-amd64/kubectl-cdk", "darwin-arm64/kubectl-cdk", "windows-amd64/kubectl-cdk.exe"} {
		path := filepath.Join(programs, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "../hack/cli-dist", "--pack", programs)
	cmd.Env = append(os.Environ(), "VERSION=v1.2.3", "CLI_DIST="+dist, "CLI_URL=https://dl.example/v1.2.3")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dist, "cdk.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var p plugin
	if err := yaml.UnmarshalStrict(data, &p); err != nil {
		t.Fatal(err)
	}
	if p.Kind != "Plugin" || p.Metadata.Name != "cdk" || p.Spec.Version != "v1.2.3" || len(p.Spec.ShortDescription) > 50 {
		t.Errorf("%+v", p)
	}
	found := map[string]string{}
	for _, platform := range p.Spec.Platforms {
		labels := platform.Selector.MatchLabels
		found[labels["os"]+"-"+labels["arch"]+"/"+platform.Bin] = unpacked(t, filepath.Join(dist, filepath.Base(platform.URI)), platform.SHA256, platform.Bin)
	}
	want := map[string]string{}
	for _, name := range []string{"linux-amd64/kubectl-cdk", "darwin-arm64/kubectl-cdk", "windows-amd64/kubectl-cdk.exe"} {
		want[name] = name
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

// unpacked is the program in an archive of that sum.
func unpacked(t *testing.T, archive, sum, program string) string {
	t.Helper()
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	if is := sha256.Sum256(data); hex.EncodeToString(is[:]) != sum {
		t.Errorf("%s has another sum", archive)
	}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(z)
	h, err := r.Next()
	if err != nil || h.Name != program || h.Mode&0o111 == 0 {
		t.Fatalf("%s: %+v, %v", archive, h, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
