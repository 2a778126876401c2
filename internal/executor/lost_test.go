package executor_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/run"
)

// hastyVerb makes the test binary a manager that dies as soon as it has started
// a run.
const hastyVerb = "executor-test-hasty-manager"

// largeSecret does not fit into a pipe at once.
var largeSecret = strings.Repeat("0123456789abcdef", 64<<10)

func dieStarting(data, file string) {
	l, err := executor.NewLocal(executor.LocalOptions{Data: data, Now: time.Now, MinFree: 1})
	if err == nil {
		err = l.Start(context.Background(), "run-1", executortest.Request(executortest.Await, value(executortest.FileValue, file)), run.Secrets{Git: git.Credentials{Password: largeSecret}})
	}
	if err == nil {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	os.Exit(1)
}

func TestAManagerThatDiesStartingARunLeavesItItsSecrets(t *testing.T) {
	data, file := t.TempDir(), t.TempDir()+"/go"
	touch(t, file)
	if err := exec.Command(os.Args[0], hastyVerb, data, file).Run(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the manager was not killed: %v", err)
	}
	l := newLocal(t, executor.LocalOptions{Data: data})
	r := executortest.Done(t, l, "run-1")
	digest := sha256.Sum256([]byte(largeSecret))
	if r.Plan == nil || r.Plan.TemplateDigest != hex.EncodeToString(digest[:]) {
		t.Fatalf("the run ended with %+v: it did not get its secrets", r.Failure)
	}
}

func TestAQueuedRunThatCannotBeStartedCanBeStartedAgain(t *testing.T) {
	data, file := t.TempDir(), t.TempDir()+"/go"
	operator := filepath.Join(t.TempDir(), "operator")
	if err := os.Symlink(os.Args[0], operator); err != nil {
		t.Fatal(err)
	}
	l := newLocal(t, executor.LocalOptions{Data: data, MaxRuns: 1, Command: []string{operator}})
	start(t, l, "run-1", executortest.Request(executortest.Await, value(executortest.FileValue, file)), run.Secrets{})
	start(t, l, "run-2", executortest.Request(executortest.Succeed), run.Secrets{})
	if err := os.Rename(operator, operator+".gone"); err != nil {
		t.Fatal(err)
	}
	touch(t, file)
	executortest.Done(t, l, "run-1")
	executortest.Eventually(t, "the run that could not be started is none", func() bool {
		return l.Observe(t.Context(), "run-2").State == decide.RunNone
	})
	if err := os.Rename(operator+".gone", operator); err != nil {
		t.Fatal(err)
	}
	start(t, l, "run-2", executortest.Request(executortest.Succeed), run.Secrets{})
	if r := executortest.Done(t, l, "run-2"); r.Failure != nil {
		t.Fatalf("it ended with %+v", r.Failure)
	}
}

// An adopted run that ends without a result is judged by how far it came.
func TestAnAdoptedRunThatNeverBeganIsLostAndNotFailed(t *testing.T) {
	data := t.TempDir()
	dir := run.Dir(filepath.Join(data, "runs", "run-1"))
	l, died := adoptedRun(t, data, dir)
	// As often as a run may vanish that has begun.
	if err := run.WriteJSON(string(dir)+"/start.json", map[string]int{"attempt": 3}); err != nil {
		t.Fatal(err)
	}
	died()
	executortest.Eventually(t, "the run is lost", func() bool {
		return l.Observe(t.Context(), "run-1").State == decide.RunNone
	})
	start(t, l, "run-1", executortest.Request(executortest.Succeed), run.Secrets{})
	if r := executortest.Done(t, l, "run-1"); r.Failure != nil {
		t.Fatalf("it was started again and ended with %+v", r.Failure)
	}
}

// A service manager that stops the operator tells its runs to stop, too.
func TestARunThatWasStoppedWithItsManagerIsLostAndNotCancelled(t *testing.T) {
	data := t.TempDir()
	killedManager(t, data, data+"/never")
	dir := run.Dir(filepath.Join(data, "runs", "run-1"))
	pid := processOf(t, data, "run-1").PID
	executortest.Eventually(t, "the run works", func() bool {
		step, err := dir.ReadStep()
		return err == nil && step == run.StepCloning
	})
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	executortest.Eventually(t, "the run has ended", func() bool { return !runs(pid) })
	l := newLocal(t, executor.LocalOptions{Data: data})
	if got := l.Observe(t.Context(), "run-1"); got.State != decide.RunNone {
		t.Fatalf("Observe = %+v %v, want none", got, got.Result)
	}
	start(t, l, "run-1", executortest.Request(executortest.Succeed), run.Secrets{})
	if r := executortest.Done(t, l, "run-1"); r.Failure != nil {
		t.Fatalf("it was started again and ended with %+v", r.Failure)
	}
}

func TestAnAdoptedRunThatHadBegunAndLeavesNoResultHasCrashed(t *testing.T) {
	data := t.TempDir()
	dir := run.Dir(filepath.Join(data, "runs", "run-1"))
	l, died := adoptedRun(t, data, dir)
	if err := dir.WriteBegan(); err != nil {
		t.Fatal(err)
	}
	died()
	r := executortest.Done(t, l, "run-1")
	if r.Failure == nil || r.Failure.Reason != run.ErrCrashed.Reason {
		t.Fatalf("result %+v, want %s", r, run.ErrCrashed.Reason)
	}
}

// adoptedRun is an executor that has taken over a run that lives and has not
// begun; died has it end.
func adoptedRun(t *testing.T, data string, dir run.Dir) (l *executor.Local, died func()) {
	t.Helper()
	if err := dir.Create(); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(dir.Lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	l = newLocal(t, executor.LocalOptions{Data: data})
	if got := l.Observe(t.Context(), "run-1"); got.State != decide.RunRunning {
		t.Fatalf("Observe = %+v, want the run that was taken over", got)
	}
	return l, func() { _ = lock.Close() }
}
