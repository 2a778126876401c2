package enclave

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// root holds the folders of all enclaves. It is on a disk, since a container runtime's data goes there,
// and its name is short, since the names of Unix sockets are.
const root = "/var/tmp/awscdk-enclaves"

const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// outer makes an enclave, waits for its end and removes what is left of it.
func outer(outside Outside) (int, error) {
	// The first process dies with the thread that started it.
	runtime.LockOSThread()
	// Before anything is made: from here on a signal ends the enclave in good order.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	dir, err := claim()
	if err != nil {
		return 1, err
	}
	defer discard(dir)
	if err := makeCgroups(cgroupName(dir)); err != nil {
		return 1, err
	}
	stop, err := outside(dir)
	if err != nil {
		return 1, err
	}
	defer stop()
	return enter(dir, signals)
}

// enter starts the first process in new namespaces and waits for it.
func enter(dir string, signals <-chan os.Signal) (int, error) {
	cmd, err := as(roleFirst, dir, os.Args[1:]...)
	if err != nil {
		return 1, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("make namespaces: %w", err)
	}
	ended := make(chan struct{})
	go func() { err = cmd.Wait(); close(ended) }()
	select {
	case <-ended:
		return exitCode(err)
	case s := <-signals:
		// With the first process the kernel ends all that are in its namespace.
		_ = cmd.Process.Kill()
		<-ended
		return 1, fmt.Errorf("ended by a signal: %s", s)
	}
}

// claim makes the folder of a new enclave, after removing those whose owners are gone. An owner holds a
// lock on its folder as long as it lives.
func claim() (string, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", err
	}
	turn, err := lock(filepath.Join(root, ".lock"), 0)
	if err != nil {
		return "", err
	}
	defer turn.Close()
	if err := clearLeftovers(); err != nil {
		return "", err
	}
	dir := filepath.Join(root, strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	// It is never closed: the process's end releases it.
	_, err = lock(filepath.Join(dir, "lock"), unix.LOCK_NB)
	return dir, err
}

func clearLeftovers() error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(root, e.Name())
		held, err := lock(filepath.Join(dir, "lock"), unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "clearing up after process %s, which was killed\n", e.Name())
		discard(dir)
		_ = held.Close()
	}
	return nil
}

// lock takes the lock of a file; how is 0 to wait for it, or LOCK_NB.
func lock(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|how); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}

// discard removes what the kernel keeps of an enclave whose processes have ended.
func discard(dir string) {
	if err := removeCgroups(cgroupName(dir)); err != nil {
		fmt.Fprintln(os.Stderr, "enclave:", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "enclave:", err)
	}
}
