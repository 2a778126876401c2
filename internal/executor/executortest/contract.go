package executortest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// secret is the password that scripts are given.
const secret = "correct-horse-battery"

// RunContract checks what every executor promises. The factory returns an
// executor whose runs are carried out by this package's Main; each test gets
// one of its own.
func RunContract(t *testing.T, factory func(t *testing.T) executor.Executor) {
	for name, check := range map[string]func(*testing.T, executor.Executor){
		"a run that was never started is none":                  neverStarted,
		"a run that succeeds brings its plan":                   succeeds,
		"a run that fails brings its reason and no secret":      fails,
		"a panic is a failure":                                  panics,
		"a process that dies is a failure":                      crashes,
		"a run that takes too long is ended":                    timesOut,
		"a name started many times at once runs once":           startsOnce,
		"a run that is done is not run again":                   staysDone,
		"a removed run is gone and its name is free":            removes,
		"a running run can be removed":                          removesRunning,
		"removing what is not there is no error":                removesNothing,
		"runs are listed until they are removed":                lists,
		"a name that could leave the folder of runs is refused": refusesNames,
	} {
		t.Run(name, func(t *testing.T) { check(t, factory(t)) })
	}
}

// Request returns a request for a script.
func Request(script string, values ...decide.ContextValue) run.Request {
	return run.Request{Namespace: "default", Name: "app", UID: "u1", StackName: script, Context: values, Timeout: time.Minute}
}

// Done waits until a run is done.
func Done(t *testing.T, e executor.Executor, name string) *decide.RunResult {
	t.Helper()
	var seen decide.Run
	Eventually(t, "run "+name+" is done", func() bool {
		seen = e.Observe(t.Context(), name)
		return seen.State == decide.RunDone
	})
	return seen.Result
}

// Eventually polls a condition; it must come true within some minutes.
func Eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for range patience / pause {
		if condition() {
			return
		}
		time.Sleep(pause)
	}
	t.Fatalf("never came true: %s", what)
}

func begin(t *testing.T, e executor.Executor, name string, req run.Request) {
	t.Helper()
	if err := e.Start(t.Context(), name, req, run.Secrets{Git: git.Credentials{Password: secret}}); err != nil {
		t.Fatalf("Start: %v", err)
	}
}

func wantReason(t *testing.T, r *decide.RunResult, want string) {
	t.Helper()
	switch {
	case r.Failure == nil:
		t.Fatalf("the run succeeded, want failure %s", want)
	case r.Failure.Reason != want:
		t.Fatalf("reason %s (%s), want %s", r.Failure.Reason, r.Failure.Message, want)
	case r.Failure.Message == "":
		t.Fatal("the failure has no message")
	case strings.Contains(r.Failure.Message, secret):
		t.Fatalf("the message shows the secret: %s", r.Failure.Message)
	}
}

func neverStarted(t *testing.T, e executor.Executor) {
	if got := e.Observe(t.Context(), "nothing"); got.State != decide.RunNone || got.Err != nil {
		t.Fatalf("Observe = %+v, want none", got)
	}
}

func succeeds(t *testing.T, e executor.Executor) {
	begin(t, e, "run-1", Request(Succeed))
	r := Done(t, e, "run-1")
	if r.Failure != nil || r.Plan == nil {
		t.Fatalf("result %+v, want a plan", r)
	}
	digest := sha256.Sum256([]byte(secret))
	if r.Plan.TemplateDigest != hex.EncodeToString(digest[:]) {
		t.Error("the secret did not reach the run")
	}
	if len(r.Steps) != 1 || r.Steps[0].Name != run.StepCloning {
		t.Errorf("steps %+v, want Cloning alone", r.Steps)
	}
}

func fails(t *testing.T, e executor.Executor) {
	begin(t, e, "run-1", Request(Fail))
	r := Done(t, e, "run-1")
	wantReason(t, r, "Scripted")
	if r.Failure.Outlook != problem.Stalls || r.Step != run.StepCloning {
		t.Errorf("failure %+v in step %s, want one that stalls, in step Cloning", r.Failure, r.Step)
	}
}

func panics(t *testing.T, e executor.Executor) {
	begin(t, e, "run-1", Request(Panic))
	wantReason(t, Done(t, e, "run-1"), run.ErrPanicked.Reason)
}

func crashes(t *testing.T, e executor.Executor) {
	begin(t, e, "run-1", Request(Crash))
	wantReason(t, Done(t, e, "run-1"), run.ErrCrashed.Reason)
}

func timesOut(t *testing.T, e executor.Executor) {
	req := Request(Hang)
	req.Timeout = 50 * time.Millisecond
	begin(t, e, "run-1", req)
	wantReason(t, Done(t, e, "run-1"), problem.TimedOut.Reason)
}

func startsOnce(t *testing.T, e executor.Executor) {
	// The run may be in a container, whose folder for temporary files is this.
	file := "/tmp/executortest-" + rand.Text()
	t.Cleanup(func() { os.Remove(file) })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := e.Start(t.Context(), "run-1", Request(Daemon, decide.ContextValue{Name: PIDFileValue, Value: file}, decide.ContextValue{Name: FileValue, Value: file}), run.Secrets{}); err != nil {
				t.Errorf("Start: %v", err)
			}
		})
	}
	all.Wait()
	if names, err := e.List(t.Context()); err != nil || !slices.Equal(names, []string{"run-1"}) {
		t.Fatalf("List = %v, %v", names, err)
	}
	if r := Done(t, e, "run-1"); r.Plan == nil {
		t.Fatalf("result %+v, want a plan", r.Failure)
	}
}

func staysDone(t *testing.T, e executor.Executor) {
	begin(t, e, "run-1", Request(Succeed))
	first := Done(t, e, "run-1")
	begin(t, e, "run-1", Request(Succeed))
	if again := Done(t, e, "run-1"); again.Plan.Commit.Hash != first.Plan.Commit.Hash {
		t.Fatal("a run that was done ran again")
	}
}

func removes(t *testing.T, e executor.Executor) {
	begin(t, e, "run-1", Request(Succeed))
	first := Done(t, e, "run-1")
	if err := e.Remove(t.Context(), "run-1"); err != nil {
		t.Fatalf("Remove: %v", err)
	}
	neverStartedName(t, e, "run-1")
	again(t, e)
	if again := Done(t, e, "run-1"); again.Plan.Commit.Hash == first.Plan.Commit.Hash {
		t.Fatal("the result of the removed run came back")
	}
}

func neverStartedName(t *testing.T, e executor.Executor, name string) {
	t.Helper()
	if got := e.Observe(t.Context(), name); got.State != decide.RunNone || got.Err != nil {
		t.Fatalf("Observe = %+v, want none", got)
	}
}

func removesRunning(t *testing.T, e executor.Executor) {
	begin(t, e, "run-1", Request(Hang))
	Eventually(t, "the run clones", func() bool { return e.Observe(t.Context(), "run-1").Step == run.StepCloning })
	for range 2 {
		if err := e.Remove(t.Context(), "run-1"); err != nil {
			t.Fatalf("Remove: %v", err)
		}
		neverStartedName(t, e, "run-1")
	}
	again(t, e)
	if r := Done(t, e, "run-1"); r.Plan == nil {
		t.Fatalf("result %+v, want a plan", r.Failure)
	}
}

// again starts a run of a name that was removed: it may still be ended.
func again(t *testing.T, e executor.Executor) {
	t.Helper()
	Eventually(t, "the name is free again", func() bool {
		err := e.Start(t.Context(), "run-1", Request(Succeed), run.Secrets{})
		if err != nil && !errors.Is(err, executor.ErrRemoving) {
			t.Fatalf("Start: %v", err)
		}
		return err == nil
	})
}

func removesNothing(t *testing.T, e executor.Executor) {
	for range 2 {
		if err := e.Remove(t.Context(), "nothing"); err != nil {
			t.Fatalf("Remove: %v", err)
		}
	}
}

func lists(t *testing.T, e executor.Executor) {
	begin(t, e, "run-b", Request(Succeed))
	begin(t, e, "run-a", Request(Hang))
	Done(t, e, "run-b")
	if names, err := e.List(t.Context()); err != nil || !slices.Equal(names, []string{"run-a", "run-b"}) {
		t.Fatalf("List = %v, %v, want both", names, err)
	}
	for _, name := range []string{"run-a", "run-b"} {
		if err := e.Remove(t.Context(), name); err != nil {
			t.Fatalf("Remove: %v", err)
		}
	}
	if names, err := e.List(t.Context()); err != nil || len(names) != 0 {
		t.Fatalf("List = %v, %v, want none", names, err)
	}
}

func refusesNames(t *testing.T, e executor.Executor) {
	for _, name := range []string{"", "..", "a/b", "A", "a.b", strings.Repeat("a", 64), "a\n"} {
		if err := e.Start(t.Context(), name, Request(Succeed), run.Secrets{}); !errors.Is(err, executor.ErrName) {
			t.Errorf("Start(%q) = %v, want ErrName", name, err)
		}
		if err := e.Remove(t.Context(), name); !errors.Is(err, executor.ErrName) {
			t.Errorf("Remove(%q) = %v, want ErrName", name, err)
		}
		if got := e.Observe(t.Context(), name); !errors.Is(got.Err, executor.ErrName) {
			t.Errorf("Observe(%q) = %v, want ErrName", name, got.Err)
		}
	}
}

// For is an executor whose runs are all of one object: the contract knows none
// that is there, and some executors need one.
func For(e executor.Executor, namespace, name, uid string) executor.Executor {
	return ofObject{e, namespace, name, uid}
}

type ofObject struct {
	executor.Executor
	namespace, name, uid string
}

// Start implements executor.Executor.
func (o ofObject) Start(ctx context.Context, name string, req run.Request, secrets run.Secrets) error {
	req.Namespace, req.Name, req.UID = o.namespace, o.name, o.uid
	return o.Executor.Start(ctx, name, req, secrets)
}
