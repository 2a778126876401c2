package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"awscdk.dev/operator/images/internal/fetch"
	"awscdk.dev/operator/images/internal/gobuild"
	"awscdk.dev/operator/images/internal/image"
	"awscdk.dev/operator/images/internal/recipe"
)

// buildOptions are those of "images build".
type buildOptions struct {
	root, out, cache, version, revision, repository string
	archs                                           []string
	created                                         time.Time
}

func runBuild(ctx context.Context, args []string, out, log io.Writer) error {
	var o buildOptions
	set := flags("build", log)
	set.StringVar(&o.root, "root", "..", "the operator's checkout")
	set.StringVar(&o.out, "out", "../dist/images", "folder for what is built")
	set.StringVar(&o.cache, "cache", "../.cache/images", "folder for packages and layers, kept between builds")
	set.StringVar(&o.version, "version", "dev", "version of the images, and their tag")
	set.StringVar(&o.revision, "revision", "", "commit they are built from")
	set.StringVar(&o.repository, "repository", "ghcr.io/awscdk-operator", "where the images are to be pushed, for their names in the archives")
	archs := set.String("archs", "", "architectures, separated by commas or blanks (default: the recipe's)")
	epoch := set.String("created", os.Getenv("SOURCE_DATE_EPOCH"), "when the images say they were made, in seconds since 1970 (default: when packages were locked)")
	if err := parse(set, args); err != nil {
		return err
	}
	b, err := newBuild(o, *archs, *epoch)
	if err != nil {
		return err
	}
	return b.run(ctx, out, log)
}

// build is one run of "images build".
type build struct {
	buildOptions
	recipe *recipe.Recipe
	lock   *recipe.Lock
	cached fetch.Cache
	layers image.Store
}

func newBuild(o buildOptions, archs, epoch string) (*build, error) {
	folder := filepath.Join(o.root, "images")
	r, err := recipe.Load(filepath.Join(folder, "recipe.yaml"))
	if err != nil {
		return nil, err
	}
	l, err := recipe.LoadLock(filepath.Join(folder, "packages.lock.json"))
	if err != nil {
		return nil, err
	}
	for _, dir := range []*string{&o.root, &o.out, &o.cache} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return nil, err
		}
	}
	if o.archs = strings.FieldsFunc(archs, func(r rune) bool { return r == ',' || r == ' ' }); len(o.archs) == 0 {
		o.archs = r.Architectures
	}
	for _, arch := range o.archs {
		if len(l.Debian[arch]) == 0 {
			return nil, fmt.Errorf("no packages are locked for the architecture %q, but for %s", arch, strings.Join(r.Architectures, " and "))
		}
	}
	o.created = l.Snapshot
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the time of creation: %q is not a number of seconds since 1970", epoch)
		}
		o.created = time.Unix(seconds, 0)
	}
	program, err := self()
	if err != nil {
		return nil, err
	}
	return &build{
		buildOptions: o, recipe: r, lock: l,
		cached: fetch.Cache{Dir: filepath.Join(o.cache, "packages")},
		layers: image.Store{Dir: filepath.Join(o.cache, "layers"), Program: program, Modified: l.Snapshot},
	}, nil
}

func (b *build) run(ctx context.Context, out, log io.Writer) error {
	sources := fetch.Sources{
		Cache: b.cached, Debian: fetch.ForDebian(), Npm: fetch.Npm,
		Mirrors: mirrors(b.recipe), Snapshots: fetch.SnapshotMirrors(b.recipe, b.lock),
	}
	images := map[string]map[string]v1.Image{manager: {}, runner: {}}
	for _, arch := range b.archs {
		if err := sources.All(ctx, b.lock, arch); err != nil {
			return err
		}
		made, err := b.arch(ctx, arch, out, log)
		if err != nil {
			return fmt.Errorf("build for %s: %w", arch, err)
		}
		for name, each := range made {
			images[name][arch] = each
		}
	}
	for name, each := range images {
		if err := b.write(name, each, out); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// manager and runner are the images' names; folders are called the same
// without what both have in common.
const (
	manager = "awscdk-operator"
	runner  = "awscdk-operator-runner"
)

var folders = map[string]string{manager: "manager", runner: "runner"}

// arch makes both images for one architecture, by name.
func (b *build) arch(ctx context.Context, arch string, out, log io.Writer) (map[string]v1.Image, error) {
	programs, err := b.programs(ctx, arch, log)
	if err != nil {
		return nil, err
	}
	parts := image.Parts{Arch: arch, Recipe: b.recipe, Lock: b.lock, Cache: b.cached}
	made := make(map[string]v1.Image)
	for name, specs := range map[string][]image.Spec{
		manager: append(parts.Manager(), programs[0]),
		runner:  append(parts.Runner(), programs[1], programs[0]),
	} {
		layers, err := b.layers.Layers(ctx, specs)
		if err != nil {
			return nil, err
		}
		if made[name], err = image.Assemble(arch, b.meta(name), layers); err != nil {
			return nil, err
		}
		report(out, name, arch, layers)
	}
	return made, nil
}

// programs compiles the operator and kubectl.
func (b *build) programs(ctx context.Context, arch string, log io.Writer) ([]image.Spec, error) {
	kubectl, err := gobuild.Kubectl(ctx, filepath.Join(b.root, "demo"))
	if err != nil {
		return nil, err
	}
	operator := gobuild.Program{Module: b.root, Package: "./cmd/awscdk-operator", LinkFlags: "-X main.version=" + b.version}
	var specs []image.Spec
	for _, program := range []gobuild.Program{operator, kubectl} {
		fmt.Fprintf(log, "compiling %s for %s\n", filepath.Base(program.Package), arch)
		file, err := program.Build(ctx, arch, filepath.Join(b.cache, "bin"))
		if err != nil {
			return nil, err
		}
		spec, err := image.Program(arch, file)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func (b *build) meta(name string) image.Meta {
	m := image.Meta{Name: name, Version: b.version, Revision: b.revision, Created: b.created}
	if name == manager {
		m.Description = "AWS CDK Operator: the manager"
		m.Env = []string{"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}
		return m
	}
	m.Description = "AWS CDK Operator: what a run needs, from git to the AWS CLI"
	m.Env = []string{"LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"}
	return m
}

// write puts an image's index into a layout and an archive.
func (b *build) write(name string, images map[string]v1.Image, out io.Writer) error {
	index := image.Index(b.meta(name), b.archs, images)
	dir := filepath.Join(b.out, folders[name])
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	ref := b.repository + "/" + name + ":" + b.version
	if err := errors.Join(
		image.WriteLayout(dir, b.version, index, nil),
		image.WriteArchive(dir+".tar", ref, b.version, index),
	); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s@%s in %s and %s.tar\n", ref, digest, dir, dir)
	return nil
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
