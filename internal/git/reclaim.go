package git

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ReclaimMirrors removes the mirrors below root that nobody used since a time,
// the least recently used first, until enough says so. It spares one that a
// checkout or fetch has locked.
func ReclaimMirrors(root string, unusedSince time.Time, enough func() bool) error {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make room: %w", err)
	}
	type mirror struct {
		dir  string
		used time.Time
	}
	var (
		unused []mirror
		failed error
	)
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && e.Name() != homesDir && !info.ModTime().After(unusedSince) {
			unused = append(unused, mirror{filepath.Join(root, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(unused, func(a, b mirror) int { return a.used.Compare(b.used) })
	for _, m := range unused {
		if enough() {
			break
		}
		// Deleting takes its time: it may be in use by now, or another run's.
		if info, err := os.Stat(m.dir); err != nil || info.ModTime().After(unusedSince) {
			continue
		}
		if err := removeMirror(m.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("make room: %w", err))
		}
	}
	return failed
}
