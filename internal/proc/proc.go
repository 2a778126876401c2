// Package proc finds and ends processes on Linux without ever mistaking one
// for another: a process is its id and its start time, and signals go through
// a file descriptor that was checked to be that process.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ID names one process for ever: process ids are used again, but never with
// the same start time (clock ticks since boot, proc(5) /proc/pid/stat field 22).
type ID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// ErrGone is a process that has ended, or is another than was meant.
var ErrGone = errors.New("the process has ended")

// Find names the process that has the id now. It is ErrGone when there is
// none; a zombie counts as gone.
func Find(pid int) (ID, error) {
	s, err := readStat(pid)
	if err != nil {
		return ID{}, err
	}
	if s.ended() {
		return ID{}, ErrGone
	}
	return ID{PID: pid, Start: s.start}, nil
}

// Self is the calling process.
func Self() (ID, error) { return Find(os.Getpid()) }

// Alive reports whether the process still runs.
func (p ID) Alive() bool {
	now, err := Find(p.PID)
	return err == nil && now == p
}

// Signal sends a signal to exactly this process, or returns ErrGone.
func (p ID) Signal(sig unix.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	// The descriptor is fixed to one process by now: if that one has the
	// start time that we know, it is ours and stays ours.
	if !p.Alive() {
		return ErrGone
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		if errors.Is(err, unix.ESRCH) {
			return ErrGone
		}
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// awaitEnd waits a moment, at most 100 ms, for a killed process to end.
func (p ID) awaitEnd() {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if p.Alive() {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
	}
}

// SignalGroup sends a signal to the process group that this process leads,
// or returns ErrGone when the leader has ended: the group's id may then be
// another's.
func (p ID) SignalGroup(sig unix.Signal) error {
	if !p.Alive() {
		return ErrGone
	}
	if err := unix.Kill(-p.PID, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process group %d: %w", p.PID, err)
	}
	return nil
}

type stat struct {
	state   byte
	parent  int
	threads int
	start   uint64
	rss     int64 // pages
}

// ended reports whether nothing of the process runs any more. The state is
// the first thread's: while others go on, so does the process.
func (s stat) ended() bool { return (s.state == 'Z' || s.state == 'X') && s.threads <= 1 }

// readStat reads /proc/pid/stat. The command's name stands in parentheses and
// may hold anything, so fields are counted from the last one.
func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return stat{}, ErrGone
	}
	if err != nil {
		return stat{}, fmt.Errorf("read the state of process %d: %w", pid, err)
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 22 {
		return stat{}, fmt.Errorf("read the state of process %d: %d fields", pid, len(fields))
	}
	s := stat{state: fields[0][0]}
	s.parent, _ = strconv.Atoi(fields[1])
	s.threads, _ = strconv.Atoi(fields[17])
	if s.start, err = strconv.ParseUint(fields[19], 10, 64); err != nil {
		return stat{}, fmt.Errorf("read the start of process %d: %w", pid, err)
	}
	s.rss, _ = strconv.ParseInt(fields[21], 10, 64)
	return s, nil
}
