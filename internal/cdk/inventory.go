package cdk

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// inventoryFile is the list of a tree, beside it; its time is the last use.
const inventoryFile = "inventory"

// inventory lists what a cached tree consists of, as it was when it was
// stored. Checkouts share the cache's files by hard links, so a project that
// changes a file in place changes it for all: the size and time recorded here
// give that away.
type inventory struct {
	// Trees are the node_modules folders, relative to the install's folder.
	Trees []string
	Bytes int64
	// Dirs has parents before children.
	Dirs  []string
	Files []fileRecord
	Links []linkRecord
}

type fileRecord struct {
	Path string
	Size int64
	// ModTime is in nanoseconds since 1970.
	ModTime int64
	Mode    fs.FileMode
}

type linkRecord struct{ Path, Target string }

// errForeign is a tree with something that is of no use in another checkout.
var errForeign = errors.New("not a plain tree")

// takeInventory lists the trees below root, several folders at a time.
func takeInventory(root string, trees []string) (*inventory, error) {
	inv := &inventory{Trees: trees}
	level := slices.Clone(trees)
	for len(level) > 0 {
		inv.Dirs = append(inv.Dirs, level...)
		var mu sync.Mutex
		var next []string
		err := parallel(len(level), func(i int) error {
			found, err := listDir(root, level[i])
			mu.Lock()
			defer mu.Unlock()
			inv.Files = append(inv.Files, found.Files...)
			inv.Links = append(inv.Links, found.Links...)
			next = append(next, found.Dirs...)
			return err
		})
		if err != nil {
			return nil, err
		}
		slices.Sort(next)
		level = next
	}
	slices.SortFunc(inv.Files, func(a, b fileRecord) int { return strings.Compare(a.Path, b.Path) })
	for _, file := range inv.Files {
		inv.Bytes += file.Size
	}
	return inv, nil
}

// listDir lists one folder.
func listDir(root, rel string) (inventory, error) {
	var inv inventory
	entries, err := os.ReadDir(filepath.Join(root, rel))
	if err != nil {
		return inv, err
	}
	for _, entry := range entries {
		path := rel + "/" + entry.Name()
		switch {
		case entry.IsDir():
			inv.Dirs = append(inv.Dirs, path)
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(filepath.Join(root, path))
			if err != nil {
				return inv, err
			}
			if filepath.IsAbs(target) {
				return inv, fmt.Errorf("%w: %s is an absolute link", errForeign, path)
			}
			inv.Links = append(inv.Links, linkRecord{path, target})
		case entry.Type().IsRegular():
			info, err := entry.Info()
			if err != nil {
				return inv, err
			}
			inv.Files = append(inv.Files, fileRecord{path, info.Size(), info.ModTime().UnixNano(), info.Mode().Perm()})
		default:
			return inv, fmt.Errorf("%w: %s is no file", errForeign, path)
		}
	}
	return inv, nil
}

// copy makes the trees of src in dest by hard links; where those are not
// possible (another device, too many links) by copies, which share their
// blocks on file systems that can. With verify, a file that is not as it was
// recorded makes it errTampered.
func (inv *inventory) copy(src, dest string, verify bool) error {
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return err
	}
	for _, dir := range inv.Dirs {
		// A workspace's folder exists in a checkout, not yet in the cache.
		if err := os.Mkdir(filepath.Join(dest, dir), 0o755); errors.Is(err, fs.ErrNotExist) {
			err = os.MkdirAll(filepath.Join(dest, dir), 0o755)
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	err := parallel(len(inv.Files), func(i int) error {
		file := inv.Files[i]
		from := filepath.Join(src, file.Path)
		if verify && !file.unchanged(from) {
			return fmt.Errorf("%w: %s", errTampered, file.Path)
		}
		return linkOrCopy(from, filepath.Join(dest, file.Path), file)
	})
	if err != nil {
		return err
	}
	for _, link := range inv.Links {
		if err := os.Symlink(link.Target, filepath.Join(dest, link.Path)); err != nil {
			return err
		}
	}
	return nil
}

// unchanged tells whether the file is as it was recorded.
func (r fileRecord) unchanged(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == r.Size &&
		info.ModTime().UnixNano() == r.ModTime && info.Mode().Perm() == r.Mode
}

func linkOrCopy(from, to string, file fileRecord) error {
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EXDEV) && !errors.Is(err, syscall.EMLINK) && !errors.Is(err, syscall.EPERM) {
		return err
	}
	return copyFile(from, to, file)
}

// copyFile copies content, permissions and time.
func copyFile(from, to string, file fileRecord) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, file.Mode|0o200)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	if err := os.Chmod(to, file.Mode); err != nil {
		return err
	}
	stamp := time.Unix(0, file.ModTime)
	return os.Chtimes(to, stamp, stamp)
}

// write stores the inventory. It is not synced to the disk, which would wait
// for everything else that is being written: after a crash of the machine, a
// list that is torn or a file whose size is not the recorded one is found at
// the restore, and the tree is installed again.
func (inv *inventory) write(path string) error {
	var content bytes.Buffer
	if err := gob.NewEncoder(&content).Encode(inv); err != nil {
		return err
	}
	return os.WriteFile(path, content.Bytes(), 0o644)
}

func readInventory(path string) (*inventory, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	inv := new(inventory)
	if err := gob.NewDecoder(bytes.NewReader(content)).Decode(inv); err != nil {
		return nil, fmt.Errorf("read the dependencies' list: %w", err)
	}
	for _, file := range inv.Files {
		if !filepath.IsLocal(file.Path) {
			return nil, fmt.Errorf("read the dependencies' list: %q leads out of it", file.Path)
		}
	}
	return inv, nil
}

// parallel calls do for 0 to n-1 on a few goroutines and returns the first
// error, after which no more calls are begun.
func parallel(n int, do func(i int) error) error {
	const chunk = 64
	var mu sync.Mutex
	var first error
	next := 0
	take := func() (from, to int) {
		mu.Lock()
		defer mu.Unlock()
		if first != nil {
			return n, n
		}
		from, next = next, min(next+chunk, n)
		return from, next
	}
	var wg sync.WaitGroup
	for range min(2*runtime.GOMAXPROCS(0), 8) {
		wg.Go(func() {
			for from, to := take(); from < n; from, to = take() {
				for i := from; i < to; i++ {
					if err := do(i); err != nil {
						mu.Lock()
						first = cmpErr(first, err)
						mu.Unlock()
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return first
}

func cmpErr(first, err error) error {
	if first != nil {
		return first
	}
	return err
}
