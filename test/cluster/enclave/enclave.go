// Package enclave runs a test binary in Linux namespaces of its own: processes, mounts, network, host
// name. A whole Kubernetes node can live there, as root, and nothing of it reaches the host: nobody
// outside can connect to it, its mounts and kernel settings are seen by it alone, and when its first
// process ends, however that comes, the kernel ends all others and takes down mounts and network with
// them. What the kernel leaves, control groups and a folder, the process outside removes; after a
// SIGKILL of that, the next one to start does.
//
// The same binary plays three roles. The outer one was started by somebody; it makes the namespaces and
// starts the first process in them, which prepares them, starts the inner one, and reaps orphans. The
// inner one runs the tests.
package enclave

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Address is the enclave's own, on an interface that leads nowhere. The network is one that RFC 2544
// sets aside for tests.
const Address = "198.18.0.1"

// roleVariable says which role this process plays, dirVariable where the enclave's folder is.
const (
	roleVariable = "AWSCDK_ENCLAVE_ROLE"
	dirVariable  = "AWSCDK_ENCLAVE_DIR"
	roleFirst    = "first"
	roleInner    = "inner"
	roleProbe    = "probe"
)

// Outside is work of the outer process, which sees the host's network: it serves on Unix sockets in the
// enclave's folder, where the inner one finds them. Stop ends it.
type Outside func(dir string) (stop func(), err error)

// Main makes an enclave around run and returns the exit code for the process.
func Main(outside Outside, run func() int) int {
	var (
		code int
		err  error
	)
	switch os.Getenv(roleVariable) {
	case roleFirst:
		code, err = first()
	case roleInner:
		return run()
	default:
		code, err = outer(outside)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "enclave:", err)
		return max(code, 1)
	}
	return code
}

// Dir is the folder of the enclave that this process is in: on a disk, and removed at the end.
func Dir() string { return os.Getenv(dirVariable) }

// Cgroup is the control group of the enclave, by its path below the root of every hierarchy.
func Cgroup() string { return "/" + cgroupName(Dir()) }

func cgroupName(dir string) string { return "awscdk-enclave-" + filepath.Base(dir) }

// ip runs iproute2's ip.
func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// as prepares this binary to be started again in another role.
func as(role, dir string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd, nil
}

// exitCode is the code of a process that was waited for, or the error if it did not run.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}
