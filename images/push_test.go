package main

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"awscdk.dev/operator/images/internal/attest"
	"awscdk.dev/operator/images/internal/built"
)

// What was pushed is pulled equal, and what is said of it is found beside it,
// in a registry that knows referrers and in one that does not.
func TestPush(t *testing.T) {
	b := newProject(t).build(t)
	made(t, b)
	for kind, options := range map[string][]registry.Option{
		"knows referrers":         {registry.WithReferrersSupport(true)},
		"does not know referrers": nil,
	} {
		t.Run(kind, func(t *testing.T) {
			options = append(options, registry.Logger(log.New(io.Discard, "", 0)))
			server := httptest.NewServer(registry.New(options...))
			defer server.Close()
			repository := strings.TrimPrefix(server.URL, "http://") + "/team"
			var out bytes.Buffer
			for range 2 { // Twice is as good as once.
				if err := run(t.Context(), []string{"push", "-from", b.out, "-registry", repository, "-latest"}, &out, io.Discard); err != nil {
					t.Fatal(err)
				}
			}
			for image, folder := range folders {
				for _, tag := range []string{"v1.2.3", "latest"} {
					samePulled(t, repository+"/"+image+":"+tag, filepath.Join(b.out, folder))
				}
				isSaid(t, repository+"/"+image, b.out, folder)
			}
		})
	}
}

func samePulled(t *testing.T, ref, dir string) {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Index(parsed)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(pulled); err != nil {
		t.Errorf("%s: %v", ref, err)
	}
	pushed, err := built.Index(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := digest(t, pulled), digest(t, pushed); a != b {
		t.Errorf("%s is %s, and %s is %s", ref, a, dir, b)
	}
}

func digest(t *testing.T, of interface{ Digest() (v1.Hash, error) }) v1.Hash {
	t.Helper()
	hash, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// isSaid checks that the registry lists, for each image its bill of materials,
// and for the index where it comes from.
func isSaid(t *testing.T, repository, out, folder string) {
	t.Helper()
	index, err := built.Index(filepath.Join(out, folder))
	if err != nil {
		t.Fatal(err)
	}
	images, err := built.Images(index)
	if err != nil {
		t.Fatal(err)
	}
	referred(t, repository, digest(t, index), attest.InTotoType, filepath.Join(out, folder+".provenance.json"))
	for arch, image := range images {
		referred(t, repository, digest(t, image), attest.SPDXType, filepath.Join(out, folder+"-"+arch+".spdx.json"))
	}
}

func referred(t *testing.T, repository string, subject v1.Hash, kind, file string) {
	t.Helper()
	repo, err := name.NewRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Referrers(repo.Digest(subject.String()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("%s has the referrers %+v", subject, manifest.Manifests)
	}
	artifact, err := remote.Image(repo.Digest(manifest.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	described, err := artifact.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if described.ArtifactType != kind {
		t.Errorf("%s is said to be %s", file, described.ArtifactType)
	}
	layers, err := artifact.Layers()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the registry has another %s", file)
	}
}

func TestPushesThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"nowhere":         {nil, "make image-push REGISTRY=registry.example.com/team"},
		"nothing built":   {[]string{"-registry", "127.0.0.1:1/team"}, `run "make images" first`},
		"no such address": {[]string{"-registry", "UPPER CASE"}, "UPPER CASE"},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			err := run(t.Context(), append([]string{"push", "-from", t.TempDir()}, test.args...), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}
