package executor_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/run"
)

// What the operator itself keeps on a volume keeps no run waiting for room.
func TestCachesMakeRoomForARun(t *testing.T) {
	for what, path := range map[string]string{
		"npm's cache":                         "npm-cache/_cacache/content",
		"pnpm's store":                        "deps/pnpm/v10/files",
		"a dependency tree":                   "deps/dependencies/0123456789abcdef/tree/node_modules/large",
		"a git mirror":                        "mirrors/0123456789abcdef/1/objects/pack",
		"what killed runs left to be deleted": "trash/123/old/file",
	} {
		t.Run(what, func(t *testing.T) {
			const held = 512 << 20
			data := t.TempDir()
			allocate(t, filepath.Join(data, path), held)
			if what == "a dependency tree" {
				touch(t, filepath.Join(data, "deps/dependencies/0123456789abcdef/inventory"))
			}
			var s unix.Statfs_t
			if err := unix.Statfs(data, &s); err != nil {
				t.Fatal(err)
			}
			l := newLocal(t, executor.LocalOptions{Data: data, MinFree: int64(s.Bavail)*s.Bsize + held/2})
			executortest.Eventually(t, "the run is done", func() bool {
				err := l.Start(t.Context(), "run-1", executortest.Request(executortest.Succeed), run.Secrets{})
				if err != nil && !errors.Is(err, executor.ErrNoSpace) {
					t.Fatalf("Start: %v", err)
				}
				return l.Observe(t.Context(), "run-1").State == decide.RunDone
			})
		})
	}
}

func TestCachesThatHoldTooLittleAreToldOfAndLeftAlone(t *testing.T) {
	data := t.TempDir()
	allocate(t, filepath.Join(data, "npm-cache", "old"), 1<<20)
	l := newLocal(t, executor.LocalOptions{Data: data, MinFree: 1 << 60})
	begin := func() error {
		return l.Start(t.Context(), "run-1", executortest.Request(executortest.Succeed), run.Secrets{})
	}
	executortest.Eventually(t, "the run is refused", func() bool {
		err := begin()
		if err != nil && !errors.Is(err, executor.ErrNoSpace) {
			t.Fatalf("Start: %v", err)
		}
		return err != nil
	})
	allocate(t, filepath.Join(data, "npm-cache", "new"), 1<<20)
	for range 10 {
		if err := begin(); !errors.Is(err, executor.ErrNoSpace) {
			t.Fatalf("Start = %v, want ErrNoSpace", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := os.Stat(filepath.Join(data, "npm-cache", "new")); err != nil {
		t.Errorf("a cache that cannot make enough room is emptied all the time: %v", err)
	}
}

// allocate makes a file of that size, with its folder.
func allocate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		t.Skipf("this file system cannot allocate: %v", err)
	}
}
