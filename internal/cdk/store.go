package cdk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// defaultMaxBytes bounds the dependency trees of a cache that names no bound.
const defaultMaxBytes = 10 << 30

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 50 * time.Millisecond

// Cache is a folder that the runs on one machine share: dependency trees, the
// package managers' own caches, and what was found right before. It may be
// deleted at any time when no run is going on. Dir "" caches nothing.
//
// A tree is filled in a folder of another name and renamed, under an
// exclusive lock of its key: a reader sees all of it or nothing, and two runs
// that miss the same key install once. Locks are flock(2), so they end with
// their process.
type Cache struct {
	// Dir is absolute.
	Dir string
	// MaxBytes bounds the dependency trees together; 0 is 10 GiB. The least
	// recently used go first, never one in use.
	MaxBytes int64
}

var (
	errMissing  = errors.New("not in the cache")
	errTampered = errors.New("the cached dependencies were changed after they were stored")
)

func (c Cache) sub(elem ...string) string {
	return filepath.Join(append([]string{c.Dir}, elem...)...)
}

func (c Cache) entry(key string) string { return c.sub("dependencies", key) }

func (c Cache) maxBytes() int64 {
	if c.MaxBytes > 0 {
		return c.MaxBytes
	}
	return defaultMaxBytes
}

// lock takes the lock of a key, waiting for it until the context ends, and
// returns what releases it.
func (c Cache) lock(ctx context.Context, key string, how int) (release func(), err error) {
	for {
		release, err := c.tryLock(key, how)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the dependency cache: %w", context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}
}

// tryLock takes the lock of a key, or returns EWOULDBLOCK at once.
func (c Cache) tryLock(key string, how int) (release func(), err error) {
	path := c.entry(key) + ".lock"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the dependency cache: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the dependency cache's lock: %w", err)
	}
	if err := flock(f, how|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock the dependency cache: %w", err)
	}
	// A lock file that was evicted meanwhile locks nothing.
	if !same(f, path) {
		_ = f.Close()
		return nil, fmt.Errorf("lock the dependency cache: %w", syscall.EWOULDBLOCK)
	}
	return func() { _ = f.Close() }, nil
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func same(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// restore puts the trees of a key into dest, by hard links where it can, and
// notes the use. It is errMissing or errTampered when it cannot be trusted;
// dest may then have a part of it. The key must be locked.
func (c Cache) restore(p Project, key, dest string, now time.Time) error {
	entry := c.entry(key)
	inv, err := readInventory(filepath.Join(entry, inventoryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return errMissing
	}
	if err != nil {
		return errors.Join(errTampered, err)
	}
	if err := clearTrees(p, dest, inv.Trees); err != nil {
		return err
	}
	if err := inv.copy(filepath.Join(entry, "tree"), dest, true); err != nil {
		return err
	}
	_ = os.Chtimes(filepath.Join(entry, inventoryFile), now, now)
	return nil
}

// fill stores the trees of an install under a key, all or nothing. The key
// must be locked exclusively.
func (c Cache) fill(key, src string, trees []string, now time.Time) error {
	if err := c.sweep(key); err != nil {
		return err
	}
	inv, err := takeInventory(src, trees)
	if err != nil {
		return fmt.Errorf("list the dependencies: %w", err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(c.entry(key)), tempPrefix(key))
	if err != nil {
		return fmt.Errorf("make a place in the dependency cache: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := inv.copy(src, filepath.Join(temp, "tree"), false); err != nil {
		return fmt.Errorf("store the dependencies: %w", err)
	}
	path := filepath.Join(temp, inventoryFile)
	if err := inv.write(path); err != nil {
		return fmt.Errorf("store the dependencies' list: %w", err)
	}
	if err := os.Chtimes(path, now, now); err != nil {
		return fmt.Errorf("date the dependencies: %w", err)
	}
	return os.Rename(temp, c.entry(key))
}

func tempPrefix(key string) string { return ".filling-" + key + "-" }

// sweep removes what a killed fill or discard of a key left. The key must be
// locked exclusively.
func (c Cache) sweep(key string) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(c.entry(key)), tempPrefix(key)+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clear an unfinished fill: %w", err)
		}
	}
	return nil
}

// discard removes the trees of a key. The key must be locked exclusively.
func (c Cache) discard(key string) error {
	doomed := filepath.Join(filepath.Dir(c.entry(key)), tempPrefix(key)+"discarded")
	err := os.Rename(c.entry(key), doomed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("discard cached dependencies: %w", err)
	}
	return os.RemoveAll(doomed)
}

// clearTrees removes node_modules folders of a checkout, and refuses a path
// that leads out of it through a link.
func clearTrees(p Project, dest string, trees []string) error {
	root, err := filepath.EvalSymlinks(p.Root)
	if err != nil {
		return fmt.Errorf("look at the checkout: %w", err)
	}
	for _, tree := range trees {
		parent, err := filepath.EvalSymlinks(filepath.Dir(filepath.Join(dest, tree)))
		if err != nil || !filepath.IsLocal(tree) || !inside(root, parent) {
			return stalls(ErrInvalidProjectPath, "The folder of %q leads out of the repository through a symbolic link.", tree)
		}
		if err := os.RemoveAll(filepath.Join(dest, tree)); err != nil {
			return fmt.Errorf("clear %s: %w", tree, err)
		}
	}
	return nil
}
