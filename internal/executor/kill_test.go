package executor_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

func itoa(n int) string { return strconv.Itoa(n) }

// waitForPID reads a process id that a script writes.
func waitForPID(t *testing.T, path string) int {
	t.Helper()
	pid := 0
	executortest.Eventually(t, "the script has written a process id", func() bool {
		data, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(string(data))
		return err == nil
	})
	return pid
}

func TestNothingThatARunStartedOutlivesIt(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, l *executor.Local, file string, root int){
		"when it ends by itself": func(t *testing.T, _ *executor.Local, file string, _ int) { touch(t, file) },
		"when it is removed": func(t *testing.T, l *executor.Local, _ string, _ int) {
			if err := l.Remove(t.Context(), "run-1"); err != nil {
				t.Fatal(err)
			}
		},
		"when it is killed from outside": func(t *testing.T, _ *executor.Local, _ string, root int) { kill(t, root) },
		"when it will not go": func(t *testing.T, l *executor.Local, _ string, root int) {
			stop(t, root)
			if err := l.Remove(t.Context(), "run-1"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			data, folder := t.TempDir(), t.TempDir()
			l := newLocal(t, executor.LocalOptions{Data: data, Grace: 200 * time.Millisecond})
			req := executortest.Request(executortest.Daemon,
				value(executortest.PIDFileValue, folder+"/pid"), value(executortest.FileValue, folder+"/go"))
			start(t, l, "run-1", req, run.Secrets{})
			daemon := waitForPID(t, folder+"/pid")
			root := processOf(t, data, "run-1").PID
			end(t, l, folder+"/go", root)
			executortest.Eventually(t, "the run's process is gone", func() bool { return !runs(root) })
			executortest.Eventually(t, "the daemon is gone", func() bool { return !runs(daemon) })
			executortest.Eventually(t, "no zombie is left", func() bool { return zombies(t) == 0 })
		})
	}
}

func TestARunThatDoesNotHeedItsTimeLimitIsEnded(t *testing.T) {
	l := newLocal(t, executor.LocalOptions{Grace: 100 * time.Millisecond})
	req := executortest.Request(executortest.Stuck)
	req.Timeout = 50 * time.Millisecond
	start(t, l, "run-1", req, run.Secrets{})
	r := executortest.Done(t, l, "run-1")
	if r.Failure == nil || r.Failure.Reason != problem.TimedOut.Reason {
		t.Fatalf("result %+v, want %s", r, problem.TimedOut.Reason)
	}
}

func TestARunThatIsFrozenIsKilledWhenOverdue(t *testing.T) {
	data := t.TempDir()
	l := newLocal(t, executor.LocalOptions{Data: data, Grace: 100 * time.Millisecond})
	req := executortest.Request(executortest.Hang)
	req.Timeout = 500 * time.Millisecond
	start(t, l, "run-1", req, run.Secrets{})
	executortest.Eventually(t, "the run has said who it is", func() bool {
		_, err := os.Stat(run.Dir(data + "/runs/run-1").Process())
		return err == nil
	})
	stop(t, processOf(t, data, "run-1").PID)
	r := executortest.Done(t, l, "run-1")
	if r.Failure == nil || r.Failure.Reason != problem.TimedOut.Reason {
		t.Fatalf("result %+v, want %s", r, problem.TimedOut.Reason)
	}
}

func TestARunThatTakesTooMuchMemoryIsEnded(t *testing.T) {
	for _, script := range []string{executortest.Memory, executortest.Burst} {
		t.Run(script, func(t *testing.T) {
			l := newLocal(t, executor.LocalOptions{MemoryLimit: 256 << 20})
			start(t, l, "run-1", executortest.Request(script), run.Secrets{})
			r := executortest.Done(t, l, "run-1")
			if r.Failure == nil || r.Failure.Reason != problem.OutOfMemory.Reason {
				t.Fatalf("result %+v, want %s", r, problem.OutOfMemory.Reason)
			}
		})
	}
}

// zombies counts the children of this process that nobody took leave of.
func zombies(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(data), ") ")
		if strings.HasPrefix(after, "Z "+itoa(os.Getpid())+" ") {
			n++
		}
	}
	return n
}

func TestAStrangerIsKilledWithItsRun(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, file string, root int){
		"when it ends by itself":   func(t *testing.T, file string, _ int) { touch(t, file) },
		"when it is killed inside": func(t *testing.T, _ string, root int) { kill(t, root) },
	} {
		t.Run(name, func(t *testing.T) {
			if name != "when it ends by itself" && !executor.HasControlGroups() {
				t.Skip("a process that cleared its environment and lost its parent is only found in a control group, and this host lets us make none")
			}
			data, folder := t.TempDir(), t.TempDir()
			l := newLocal(t, executor.LocalOptions{Data: data})
			start(t, l, "run-1", executortest.Request(executortest.Stranger,
				value(executortest.PIDFileValue, folder+"/pid"), value(executortest.FileValue, folder+"/go")), run.Secrets{})
			stranger := waitForPID(t, folder+"/pid")
			end(t, folder+"/go", processOf(t, data, "run-1").PID)
			executortest.Eventually(t, "the stranger is gone", func() bool { return !runs(stranger) })
		})
	}
}
