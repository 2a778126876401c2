package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"awscdk.dev/operator/images/internal/attest"
	"awscdk.dev/operator/images/internal/gobuild"
	"awscdk.dev/operator/images/internal/image"
	"awscdk.dev/operator/images/internal/recipe"
)

// output is one image of all architectures.
type output struct {
	name     string
	images   map[string]v1.Image
	contents map[string][]attest.Material
}

// manager and runner are the images' names; folders are called the same
// without what both have in common.
const (
	manager = "awscdk-operator"
	runner  = "awscdk-operator-runner"
)

var folders = map[string]string{manager: "manager", runner: "runner"}

func newOutput(name string) *output {
	return &output{name: name, images: make(map[string]v1.Image), contents: make(map[string][]attest.Material)}
}

// arch makes both images for one architecture.
func (b *build) arch(ctx context.Context, arch string, outputs []*output, out, log io.Writer) error {
	programs, err := b.programs(ctx, b.buildOptions, arch, log)
	if err != nil {
		return err
	}
	parts := b.parts(arch)
	for _, each := range outputs {
		specs := append(parts.Manager(), programs[0].layer)
		if each.name == runner {
			specs = append(parts.Runner(), programs[1].layer, programs[0].layer)
		}
		layers, err := b.layers.Layers(ctx, specs)
		if err != nil {
			return err
		}
		if each.images[arch], err = image.Assemble(arch, b.meta(each.name), layers); err != nil {
			return err
		}
		if each.contents[arch], err = b.contents(each.name, arch, programs); err != nil {
			return err
		}
		report(out, each.name, arch, layers)
	}
	return nil
}

// program is one that was compiled.
type program struct {
	file  string
	layer image.Spec
}

// compile makes the operator and kubectl, in this order.
func compile(ctx context.Context, o buildOptions, arch string, log io.Writer) ([]program, error) {
	kubectl, err := gobuild.Kubectl(ctx, filepath.Join(o.root, "demo"), o.goVersion)
	if err != nil {
		return nil, err
	}
	operator := gobuild.Program{Module: o.root, Go: o.goVersion, Package: "./cmd/awscdk-operator", LinkFlags: "-X main.version=" + o.version}
	var made []program
	for _, each := range []gobuild.Program{operator, kubectl} {
		fmt.Fprintf(log, "compiling %s for %s\n", filepath.Base(each.Package), arch)
		// Not in the cache, which several checkouts may share.
		file, err := each.Build(ctx, arch, filepath.Join(o.out, "programs"))
		if err != nil {
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

func (b *build) meta(name string) image.Meta {
	m := image.Meta{Name: name, Version: b.version, Revision: b.revision, Created: b.created, Source: b.source}
	if name == manager {
		m.Description = "AWS CDK Operator: the manager"
		return m
	}
	m.Description = "AWS CDK Operator: what a run needs, from git to the AWS CLI"
	// No folder of a run is for one stage alone: compiled Python that a
	// dependency's install leaves there must not become the AWS CLI of a hook.
	m.Env = []string{"LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"}
	return m
}

// contents are the materials of one image.
func (b *build) contents(name, arch string, programs []program) ([]attest.Material, error) {
	var all []attest.Material
	for _, p := range b.lock.Debian[arch] {
		if name == runner || p.Name == "ca-certificates" {
			all = append(all, attest.Debian(p, b.sources.Mirrors[p.Archive]))
		}
	}
	for i, each := range programs {
		if name == manager && i > 0 {
			break
		}
		modules, err := attest.GoModules(each.file)
		if err != nil {
			return nil, err
		}
		all = append(all, modules...)
	}
	if name == manager {
		return all, nil
	}
	npm, err := b.npmContents(arch)
	return append(all, npm...), err
}

func (b *build) npmContents(arch string) ([]attest.Material, error) {
	parts := b.parts(arch)
	var all []attest.Material
	for _, p := range b.lock.Npm {
		if p.Architecture != "" && p.Architecture != arch {
			continue
		}
		bundled, err := parts.Bundled(p)
		if err != nil {
			return nil, err
		}
		for _, each := range append([]recipe.NpmPackage{p}, bundled...) {
			material, err := attest.Npm(each)
			if err != nil {
				return nil, err
			}
			all = append(all, material)
		}
	}
	return all, nil
}

func (b *build) parts(arch string) image.Parts {
	return image.Parts{Arch: arch, Recipe: b.recipe, Lock: b.lock, Cache: b.sources.Cache}
}

// write puts an image's index, and what is said of it, into a layout, an
// archive and plain files.
func (b *build) write(o *output, out io.Writer) error {
	index := image.Index(b.meta(o.name), b.archs, o.images)
	artifacts, err := b.attested(o, index)
	if err != nil {
		return err
	}
	dir := filepath.Join(b.out, folders[o.name])
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	if err := forget(dir + "-*.spdx.json"); err != nil {
		return err
	}
	ref := b.repository + "/" + o.name + ":" + b.version
	if err := image.WriteLayout(dir, b.version, index, artifacts); err != nil {
		return err
	}
	if err := image.WriteArchive(dir+".tar", dir, ref, b.version, index); err != nil {
		return err
	}
	for _, each := range artifacts {
		if err := os.WriteFile(filepath.Join(b.out, each.Title), each.Content, 0o644); err != nil {
			return err
		}
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s@%s in %s and %s.tar\n", ref, digest, dir, dir)
	return os.WriteFile(dir+".digest", []byte(digest.String()+"\n"), 0o644)
}

// forget removes what an earlier build for more architectures has left.
func forget(pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// attested are a bill of materials for each architecture's image, and where all
// come from for the index.
func (b *build) attested(o *output, index v1.ImageIndex) ([]image.Artifact, error) {
	self, err := partial.Descriptor(index)
	if err != nil {
		return nil, err
	}
	repository := b.repository + "/" + o.name
	subjects := []attest.Subject{{Name: repository, Digest: self.Digest.Hex}}
	provenance := attest.Build{Builder: b.builder, Source: b.source, Revision: b.revision, Version: b.version, Archs: b.archs}
	var all []image.Artifact
	for _, arch := range b.archs {
		described, err := partial.Descriptor(o.images[arch])
		if err != nil {
			return nil, err
		}
		subject := attest.Subject{Name: repository, Digest: described.Digest.Hex, Arch: arch}
		sbom, err := attest.SPDX(subject, b.version, b.created, o.contents[arch])
		if err != nil {
			return nil, err
		}
		artifact, err := image.Attach(*described, folders[o.name]+"-"+arch+".spdx.json", attest.SPDXType, sbom)
		if err != nil {
			return nil, err
		}
		all, subjects = append(all, artifact), append(subjects, subject)
		provenance.Materials = append(provenance.Materials, o.contents[arch]...)
	}
	statement, err := attest.Provenance(subjects, provenance)
	if err != nil {
		return nil, err
	}
	artifact, err := image.Attach(*self, folders[o.name]+".provenance.json", attest.InTotoType, statement)
	return append(all, artifact), err
}

func report(out io.Writer, name, arch string, layers []image.Layer) {
	var compressed, unpacked int64
	for _, layer := range layers {
		size, _ := layer.Size()
		compressed += size
		unpacked += layer.Unpacked
		fmt.Fprintf(out, "%-24s %-6s %-28s %7.1f MB, unpacked %7.1f MB\n", name, arch, layer.Name, megabytes(size), megabytes(layer.Unpacked))
	}
	fmt.Fprintf(out, "%-24s %-6s %-28s %7.1f MB, unpacked %7.1f MB\n", name, arch, "in all", megabytes(compressed), megabytes(unpacked))
}

func megabytes(size int64) float64 { return float64(size) / 1e6 }
