package kube

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/test/cluster/enclave"
)

// LoseNode ends everything on the node at once, as a power failure does: the kubelet, the container
// runtime, every process of every pod. The control plane stays.
func (c *Cluster) LoseNode() error {
	for _, name := range []string{"kubelet", "containerd"} {
		c.processes[name].kill()
	}
	// Shims first: they would tell of the end of what they look after.
	shims, err := processesNamed("containerd-shim")
	for _, pid := range shims {
		err = errors.Join(err, killed(pid))
	}
	pods, found := podProcesses()
	for _, pid := range pods {
		err = errors.Join(err, killed(pid))
	}
	return errors.Join(err, found)
}

// ReturnNode starts the node again: what ran on it is gone, its disk is not.
func (c *Cluster) ReturnNode(ctx context.Context) error {
	if err := c.startContainerd(); err != nil {
		return err
	}
	if err := c.startKubelet(); err != nil {
		return err
	}
	return c.until("kubelet", "the node is ready", 2*time.Minute, func() bool { return c.NodeReady(ctx) })
}

// RestartKubelet kills the kubelet and starts it again: pods go on.
func (c *Cluster) RestartKubelet(ctx context.Context) error {
	c.processes["kubelet"].kill()
	if err := c.startKubelet(); err != nil {
		return err
	}
	return c.until("kubelet", "the node is ready", time.Minute, func() bool { return c.NodeReady(ctx) })
}

func killed(pid int) error {
	if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// processesNamed lists the processes of this enclave whose command begins with a name.
func processesNamed(name string) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	var found []int
	for _, file := range files {
		// The kernel cuts names at 15 bytes. A process that has ended meanwhile has none.
		comm, _ := os.ReadFile(file)
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && bytes.HasPrefix(comm, []byte(name[:min(len(name), 15)])) {
			found = append(found, pid)
		}
	}
	return found, err
}

// podProcesses lists the processes of all pods, by their control groups.
func podProcesses() ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	var found []int
	for _, file := range files {
		groups, _ := os.ReadFile(file) // A process that has ended meanwhile has none.
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && bytes.Contains(groups, []byte(enclave.Cgroup()+"/kubepods")) {
			found = append(found, pid)
		}
	}
	return found, err
}
