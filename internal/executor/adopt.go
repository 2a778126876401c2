package executor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// A manager that was killed lets go of its folder when its process is gone: the
// next one waits for that, a hundred times this long.
const ownershipPoll = 50 * time.Millisecond

// own makes the data folder and takes possession of it.
func (l *Local) own() error {
	if err := os.MkdirAll(l.o.Data, 0o700); err != nil {
		if target, linkErr := os.Readlink(l.o.Data); linkErr == nil {
			return fmt.Errorf("the data folder %s is a symbolic link to %s, which is no folder: create that folder, or mount its volume", l.o.Data, target)
		}
		return fmt.Errorf("create the data folder: %w", err)
	}
	// What runs compare paths with must be where they really are.
	real, err := filepath.EvalSymlinks(l.o.Data)
	if err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	l.o.Data = real
	for _, dir := range []string{l.runsFolder(), l.trash()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("create the data folder: %w", err)
		}
	}
	file, err := os.OpenFile(filepath.Join(l.o.Data, "manager.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the data folder: %w", err)
	}
	for range 100 {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		time.Sleep(ownershipPoll)
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = fmt.Errorf("%w: %s", ErrInUse, l.o.Data)
	case err != nil:
		err = fmt.Errorf("lock the data folder: %w", err)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.owned = file
	return nil
}

// adopt takes over what an earlier manager left behind.
func (l *Local) adopt() error {
	if err := l.sweepTrash(); err != nil {
		return err
	}
	names, err := l.onDisk()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := l.adoptRun(l.newRun(name)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Local) sweepTrash() error {
	entries, err := os.ReadDir(l.trash())
	if err != nil {
		return fmt.Errorf("look at what is to be deleted: %w", err)
	}
	for _, e := range entries {
		l.deleteInBackground(l.trash() + "/" + e.Name())
	}
	return nil
}

func (l *Local) adoptRun(r *task) error {
	living, err := alive(r.dir)
	if err != nil {
		return err
	}
	var rec record
	// Without a record there is no deadline of ours; the run has its own.
	_ = run.ReadJSON(recordFile(r.dir), &rec)
	r.cgroup = rec.Cgroup
	if living {
		r.request, _ = r.dir.ReadRequest()
		_ = run.ReadJSON(r.dir.Process(), &r.id)
		r.state, r.adopted, r.deadline = running, true, rec.Deadline
		r.log.skip()
		l.runs[r.name] = r
		return nil
	}
	r.sweep()
	r.cgroup.close()
	result, err := r.dir.ReadResult()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err == nil && result.Failure != nil && result.Failure.Reason == problem.Cancelled.Reason:
		// Nobody of ours cancels a run and keeps it: whoever stopped the manager
		// told its runs to stop, too. It is started again.
		return l.discard(string(r.dir))
	}
	l.discardScratch(r.dir)
	return nil
}
