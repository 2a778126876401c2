package proc

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxRounds bounds how often a sweep looks again for processes that were
// born while it killed.
const maxRounds = 100

// all reads the state of every process that can be seen.
func all() map[int]stat {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	found := make(map[int]stat, len(entries))
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil {
			found[pid] = s
		}
	}
	return found
}

// descendants returns the live processes below root, without root.
func descendants(root int) map[int]stat {
	processes := all()
	children := make(map[int][]int, len(processes))
	for pid, s := range processes {
		children[s.parent] = append(children[s.parent], pid)
	}
	found := make(map[int]stat)
	for queue := slices.Clone(children[root]); len(queue) > 0; queue = queue[1:] {
		pid := queue[0]
		if _, seen := found[pid]; seen {
			continue
		}
		found[pid] = processes[pid]
		queue = append(queue, children[pid]...)
	}
	maps.DeleteFunc(found, func(_ int, s stat) bool { return s.ended() })
	return found
}

// Memory returns the resident memory, in bytes, of a process and all below
// it. Pages that they share are counted once for each, so it is an upper bound.
func Memory(root int) int64 {
	pages := int64(0)
	for _, s := range descendants(root) {
		pages += s.rss
	}
	if s, err := readStat(root); err == nil {
		pages += s.rss
	}
	return pages * int64(os.Getpagesize())
}

// KillDescendants kills all processes below the calling one and reaps them.
// The caller must be a subreaper (so that none has escaped upwards) and must
// have waited for the commands that it waits for.
func KillDescendants() error {
	for range maxRounds {
		living := descendants(os.Getpid())
		if len(living) == 0 {
			reapAll()
			return nil
		}
		kill(living)
		reapAll()
	}
	return fmt.Errorf("processes of the run are still alive after %d attempts to kill them", maxRounds)
}

// reapAll takes leave of every child that has ended.
func reapAll() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

// KillMarked kills every process whose environment holds the entry
// (NAME=VALUE) and returns how many it killed. Those that thereby become, or
// already were, children of the caller are reaped. It finds processes that
// left their parent and their group; one that also cleared its environment
// is found only while its parent lives.
func KillMarked(entry string) int {
	killed := make(map[int]bool)
	for range maxRounds {
		living := marked(entry)
		if len(living) == 0 {
			break
		}
		kill(living)
		for pid := range living {
			killed[pid] = true
		}
		reap(killed)
	}
	reap(killed)
	return len(killed)
}

// KillBelow kills every process below root, but not root.
func KillBelow(root ID) {
	for range maxRounds {
		if !root.Alive() {
			return
		}
		living := descendants(root.PID)
		if len(living) == 0 {
			return
		}
		kill(living)
	}
}

// KillTree kills a process and all below it. It is os.ErrProcessDone when there
// is no such process, as the Cancel of an exec.Cmd wants it.
func KillTree(pid int) error {
	root, err := Find(pid)
	if errors.Is(err, ErrGone) {
		return os.ErrProcessDone
	}
	if err != nil {
		return err
	}
	// What stands still starts nothing new.
	_ = root.Signal(unix.SIGSTOP)
	KillBelow(root)
	if err := root.Signal(unix.SIGKILL); !errors.Is(err, ErrGone) {
		return err
	}
	return os.ErrProcessDone
}

func marked(entry string) map[int]stat {
	found := make(map[int]stat)
	for pid, s := range all() {
		if pid == os.Getpid() || s.ended() {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err != nil {
			continue
		}
		if slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(e []byte) bool { return string(e) == entry }) {
			found[pid] = s
		}
	}
	return found
}

// kill kills processes that were found.
func kill(processes map[int]stat) {
	ids := make([]ID, 0, len(processes))
	for pid, s := range processes {
		ids = append(ids, ID{PID: pid, Start: s.start})
	}
	Kill(ids)
}

// Kill kills processes and waits a moment for each to end. It stops all
// before it kills any, so that a survivor cannot start more meanwhile.
func Kill(ids []ID) {
	for _, sig := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
		for _, id := range ids {
			_ = id.Signal(sig)
		}
	}
	for _, id := range ids {
		id.awaitEnd()
	}
}

// reap takes leave of those of the processes that are zombies of the caller.
func reap(pids map[int]bool) {
	for pid := range pids {
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// Adopt makes the calling process the parent of every orphan below it, so
// that whatever a run starts stays findable until the run ends.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	return nil
}

// Hide keeps other processes of the same user, which user code is, from
// reading this one's memory and environment (PR_SET_DUMPABLE, prctl(2)). It
// does not hold against root.
func Hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide the process's memory: %w", err)
	}
	return nil
}
