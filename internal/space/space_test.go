package space_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/space"
)

// now is after everything that a test makes.
func now() time.Time { return time.Now().Add(time.Minute) }

// held is a data folder with something of everything that can be had again.
func held(t *testing.T) (space.Data, func(path string) bool) {
	t.Helper()
	root := t.TempDir()
	for _, path := range []string{
		"trash/1/old/file", "npm-cache/_cacache/file", "deps/npm/file", "deps/pnpm/file", "deps/yarn/file",
		"deps/dependencies/old/inventory", "deps/dependencies/new/inventory", "deps/dependencies/used/inventory",
		"mirrors/old/lock", "mirrors/new/lock", "mirrors/used/lock", "mirrors/key", "runs/one/workspace/file",
	} {
		full := filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for path, age := range map[string]time.Duration{
		"deps/dependencies/old/inventory": 3 * time.Hour, "mirrors/old": 72 * time.Hour, "mirrors/used": 72 * time.Hour,
	} {
		at := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(root, path), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, lock := range []string{"deps/dependencies/used.lock", "mirrors/used/lock"} {
		f, err := os.OpenFile(filepath.Join(root, lock), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			t.Fatal(err)
		}
	}
	return space.Data(root), func(path string) bool {
		_, err := os.Stat(filepath.Join(root, path))
		return !errors.Is(err, fs.ErrNotExist)
	}
}

func TestWhatRunsMayBeUsingIsSpared(t *testing.T) {
	for name, c := range map[string]struct {
		idle         bool
		gone, spared []string
	}{
		"while there are runs": {
			gone: []string{"trash/1", "mirrors/old", "deps/dependencies/old", "deps/dependencies/new"},
			spared: []string{"npm-cache/_cacache", "deps/npm", "deps/pnpm", "deps/yarn", "mirrors/new", "mirrors/used", "mirrors/key",
				"deps/dependencies/used", "runs/one/workspace/file"},
		},
		"while there are none": {
			idle: true,
			gone: []string{"trash/1", "npm-cache/_cacache", "deps/npm", "deps/pnpm", "deps/yarn", "mirrors/old", "mirrors/new",
				"deps/dependencies/old", "deps/dependencies/new"},
			// A process that no executor knows may have them locked.
			spared: []string{"mirrors/used", "mirrors/key", "deps/dependencies/used", "runs/one/workspace/file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			data, exists := held(t)
			if err := data.Reclaim(now(), c.idle, func() bool { return false }); err != nil {
				t.Fatal(err)
			}
			for _, path := range c.gone {
				if exists(path) {
					t.Errorf("%s is still there", path)
				}
			}
			for _, path := range c.spared {
				if !exists(path) {
					t.Errorf("%s is gone", path)
				}
			}
		})
	}
}

func TestNoMoreIsDeletedThanIsNeeded(t *testing.T) {
	data, exists := held(t)
	if err := data.Reclaim(now(), true, func() bool { return !exists("mirrors/old") }); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"mirrors/new", "deps/dependencies/old"} {
		if !exists(path) {
			t.Errorf("%s is gone, although an older mirror made room enough", path)
		}
	}
	data, exists = held(t)
	if err := data.Reclaim(now(), true, func() bool { return !exists("trash/1") }); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"npm-cache/_cacache", "mirrors/old", "deps/dependencies/old"} {
		if !exists(path) {
			t.Errorf("%s is gone, although the trash made room enough", path)
		}
	}
}
