package job

import (
	"context"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/internal/decide"
)

// answers is an API server with those Jobs; meanwhile happens during each call.
type answers struct {
	client.Reader
	jobs      []batchv1.Job
	meanwhile func()
}

func (a answers) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	a.meanwhile()
	list.(*batchv1.JobList).Items = a.jobs
	return nil
}

// A slow API server must not keep other runs waiting, and an old answer must not
// take away what came to be meanwhile.
func TestTheAPIServerIsAskedWithoutTheLock(t *testing.T) {
	for name, c := range map[string]struct {
		jobs  []batchv1.Job
		newer bool
		want  decide.RunState
		stays bool
	}{
		"the Job is there":              {jobs: []batchv1.Job{*aJobOf()}, want: decide.RunRunning, stays: true},
		"the Job is gone":               {want: decide.RunNone},
		"it was started anew meanwhile": {newer: true, want: decide.RunRunning, stays: true},
	} {
		e := &Executor{entries: map[string]*entry{"run-1": {name: "run-1", state: made, job: "j1"}}}
		meanwhile := func() {
			if !e.mu.TryLock() {
				t.Fatalf("%s: the lock is held over the call", name)
			}
			defer e.mu.Unlock()
			if c.newer {
				e.entries["run-1"] = &entry{name: "run-1", state: made, job: "j2"}
			}
		}
		e.o = Options{Live: answers{jobs: c.jobs, meanwhile: meanwhile}, Now: func() time.Time { return noon }}
		got, known := e.observeEntry(t.Context(), "run-1", nil)
		if !known || got.State != c.want || got.Err != nil || (e.entries["run-1"] != nil) != c.stays {
			t.Errorf("%s: %+v, entries %v", name, got, e.entries)
		}
	}
}
