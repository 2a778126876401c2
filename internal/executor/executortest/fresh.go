package executortest

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/run"
)

// Clock is a clock that can be put forward.
type Clock struct {
	now   func() time.Time
	ahead atomic.Int64
}

// NewClock returns one that goes with another.
func NewClock(now func() time.Time) *Clock { return &Clock{now: now} }

// Now is the time that it shows.
func (c *Clock) Now() time.Time { return c.now().Add(time.Duration(c.ahead.Load())) }

// Forward puts it forward.
func (c *Clock) Forward(d time.Duration) { c.ahead.Add(int64(d)) }

// StaysFresh checks that a run which has waited for long for its turn asks for
// fresh secrets, keeps its place when it gets them, and works with them. The
// executor carries out one run at a time, and has the clock.
func StaysFresh(t *testing.T, e executor.Executor, clock *Clock) {
	file := filepath.Join(t.TempDir(), "go")
	long := func(script string, values ...decide.ContextValue) run.Request {
		req := Request(script, values...)
		req.Timeout = 3 * time.Hour
		return req
	}
	begin(t, e, "run-1", long(Await, decide.ContextValue{Name: FileValue, Value: file}))
	begin(t, e, "run-2", long(Succeed))
	begin(t, e, "run-3", long(Succeed))
	if seen := e.Observe(t.Context(), "run-2"); seen.Step != executor.StepQueued || seen.Stale {
		t.Fatalf("Observe = %+v", seen)
	}
	clock.Forward(executor.Fresh + time.Minute)
	if seen := e.Observe(t.Context(), "run-2"); !seen.Stale || seen.Ahead != 0 {
		t.Fatalf("Observe = %+v, want one that asks for fresh secrets", seen)
	}
	const fresh = "fresh-horse-battery"
	if err := e.Start(t.Context(), "run-2", long(Succeed), run.Secrets{Git: git.Credentials{Password: fresh}}); err != nil {
		t.Fatal(err)
	}
	if seen := e.Observe(t.Context(), "run-2"); seen.Step != executor.StepQueued || seen.Stale || seen.Ahead != 0 {
		t.Fatalf("Observe = %+v, want it in its place", seen)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(fresh))
	if r := Done(t, e, "run-2"); r.Plan == nil || r.Plan.TemplateDigest != hex.EncodeToString(digest[:]) {
		t.Errorf("result %+v, want one that was made with the fresh secrets", r)
	}
	Done(t, e, "run-3")
	if seen := e.Observe(t.Context(), "run-1"); seen.Stale {
		t.Errorf("Observe = %+v of a run that has begun", seen)
	}
}
