package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a child may take to end after it was asked to.
const stopGrace = 20 * time.Second

// child is a program that runs beside the demo, its output going to a file.
type child struct {
	name    string
	logPath string
	command *exec.Cmd
	ended   chan struct{}
	err     error // why it ended; to be read once ended is closed
}

// startChild runs a program in a process group of its own: a Ctrl-C is the demo's to handle, and
// what the program leaves behind is ended with it.
func startChild(name, logPath string, environment []string, path string, arguments ...string) (*child, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := &child{name: name, logPath: logPath, command: exec.Command(path, arguments...), ended: make(chan struct{})}
	c.command.Env = environment
	c.command.Stdout, c.command.Stderr = log, log
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		c.err = c.command.Wait()
		close(c.ended)
	}()
	return c, nil
}

// alive returns nil while the child runs, else an error with the end of its output.
func (c *child) alive() error {
	select {
	case <-c.ended:
		return fmt.Errorf("%s ended by itself (%v):\n%s", c.name, c.err, c.lastLines(15))
	default:
		return nil
	}
}

// stop asks the child to end, and ends it when it does not.
func (c *child) stop(ctx context.Context) error {
	group := -c.command.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // Fails only when nobody is left.
	grace, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	var late error
	select {
	case <-c.ended:
	case <-grace.Done():
		late = fmt.Errorf("%s did not end within %s of being asked to", c.name, stopGrace)
	}
	// Whatever is left of the group: the child itself, or a process that it forgot.
	if err := syscall.Kill(group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return errors.Join(late, fmt.Errorf("end %s: %w", c.name, err))
	}
	<-c.ended
	return late
}

// lastLines returns the end of the child's output.
func (c *child) lastLines(count int) string {
	text, err := os.ReadFile(c.logPath)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// cleanEnvironment is this process's environment without anything that could lead a child to a
// real account, a real cluster or a different CDK, with additions.
func cleanEnvironment(additions ...string) []string {
	kept := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		for _, prefix := range []string{"AWS_", "CDK_", "KUBE", "NODE_OPTIONS=", "METRICS_", "DEBUG_MODE="} {
			if strings.HasPrefix(variable, prefix) {
				return true
			}
		}
		return false
	})
	return append(kept, additions...)
}
