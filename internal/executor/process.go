package executor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/regular"
	"awscdk.dev/operator/internal/run"
)

// record is what the executor notes of a run before it starts the process,
// for the manager that may have to take the run over.
type record struct {
	// Attempt counts the times that this run was started: it is more than 1
	// only when earlier ones had begun their work and vanished without a result.
	Attempt int `json:"attempt"`
	// Cgroup is the run's control group.
	Cgroup cgroup `json:"box,omitempty"`
	// Deadline is when the run should have ended by itself; zero is never.
	Deadline time.Time `json:"deadline"`
}

// recordFile is the record's place in the run's folder.
func recordFile(dir run.Dir) string { return string(dir) + "/start.json" }

// fork starts the process of a run in its prepared folder.
//
// The process inherits the locked lock file, and the kernel unlocks it when
// the process ends, however it ends: whether a run lives can be told by the
// lock at any time, by any manager, with no process id to be mistaken about.
func (l *Local) fork(dir run.Dir, b cgroup, secrets run.Secrets) (*exec.Cmd, error) {
	lock, err := os.OpenFile(dir.Lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the run's lock: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("lock the run's folder: %w", err)
	}
	stderr, err := os.OpenFile(dir.Stderr(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the run's standard error: %w", err)
	}
	defer stderr.Close()
	own := len(secrets.AWS) > 0
	args := append(append([]string(nil), l.o.Command[1:]...), "run", "--dir", string(dir), "--data", l.o.Data)
	cmd := exec.Command(l.o.Command[0], args...) //nolint:noctx // a run outlives every context of its manager
	cmd.Dir = string(dir)
	cmd.Env = l.environ(dir, own)
	cmd.Stdout, cmd.Stderr = stderr, stderr
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := startGrouped(cmd, b, l.withIdentity(secrets)); err != nil {
		return nil, err
	}
	return cmd, nil
}

// startGrouped starts a process that holds its secrets and waits at the gate until
// it is in its cgroup: nothing escapes the cgroup. When this manager is killed before
// that, the gate opens all the same.
func startGrouped(cmd *exec.Cmd, b cgroup, secrets run.Secrets) error {
	input, err := sealed(secrets)
	if err != nil {
		return err
	}
	defer input.Close()
	theirs, ours, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the run's gate: %w", err)
	}
	defer ours.Close()
	defer theirs.Close()
	cmd.Stdin = input
	cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the run's process: %w", err)
	}
	// Without its cgroup a run is bounded by its own watch on its memory.
	_ = b.put(cmd.Process.Pid)
	return nil
}

// alive tells by the lock whether a run's process lives.
func alive(dir run.Dir) (bool, error) {
	lock, err := regular.Open(dir.Lock())
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, regular.ErrNotRegular) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open the run's lock: %w", err)
	}
	defer lock.Close()
	// Shared, so that two who look at once do not take each other for a run.
	err = unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the run's lock: %w", err)
	}
	return false, nil
}
