package cdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stored is one tree of the cache.
type stored struct {
	key   string
	bytes int64
	used  time.Time
}

// evict removes the least recently used trees until the cache keeps its
// bound, and what killed runs left. It spares the key kept and every tree
// that another run has locked.
func (c Cache) evict(kept string) error {
	// Earlier versions had Node.js keep compiled code here, without a bound.
	if err := os.RemoveAll(c.sub("compiled")); err != nil {
		return fmt.Errorf("remove compiled code: %w", err)
	}
	trees, err := c.stored()
	if err != nil {
		return err
	}
	var total int64
	for _, tree := range trees {
		total += tree.bytes
	}
	for _, tree := range trees {
		if total <= c.maxBytes() {
			break
		}
		if tree.key == kept {
			continue
		}
		gone, err := c.remove(tree.key)
		if err != nil {
			return err
		}
		if gone {
			total -= tree.bytes
		}
	}
	return c.sweepAll(kept)
}

// stored lists the trees of the cache, least recently used first.
func (c Cache) stored() ([]stored, error) {
	found, err := filepath.Glob(c.sub("dependencies", "*", inventoryFile))
	if err != nil {
		return nil, err
	}
	var trees []stored
	for _, path := range found {
		key := filepath.Base(filepath.Dir(path))
		if strings.HasPrefix(key, ".") {
			continue
		}
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at cached dependencies: %w", err)
		}
		tree := stored{key: key, used: info.ModTime()}
		// One that cannot be read is of no use: it goes first.
		if inv, err := readInventory(path); err == nil {
			tree.bytes = inv.Bytes
		} else {
			tree.used = time.Time{}
		}
		trees = append(trees, tree)
	}
	slices.SortFunc(trees, func(a, b stored) int { return a.used.Compare(b.used) })
	return trees, nil
}

// remove removes a tree and its lock unless another run has it locked.
func (c Cache) remove(key string) (gone bool, err error) {
	release, err := c.tryLock(key, syscall.LOCK_EX)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer release()
	if err := c.discard(key); err != nil {
		return false, err
	}
	return true, os.Remove(c.entry(key) + ".lock")
}

// sweepAll removes what killed fills left, of keys that no run has locked.
func (c Cache) sweepAll(kept string) error {
	left, err := filepath.Glob(c.sub("dependencies", tempPrefix("*")+"*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		key, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), ".filling-"), "-")
		if key == kept {
			continue
		}
		release, err := c.tryLock(key, syscall.LOCK_EX)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return err
		}
		err = c.sweep(key)
		release()
		if err != nil {
			return err
		}
	}
	return nil
}
