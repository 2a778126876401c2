package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// defaultGrace is what a process gets between SIGTERM and SIGKILL.
const defaultGrace = 5 * time.Second

// drain is how long output is still read after the process and its group
// ended: only one that left the group can keep the pipe open longer.
const drain = 2 * time.Second

// Command runs user code: in a process group of its own that dies with the
// calling process, and with exactly the environment that is given. Nothing of
// the group outlives Run.
type Command struct {
	// Path is the executable, absolute or with a slash: PATH is not searched.
	Path string
	Args []string
	Dir  string
	Env  []string
	// Out gets both outputs as they come, from one goroutine; nil drops them.
	Out io.Writer
	// Stdin is connected when it is not nil.
	Stdin *os.File
	// Stdout, when it is not nil, gets standard output instead of Out.
	Stdout *os.File
	// Grace is the time between SIGTERM and SIGKILL when the context ends;
	// zero means five seconds.
	Grace time.Duration
	// Alone says that the calling process runs nothing else meanwhile: then
	// what left the group is killed, too, see KillDescendants.
	Alone bool
}

// ExitError is a command that ran and did not succeed.
type ExitError struct {
	// Code is the exit code, -1 when a signal ended it.
	Code int
	// Signal is set when a signal ended it.
	Signal syscall.Signal
}

// Error tells the exit code or the signal.
func (e *ExitError) Error() string {
	if e.Code < 0 {
		return fmt.Sprintf("ended by signal %d (%s)", int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// Run starts the command and waits for its end. When the context ends first,
// the whole group is told to end, then killed, and the error wraps the
// context's cause. A command that did not succeed is an *ExitError.
func (c Command) Run(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	// The death signal is bound to the thread that starts the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd, finish, err := c.start()
	if err != nil {
		return err
	}
	stop := c.endWith(ctx, cmd.Process.Pid)
	err = cmd.Wait()
	stop()
	// What the leader left behind in its group goes too.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	err = c.verdict(ctx, err)
	if c.Alone {
		if killErr := KillDescendants(); killErr != nil {
			err = errors.Join(err, killErr)
		}
	}
	finish()
	return err
}

// start starts the process with one pipe for both outputs and copies it to
// Out; finish waits until all was read.
func (c Command) start() (*exec.Cmd, func(), error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("open a pipe: %w", err)
	}
	defer w.Close()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, w, w
	if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	// A run that is killed outright leaves nothing that it started itself.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		_ = r.Close()
		return nil, nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	out := c.Out
	if out == nil {
		out = io.Discard
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(out, r)
	}()
	return cmd, func() {
		select {
		case <-read:
		case <-time.After(drain):
			_ = r.SetReadDeadline(time.Unix(1, 0))
			<-read
		}
		_ = r.Close()
	}, nil
}

// endWith ends the group when the context ends, until stop is called.
func (c Command) endWith(ctx context.Context, group int) (stop func()) {
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		_ = syscall.Kill(-group, syscall.SIGTERM)
		grace := c.Grace
		if grace == 0 {
			grace = defaultGrace
		}
		select {
		case <-done:
		case <-time.After(grace):
			_ = syscall.Kill(-group, syscall.SIGKILL)
		}
	})
	return func() { close(done); wait.Wait() }
}

// verdict turns the end of the process into Run's error.
func (c Command) verdict(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("wait for %s: %w", c.Path, err)
	}
	exit := &ExitError{Code: e.ExitCode()}
	if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit.Signal = status.Signal()
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w (%w)", cause, exit)
	}
	return exit
}
