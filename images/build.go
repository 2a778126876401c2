package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/images/internal/fetch"
	"awscdk.dev/operator/images/internal/image"
	"awscdk.dev/operator/images/internal/recipe"
)

// buildOptions are those of "images build".
type buildOptions struct {
	root, out, cache, version, revision, repository string
	source, builder, goVersion                      string
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
	set.StringVar(&o.source, "source", "", "address of the project's repository, for the provenance")
	set.StringVar(&o.builder, "builder", "https://awscdk.dev/images/local", "who builds, as a URI, for the provenance")
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
	recipe  *recipe.Recipe
	lock    *recipe.Lock
	sources fetch.Sources
	// programs are compiled by compile, in tests by something quicker.
	programs func(ctx context.Context, o buildOptions, arch string, log io.Writer) ([]program, error)
	layers   image.Store
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
	o.goVersion = r.Go
	if o.archs, err = chosen(archs, r.Architectures); err != nil {
		return nil, err
	}
	if o.created, err = createdAt(epoch, l.Snapshot); err != nil {
		return nil, err
	}
	if !tag.MatchString(o.version) {
		return nil, fmt.Errorf("the version %q cannot be the tag of an image: letters, digits, dots, dashes and underscores can", o.version)
	}
	program, err := self()
	if err != nil {
		return nil, err
	}
	return &build{
		buildOptions: o, recipe: r, lock: l, programs: compile,
		sources: fetch.Sources{
			Cache: fetch.Cache{Dir: filepath.Join(o.cache, "packages")}, Debian: fetch.ForDebian(), Npm: fetch.Npm,
			Mirrors: mirrors(r), Snapshots: fetch.SnapshotMirrors(r, l),
		},
		layers: image.Store{Dir: filepath.Join(o.cache, "layers"), Program: program, Modified: l.Snapshot, Now: time.Now()},
	}, nil
}

// tag is what the OCI distribution specification allows as one.
var tag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// chosen are the architectures asked for, or all that are known.
func chosen(asked string, known []string) ([]string, error) {
	archs := strings.FieldsFunc(asked, func(r rune) bool { return r == ',' || r == ' ' })
	if len(archs) == 0 {
		return known, nil
	}
	for _, arch := range archs {
		if !slices.Contains(known, arch) {
			return nil, fmt.Errorf("there are no packages for the architecture %q, but for %s", arch, strings.Join(known, " and "))
		}
	}
	slices.Sort(archs)
	return slices.Compact(archs), nil
}

func createdAt(epoch string, otherwise time.Time) (time.Time, error) {
	if epoch == "" {
		return otherwise, nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of creation: %q is not a number of seconds since 1970", epoch)
	}
	return time.Unix(seconds, 0), nil
}

func (b *build) run(ctx context.Context, out, log io.Writer) error {
	outputs := []*output{newOutput(manager), newOutput(runner)}
	for _, arch := range b.archs {
		if err := b.sources.All(ctx, b.lock, arch); err != nil {
			return err
		}
		if err := b.arch(ctx, arch, outputs, out, log); err != nil {
			return fmt.Errorf("build for %s: %w", arch, err)
		}
	}
	for _, each := range outputs {
		if err := b.write(each, out); err != nil {
			return fmt.Errorf("write %s: %w", each.name, err)
		}
	}
	return b.layers.Prune()
}
