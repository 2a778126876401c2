package enclave

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Probe prints why there can be no enclave on this host, and returns an exit code. It has to be the whole
// of a program, which is started once more in namespaces to see what works there.
func Probe() int {
	check := possible
	if os.Getenv(roleVariable) == roleProbe {
		check = probe
	}
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// possible says why there can be no enclave on this host, by trying; nil if there can.
func possible() error {
	if os.Geteuid() != 0 {
		return errors.New("it needs root: a kubelet and a container runtime run in it")
	}
	name := "awscdk-enclave-probe-" + strconv.Itoa(os.Getpid())
	defer func() { _ = removeCgroups(name) }()
	if err := makeCgroups(name); err != nil {
		return err
	}
	cmd, err := as(roleProbe, "")
	if err != nil {
		return err
	}
	said := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(said.String())
		if text == "" {
			text = "namespaces cannot be made: " + err.Error()
		}
		return errors.New(text)
	}
	return nil
}

// probe tries what an enclave's network needs of the kernel, in namespaces that end with this process.
func probe() error {
	if err := separateMounts(); err != nil {
		return err
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return nil // It is yet to be installed.
	}
	if err := separateNetwork(); err != nil {
		return err
	}
	if err := ip("link", "add", "probe0", "type", "bridge"); err != nil {
		return err
	}
	if _, err := exec.LookPath("iptables"); err != nil {
		return nil // It is yet to be installed.
	}
	if out, err := exec.Command("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-m", "comment", "--comment", "probe",
		"-d", "192.0.2.1", "-j", "DNAT", "--to-destination", Address).CombinedOutput(); err != nil {
		return fmt.Errorf("iptables: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
