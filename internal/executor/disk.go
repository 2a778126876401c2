package executor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/run"
)

// minInodes is how many files there must be room for: dependencies are many.
const minInodes = 50_000

// checkSpace says whether there is room for one more run.
func (l *Local) checkSpace() error {
	var s unix.Statfs_t
	if err := unix.Statfs(l.o.Data, &s); err != nil {
		return fmt.Errorf("look at the free space of %s: %w", l.o.Data, err)
	}
	free := s.Bavail * uint64(max(s.Bsize, 0))
	if needed := uint64(max(l.o.MinFree, 0)); free < needed {
		return ErrNoSpace.New("not enough disk space for a run: %d MiB are free under %s and %d MiB are needed; enlarge the operator's volume", free>>20, l.o.Data, needed>>20)
	}
	// Some file systems have no fixed number of inodes and say 0 of 0.
	if s.Files > 0 && s.Ffree < minInodes {
		return ErrNoSpace.New("not enough disk space for a run: room for %d files is left under %s and %d are needed; enlarge the operator's volume", s.Ffree, l.o.Data, minInodes)
	}
	return nil
}

// discard moves a folder out of the way at once and deletes it later, since
// a workspace holds tens of thousands of files.
func (l *Local) discard(path string) error {
	grave, err := os.MkdirTemp(l.trash(), "")
	if err != nil {
		return fmt.Errorf("make room to delete %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(path, filepath.Join(grave, "old")); err != nil {
		_ = os.Remove(grave)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("delete %s: %w", filepath.Base(path), err)
	}
	l.bury(grave)
	return nil
}

// discardScratch deletes what nobody needs once a run is done.
func (l *Local) discardScratch(dir run.Dir) {
	for _, path := range dir.Scratch() {
		// What cannot be deleted now is deleted with the run.
		_ = l.discard(path)
	}
}

func (l *Local) trash() string { return filepath.Join(l.o.Data, "trash") }

// bury deletes a folder in the background, one at a time.
func (l *Local) bury(path string) {
	l.background.Go(func() {
		l.digging.Lock()
		defer l.digging.Unlock()
		select {
		case <-l.closing:
			return // the next manager does it
		default:
		}
		// What is left over is tried again when the manager starts.
		_ = removeAll(path)
	})
}

// removeAll deletes a folder even when user code has taken away its own
// rights to it. Symbolic links are deleted, never followed.
func removeAll(path string) error {
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
