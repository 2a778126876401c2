package kube

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a part of the cluster that runs as a process of the host.
type process struct {
	name  string
	log   string
	cmd   *exec.Cmd
	ended chan struct{}
}

// start starts a command; what it says goes to logs/NAME.log.
func (c *Cluster) start(name string, args ...string) error {
	path, err := c.command(name)
	if err != nil {
		return err
	}
	p := &process{name: name, log: filepath.Join(c.dir, "logs", name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(path, args...)
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// Signals that a terminal sends are not for it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	c.processes[name] = p
	return nil
}

// command finds a binary: those built for this, then those of the host.
func (c *Cluster) command(name string) (string, error) {
	built := filepath.Join(c.o.Binaries, name)
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither in %s nor on PATH", name, c.o.Binaries)
	}
	return path, nil
}

// kill ends a process at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.ended
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// tail is the end of what it said.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-4096):])
}

// until polls a condition as long as a process runs.
func (c *Cluster) until(name, what string, within time.Duration, holds func() bool) error {
	p := c.processes[name]
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return nil
		}
		if !p.running() {
			return fmt.Errorf("%s ended by itself:\n%s", name, p.tail())
		}
	}
	return fmt.Errorf("after %s it is not so that %s; the end of what %s said:\n%s", within, what, name, p.tail())
}
