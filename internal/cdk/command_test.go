package cdk

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/redact"
)

func shell(script string, args ...string) Command {
	return Command{Command: proc.Command{Path: "/bin/sh", Args: append([]string{"-c", script, "sh"}, args...), Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}, Grace: 100 * time.Millisecond}}
}

func TestCommandPassesOnWholeLines(t *testing.T) {
	var log bytes.Buffer
	c := shell(`printf 'one\nsecret-tw'; printf 'o\n\033[31mred\033[0m\nthe end' >&2`)
	c.Log = &log
	c.Redact = redact.New("secret-two")
	tail, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := "one\nsecret-two\nred\nthe end\n"; log.String() != want {
		t.Errorf("log is %q, want %q", log.String(), want)
	}
	if want := "one\n***\nred\nthe end"; tail != want {
		t.Errorf("tail is %q, want %q", tail, want)
	}
}

func TestCommandHasExactlyItsEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_MANAGER", "x")
	tail, err := Command{Command: proc.Command{Path: "/usr/bin/env", Dir: "/", Env: []string{"A=1"}}}.Run(t.Context())
	if err != nil || tail != "A=1" {
		t.Errorf("environment is %q, %v", tail, err)
	}
}

func TestCommandTellsHowItFailed(t *testing.T) {
	tail, err := shell("echo why; exit 7").Run(t.Context())
	exit, ok := errors.AsType[*proc.ExitError](err)
	if !ok || exit.Code != 7 || tail != "why" {
		t.Errorf("error is %#v", err)
	}
	_, err = shell("kill -9 $$").Run(t.Context())
	exit, ok = errors.AsType[*proc.ExitError](err)
	if !ok || exit.Signal != syscall.SIGKILL {
		t.Errorf("error is %#v", err)
	}
	if err = (proc.Command{Path: "/no/such/tool"}).Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

func TestCommandKeepsTheEndOfALongOutput(t *testing.T) {
	tail, err := shell(`i=0; while [ $i -lt 5000 ]; do echo "line $i of the output"; i=$((i+1)); done`).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(tail) > tailSize || !strings.HasPrefix(tail, "line ") || !strings.HasSuffix(tail, "line 4999 of the output") {
		t.Errorf("tail has %d bytes and begins with %q", len(tail), tail[:40])
	}
}

func TestCommandEndsTheWholeGroupWithTheContext(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	started := filepath.Join(dir, "pids")
	done := make(chan error, 1)
	go func() {
		// Both the leader and its child ignore SIGTERM.
		_, err := shell(`trap '' TERM; sleep 600 & echo $$ $! > "$1.new"; mv "$1.new" "$1"; wait; sleep 600`, started).Run(ctx)
		done <- err
	}()
	pids := strings.Fields(eventually(t, func() (string, bool) {
		content, err := os.ReadFile(started)
		return string(content), err == nil
	}))
	why := errors.New("superseded")
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("error is %v, want the context's cause in it", err)
	}
	for _, pid := range pids {
		wantGone(t, pid)
	}
}

func TestCommandLeavesNothingOfItsGroup(t *testing.T) {
	pid, err := shell(`sleep 600 >/dev/null 2>&1 & echo $!`).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantGone(t, pid)
}

func TestCommandDoesNotWaitForOneThatLeftTheGroup(t *testing.T) {
	if _, err := os.Stat("/usr/bin/setsid"); err != nil {
		t.Fatal("this test needs setsid of util-linux")
	}
	pid, err := shell(`setsid sleep 600 & echo $!`).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(id, syscall.SIGKILL)
}

// wantGone waits until a process has ended.
func wantGone(t *testing.T, pid string) {
	t.Helper()
	id, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() (string, bool) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return "", true
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		return "", strings.HasPrefix(after, "Z") || syscall.Kill(id, 0) != nil
	})
}

// eventually polls until ok, for a minute at most.
func eventually(t *testing.T, look func() (string, bool)) string {
	t.Helper()
	for range 3000 {
		if got, ok := look(); ok {
			return got
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("waited in vain for a minute")
	return ""
}
