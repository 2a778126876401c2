package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"awscdk.dev/operator/images/internal/recipe"
)

// Sources are where packages are downloaded from.
type Sources struct {
	Cache  Cache
	Debian Downloader
	// Mirrors are addresses by the archive's name; Snapshots those of the same
	// archives as they were when the packages were locked.
	Mirrors, Snapshots map[string]string
	// Npm downloads one package into a folder and tells the file.
	Npm func(ctx context.Context, dir, name, version string) (string, error)
}

// SnapshotMirrors are the addresses of Debian's archives as they were at the
// time of the lock: see https://snapshot.debian.org.
func SnapshotMirrors(r *recipe.Recipe, l *recipe.Lock) map[string]string {
	mirrors := make(map[string]string)
	for _, source := range r.Debian.Sources {
		mirrors[source.Archive] = fmt.Sprintf("http://snapshot.debian.org/archive/%s/%s",
			source.Archive, l.Snapshot.UTC().Format("20060102T150405Z"))
	}
	return mirrors
}

// All brings what the architecture's lock names into the cache.
func (s Sources) All(ctx context.Context, l *recipe.Lock, arch string) error {
	if err := os.MkdirAll(s.Cache.Dir, 0o755); err != nil {
		return err
	}
	return errors.Join(s.debian(ctx, l.Debian[arch]), s.npm(ctx, l.Npm, arch))
}

// debian asks the mirrors, then the snapshots for what those did not have.
func (s Sources) debian(ctx context.Context, packages []recipe.DebianPackage) error {
	var told []error
	for _, mirrors := range []map[string]string{s.Mirrors, s.Snapshots} {
		missing := s.missing(packages)
		if len(missing) == 0 {
			return nil
		}
		told = append(told, s.from(ctx, mirrors, missing))
	}
	missing := s.missing(packages)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf(`%d of the locked Debian packages could not be had: %s
neither the mirror nor the snapshot of the lock's date has them (IMAGES_DEBIAN_MIRROR names another mirror). When newer versions have replaced them, run "make images-lock", look at what changed in images/packages.lock.json, and commit it
%w`, len(missing), names(missing), errors.Join(told...))
}

func names(packages []recipe.DebianPackage) string {
	var all []string
	for _, p := range packages {
		all = append(all, called(p))
	}
	return brief(all, ", ")
}

// brief joins the first few and counts the rest: a mirror that is down gives
// the same message a hundred times.
func brief(all []string, separator string) string {
	const few = 8
	if len(all) <= few {
		return strings.Join(all, separator)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(all[:few], separator), separator, len(all)-few)
}

func called(p recipe.DebianPackage) string {
	return fmt.Sprintf("%s %s (%s)", p.Name, p.Version, p.Architecture)
}

func (s Sources) missing(packages []recipe.DebianPackage) []recipe.DebianPackage {
	var missing []recipe.DebianPackage
	for _, p := range packages {
		if !s.Cache.Has(SHA256(p.SHA256)) {
			missing = append(missing, p)
		}
	}
	return missing
}

func (s Sources) from(ctx context.Context, mirrors map[string]string, packages []recipe.DebianPackage) error {
	dir, err := os.MkdirTemp(s.Cache.Dir, "partial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var items []Item
	for _, p := range packages {
		items = append(items, Item{Name: called(p), URL: strings.TrimSuffix(mirrors[p.Archive], "/") + "/" + p.Path, Hash: SHA256(p.SHA256)})
	}
	told := s.Debian.Download(ctx, dir, items)
	var damaged []string
	for _, item := range items {
		file := filepath.Join(dir, item.Hash.base())
		if err := s.Cache.Take(file, item.Hash); err != nil && !errors.Is(err, os.ErrNotExist) {
			damaged = append(damaged, fmt.Sprintf("%s from %s: %s", item.Name, item.URL, err))
		}
	}
	if len(damaged) > 0 {
		told = errors.Join(told, errors.New(brief(damaged, "\n")))
	}
	return told
}

func (s Sources) npm(ctx context.Context, packages []recipe.NpmPackage, arch string) error {
	for _, p := range packages {
		if p.Architecture != "" && p.Architecture != arch {
			continue
		}
		if err := s.npmPackage(ctx, p); err != nil {
			return fmt.Errorf("npm package %s %s: %w", p.Name, p.Version, err)
		}
	}
	return nil
}

func (s Sources) npmPackage(ctx context.Context, p recipe.NpmPackage) error {
	hash, err := Integrity(p.Integrity)
	if err != nil || s.Cache.Has(hash) {
		return err
	}
	dir, err := os.MkdirTemp(s.Cache.Dir, "partial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, err := s.Npm(ctx, dir, p.Name, p.Version)
	if err != nil {
		return err
	}
	return s.Cache.Take(file, hash)
}
