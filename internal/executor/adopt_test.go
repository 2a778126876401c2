package executor_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/run"
)

func TestARunOutlivesItsManagerAndIsTakenOver(t *testing.T) {
	data, file := t.TempDir(), t.TempDir()+"/go"
	killedManager(t, data, file)

	told := make(chan string, 100)
	l := newLocal(t, executor.LocalOptions{Data: data, Notify: func(name string) { told <- name }})
	start(t, l, "run-1", executortest.Request(executortest.Succeed), run.Secrets{})
	if got := l.Observe(t.Context(), "run-1"); got.State != decide.RunRunning {
		t.Fatalf("Observe = %+v, want a running run", got)
	}
	touch(t, file)
	r := executortest.Done(t, l, "run-1")
	if r.Plan == nil || r.Plan.StackName != executortest.Await {
		t.Fatalf("result %+v, want the plan of the run that the dead manager started", r)
	}
	if name := <-told; name != "run-1" {
		t.Errorf("told of %q, want run-1", name)
	}
}

func TestADataFolderHasOneManagerAtATime(t *testing.T) {
	data := t.TempDir()
	first := newLocal(t, executor.LocalOptions{Data: data})
	if _, err := executor.NewLocal(executor.LocalOptions{Data: data, Now: time.Now}); !errors.Is(err, executor.ErrInUse) {
		t.Fatalf("NewLocal = %v, want ErrInUse", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	newLocal(t, executor.LocalOptions{Data: data})
}

func TestADataFolderThatLeadsNowhereIsNamed(t *testing.T) {
	link, target := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "volume")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	_, err := executor.NewLocal(executor.LocalOptions{Data: link, Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), link) || !strings.Contains(err.Error(), "create that folder") {
		t.Fatalf("NewLocal = %v, want the link and what to do", err)
	}
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	newLocal(t, executor.LocalOptions{Data: link})
}

func TestARunTakenOverCanBeRemoved(t *testing.T) {
	data := t.TempDir()
	killedManager(t, data, data+"/never")
	l := newLocal(t, executor.LocalOptions{Data: data})
	id := processOf(t, data, "run-1")
	if err := l.Remove(t.Context(), "run-1"); err != nil {
		t.Fatalf("Remove: %v", err)
	}
	executortest.Eventually(t, "the process is gone", func() bool { return !runs(id.PID) })
}

func TestARunThatDiedWithItsManagerIsLostAndStartsAgain(t *testing.T) {
	data := t.TempDir()
	for range 3 {
		killedManager(t, data, data+"/never")
		kill(t, processOf(t, data, "run-1").PID)
	}
	l := newLocal(t, executor.LocalOptions{Data: data})
	if got := l.Observe(t.Context(), "run-1"); got.State != decide.RunNone || got.Err != nil {
		t.Fatalf("Observe = %+v, want none", got)
	}
	start(t, l, "run-1", executortest.Request(executortest.Succeed), run.Secrets{})
	r := executortest.Done(t, l, "run-1")
	if r.Failure == nil || r.Failure.Reason != problem.RunLost.Reason {
		t.Fatalf("result %+v, want %s: it vanished three times", r, problem.RunLost.Reason)
	}
}

func TestAForeignProcessWithTheRunsIDIsNotTakenForIt(t *testing.T) {
	data := t.TempDir()
	killedManager(t, data, data+"/never")
	kill(t, processOf(t, data, "run-1").PID)

	// Another process gets the id, as it were.
	foreign := exec.Command("sleep", "60")
	if err := foreign.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Process.Kill(); _ = foreign.Wait() }()
	id := processOf(t, data, "run-1")
	id.PID = foreign.Process.Pid
	text, _ := json.Marshal(id)
	if err := os.WriteFile(run.Dir(data+"/runs/run-1").Process(), text, 0o600); err != nil {
		t.Fatal(err)
	}

	l := newLocal(t, executor.LocalOptions{Data: data})
	if got := l.Observe(t.Context(), "run-1"); got.State != decide.RunNone {
		t.Errorf("Observe = %+v, want none", got)
	}
	if err := l.Remove(t.Context(), "run-1"); err != nil {
		t.Errorf("Remove: %v", err)
	}
	if !runs(foreign.Process.Pid) {
		t.Fatal("a process that is not ours was killed")
	}
}

func TestALostRunsSurvivorsAreKilled(t *testing.T) {
	data, pidfile := t.TempDir(), t.TempDir()+"/pid"
	first := newLocal(t, executor.LocalOptions{Data: data})
	start(t, first, "run-1", executortest.Request(executortest.Daemon, value(executortest.PIDFileValue, pidfile), value(executortest.FileValue, data+"/never")), run.Secrets{})
	daemon := waitForPID(t, pidfile)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	kill(t, processOf(t, data, "run-1").PID)
	if !runs(daemon) {
		t.Fatal("the daemon died by itself: the test proves nothing")
	}
	newLocal(t, executor.LocalOptions{Data: data})
	executortest.Eventually(t, "the daemon is gone", func() bool { return !runs(daemon) })
}

// killedManager starts a run by a manager that is killed at once.
func killedManager(t *testing.T, data, file string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, managerVerb, data, file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "started\n" {
		t.Errorf("the manager says %q", line)
	}
	executortest.Eventually(t, "the run has said who it is", func() bool {
		_, err := os.Stat(run.Dir(filepath.Join(data, "runs", "run-1")).Process())
		return err == nil
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func processOf(t *testing.T, data, name string) proc.ID {
	t.Helper()
	var p proc.ID
	if err := run.ReadJSON(run.Dir(filepath.Join(data, "runs", name)).Process(), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// kill kills a process and waits until it is gone.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	executortest.Eventually(t, "the killed process is gone", func() bool { return !runs(pid) })
}

// runs reports whether there is such a process and it is no zombie.
func runs(pid int) bool {
	_, err := proc.Find(pid)
	return err == nil
}

// stop freezes a process, so that it heeds nothing but SIGKILL.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}
