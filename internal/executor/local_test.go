package executor_test

import (
	"context"
	"os"
	"testing"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/run"
)

func TestMain(m *testing.M) {
	executortest.Main(time.Now)
	if len(os.Args) > 1 && os.Args[1] == managerVerb {
		manage(os.Args[2], os.Args[3])
	}
	if len(os.Args) > 1 && os.Args[1] == hastyVerb {
		dieStarting(os.Args[2], os.Args[3])
	}
	if len(os.Args) > 1 && os.Args[1] == buildVerb {
		buildRun(os.Args[2:])
	}
	os.Exit(m.Run())
}

func TestLocalKeepsTheContract(t *testing.T) {
	executortest.RunContract(t, func(t *testing.T) executor.Executor {
		return newLocal(t, executor.LocalOptions{})
	})
}

// newLocal returns a Local that is closed, with all its runs removed, at the
// end of the test. Missing options are filled in.
func newLocal(t *testing.T, o executor.LocalOptions) *executor.Local {
	t.Helper()
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MinFree == 0 {
		o.MinFree = 1
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	l, err := executor.NewLocal(o)
	if err != nil {
		t.Fatalf("NewLocal: %v", err)
	}
	t.Cleanup(func() { removeAll(t, l, o.Data) })
	return l
}

// removeAll removes what the test left, and waits until it is gone.
func removeAll(t *testing.T, l *executor.Local, data string) {
	names, _ := l.List(context.Background())
	for _, name := range names {
		_ = l.Remove(context.Background(), name)
	}
	executortest.Eventually(t, "no run is left", func() bool {
		entries, err := os.ReadDir(data + "/runs")
		return err == nil && len(entries) == 0
	})
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func start(t *testing.T, e executor.Executor, name string, req run.Request, secrets run.Secrets) {
	t.Helper()
	if err := e.Start(t.Context(), name, req, secrets); err != nil {
		t.Fatalf("Start %s: %v", name, err)
	}
}

func value(name, value string) decide.ContextValue {
	return decide.ContextValue{Name: name, Value: value}
}

// managerVerb makes the test binary a manager of its own, to be killed.
const managerVerb = "executor-test-manager"

// manage starts one run, says so, and waits to be killed.
func manage(data, file string) {
	l, err := executor.NewLocal(executor.LocalOptions{Data: data, Now: time.Now, MinFree: 1})
	if err == nil {
		err = l.Start(context.Background(), "run-1", executortest.Request(executortest.Await, value(executortest.FileValue, file)), run.Secrets{Git: git.Credentials{Password: "hunter22"}})
	}
	if err != nil {
		_, _ = os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("started\n")
	time.Sleep(time.Minute)
	os.Exit(1)
}
