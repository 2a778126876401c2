package executor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/space"
)

// minInodes is how many files there must be room for: dependencies are many.
const minInodes = 50_000

// reclaimAgain is how long caches that did not hold enough are left alone.
const reclaimAgain = 30 * time.Minute

// checkSpace says whether there is room for one more run.
func (l *Local) checkSpace() error {
	free, err := space.Of(l.o.Data)
	if err != nil {
		return err
	}
	if needed := uint64(max(l.o.MinFree, 0)); free.Bytes < needed {
		return ErrNoSpace.New("not enough disk space for a run: %d MiB are free under %s and %d MiB are needed, and the caches hold no more; enlarge the operator's volume", free.Bytes>>20, l.o.Data, needed>>20)
	}
	if free.Bounded && free.Files < minInodes {
		return ErrNoSpace.New("not enough disk space for a run: room for %d files is left under %s and %d are needed, and the caches hold no more; enlarge the operator's volume", free.Files, l.o.Data, minInodes)
	}
	return nil
}

// makesRoom says whether runs had better wait for room that the caches may
// hold, and has that made. The caller holds the lock.
func (l *Local) makesRoom() bool {
	switch {
	case l.reclaiming:
		return true
	case l.o.Now().Before(l.reclaimNot) && (l.reclaimedIdle || l.busy() > 0), !l.data().Holds():
		return false
	}
	l.reclaiming = true
	idle := l.busy() == 0
	l.background.Go(func() { l.makeRoom(idle) })
	return true
}

// makeRoom deletes what can be had again until there is room for some runs, and
// lets those that wait have their turn: none is started meanwhile.
func (l *Local) makeRoom(idle bool) {
	enough := func() bool {
		free, err := space.Of(l.o.Data)
		return err != nil || l.isClosing() || free.Bytes >= 2*uint64(max(l.o.MinFree, 0)) && (!free.Bounded || free.Files >= 2*minInodes)
	}
	// What cannot be deleted is deleted some other time, or told as no room.
	l.deleting.Lock() // and what is being deleted already counts
	_ = l.data().Reclaim(l.o.Now(), idle, enough)
	l.deleting.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reclaiming = false
	if l.checkSpace() != nil {
		// When no run goes on any more, there is more to be had.
		l.reclaimNot, l.reclaimedIdle = l.o.Now().Add(reclaimAgain), idle
	}
	l.next()
}

func (l *Local) isClosing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// discard moves a folder out of the way at once and deletes it later, since
// a workspace holds tens of thousands of files.
func (l *Local) discard(path string) error {
	doomed, err := os.MkdirTemp(l.trash(), "")
	if err != nil {
		return fmt.Errorf("make room to delete %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(path, filepath.Join(doomed, "old")); err != nil {
		_ = os.Remove(doomed)
		if _, gone := os.Lstat(path); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("delete %s: %w", filepath.Base(path), err)
	}
	l.deleteInBackground(doomed)
	return nil
}

// discardScratch deletes what nobody needs once a run is done.
func (l *Local) discardScratch(dir run.Dir) {
	for _, path := range dir.Scratch() {
		// What cannot be deleted now is deleted with the run.
		_ = l.discard(path)
	}
}

func (l *Local) data() space.Data { return space.Data(l.o.Data) }

func (l *Local) trash() string { return l.data().Trash() }

// deleteInBackground deletes a folder in the background, one at a time.
func (l *Local) deleteInBackground(path string) {
	l.background.Go(func() {
		l.deleting.Lock()
		defer l.deleting.Unlock()
		if l.isClosing() {
			return // the next manager does it
		}
		// What is left over is tried again when the manager starts.
		_ = space.RemoveAll(path)
	})
}
