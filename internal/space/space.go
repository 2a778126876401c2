// Package space tells how full the volume of the data folder is, and makes room
// on it by deleting what can be had again.
package space

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/cdk"
	"awscdk.dev/operator/internal/git"
)

// Data is a data folder.
type Data string

// Trash is the folder of what is being deleted.
func (d Data) Trash() string { return filepath.Join(string(d), "trash") }

// NPM is npm's own cache.
func (d Data) NPM() string { return filepath.Join(string(d), "npm-cache") }

// Dependencies is the folder of the dependency cache.
func (d Data) Dependencies() string { return filepath.Join(string(d), "deps") }

// Mirrors is the folder of the git mirrors.
func (d Data) Mirrors() string { return filepath.Join(string(d), "mirrors") }

// Free is how much a volume has left.
type Free struct {
	Bytes uint64
	// Total is the size of the volume in bytes.
	Total uint64
	// Files is how many more there can be; Bounded is false where the file
	// system has no number of its own.
	Files   uint64
	Bounded bool
}

// Of looks at the volume that a folder is on.
func Of(path string) (Free, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Free{}, fmt.Errorf("look at the free space of %s: %w", path, err)
	}
	block := uint64(max(s.Bsize, 0))
	return Free{Bytes: s.Bavail * block, Total: s.Blocks * block, Files: s.Ffree, Bounded: s.Files > 0}, nil
}

// recent is how long a mirror is spared while there are runs: their checkouts
// read from it.
const recent = 24 * time.Hour

// Reclaim deletes what can be had again until enough says so, that first which
// is had again at the least cost: trash, what package managers have downloaded,
// git mirrors and dependency trees, the least recently used first. Idle says
// that there are no runs; while there are, it spares what they may be using.
func (d Data) Reclaim(now time.Time, idle bool, enough func() bool) error {
	cache := cdk.Cache{Dir: d.Dependencies()}
	unusedSince := now
	if !idle {
		unusedSince = now.Add(-recent)
	}
	steps := []struct {
		does bool
		do   func() error
	}{
		{true, func() error { return empty(d.Trash(), enough) }},
		{idle, func() error { return os.RemoveAll(d.NPM()) }},
		{idle, func() error { return cache.ForgetDownloads() }},
		{true, func() error { return git.ReclaimMirrors(d.Mirrors(), unusedSince, enough) }},
		{true, func() error { return cache.ReclaimTrees(enough) }},
	}
	var errs []error
	for _, step := range steps {
		if enough() {
			break
		}
		if step.does {
			errs = append(errs, step.do())
		}
	}
	return errors.Join(errs...)
}

// Holds says whether there is anything that Reclaim might delete.
func (d Data) Holds() bool {
	for _, dir := range []string{d.Trash(), d.NPM(), d.Dependencies(), d.Mirrors()} {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return true
		}
	}
	return false
}

// empty deletes what is in a folder, one thing after the other.
func empty(dir string, enough func() bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if enough() {
			break
		}
		errs = append(errs, RemoveAll(filepath.Join(dir, e.Name())))
	}
	return errors.Join(errs...)
}

// RemoveAll deletes a folder even when user code has taken away its own rights
// to it. Symbolic links are deleted, never followed.
func RemoveAll(path string) error {
	if err := os.RemoveAll(path); err == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(p, 0o700) //nolint:gosec // a folder that is deleted next
		}
		return nil
	})
	return os.RemoveAll(path)
}
