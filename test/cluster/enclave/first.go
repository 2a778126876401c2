package enclave

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// first is process 1 of the enclave: it prepares the namespaces, starts the inner process, and reaps
// whatever loses its parent until that one ends.
func first() (int, error) {
	for _, step := range []func() error{separateMounts, separateNetwork, settle} {
		if err := step(); err != nil {
			return 1, err
		}
	}
	cmd, err := as(roleInner, Dir(), os.Args[1:]...)
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1, fmt.Errorf("wait for the inner process: %w", err)
		case pid == cmd.Process.Pid && status.Exited():
			return status.ExitStatus(), nil
		case pid == cmd.Process.Pid:
			return 1, fmt.Errorf("the inner process ended by %s", status.Signal())
		}
	}
}

// separateMounts cuts the mounts off from the host's, then shares them among the enclave's processes, as
// a kubelet and a container runtime need it.
func separateMounts() error {
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE, ""},
		{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
		{"", "/", "", unix.MS_REC | unix.MS_SHARED, ""},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return nil
}

// separateNetwork brings up loopback and one interface that leads nowhere: it is connected to a second one
// that nobody reads. (Not every kernel has dummy interfaces.) A default route goes there, since several
// programs take their own address from it.
func separateNetwork() error {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", "node0", "type", "veth", "peer", "name", "nowhere0"},
		{"address", "add", Address + "/24", "dev", "node0"},
		{"link", "set", "node0", "up"},
		{"link", "set", "nowhere0", "up"},
		{"route", "add", "default", "dev", "node0"},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
}

// settings are what a kubelet sets. They are the whole host's, so it is shown files that say so already.
var settings = map[string]int{
	"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
	"kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000,
}

// settle gives the enclave its name, and the kernel settings that it sees.
func settle() error {
	if err := unix.Sethostname([]byte("node")); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	folder := filepath.Join(Dir(), "sysctl")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, value := range settings {
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
			continue
		}
		file := filepath.Join(folder, strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(file, []byte(strconv.Itoa(value)+"\n"), 0o600); err != nil {
			return err
		}
		if err := unix.Mount(file, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cover %s: %w", target, err)
		}
	}
	return nil
}
