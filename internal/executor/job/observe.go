package job

import (
	"context"
	"errors"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// Observe tells what became of a run; see executor.Executor.
func (e *Executor) Observe(ctx context.Context, name string) decide.Run {
	if err := executor.CheckName(name); err != nil {
		return decide.Run{Err: err}
	}
	j, err := e.cached(ctx, name)
	if err != nil {
		return decide.Run{Err: err}
	}
	if r, known := e.observeEntry(ctx, name, j); known {
		return r
	}
	if j == nil || e.isRemoved(j) {
		return decide.Run{}
	}
	return e.observeJob(ctx, j)
}

// observeEntry is what this process knows itself of a run that the cache does
// not show, or not as it is.
func (e *Executor) observeEntry(ctx context.Context, name string, j *batchv1.Job) (r decide.Run, known bool) {
	e.mu.Lock()
	en := e.entries[name]
	if en == nil {
		e.mu.Unlock()
		return r, false
	}
	if en.state == made && j != nil && j.UID == en.job && isArmed(j) {
		delete(e.entries, name) // the cache has caught up
		e.mu.Unlock()
		return r, false
	}
	if en.state == made && !en.doomed && e.o.Now().Sub(en.madeAt) > cacheLag {
		was := *en
		e.mu.Unlock()
		return e.observeLive(ctx, was), true
	}
	defer e.mu.Unlock()
	switch {
	case en.doomed || en.state == refused:
		return decide.Run{}, true
	case en.state == queued:
		return decide.Run{State: decide.RunRunning, Step: executor.StepQueued, Ahead: e.queue.Ahead(en), Stale: e.o.Now().Sub(en.given) > executor.Fresh}, true
	}
	return decide.Run{State: decide.RunRunning, Step: run.StepStarting}, true
}

// cacheLag is how long the cache may take to show a Job before the API server is
// asked whether it is still there.
const cacheLag = 15 * time.Second

// observeLive asks the API server for a Job that the cache does not show, as
// what was known of it says. It asks without the lock: the API server may be slow.
func (e *Executor) observeLive(ctx context.Context, was entry) decide.Run {
	j, err := e.liveJob(ctx, was.request.Namespace, was.name)
	if err != nil {
		return decide.Run{Err: err}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	en := e.entries[was.name]
	switch {
	case en == nil || en.job != was.job:
		// It was removed or started anew meanwhile, and is looked at again.
		return decide.Run{State: decide.RunRunning, Step: run.StepStarting}
	case j == nil || j.UID != was.job:
		delete(e.entries, was.name)
		return decide.Run{}
	}
	en.madeAt = e.o.Now()
	return decide.Run{State: decide.RunRunning, Step: run.StepStarting}
}

func (e *Executor) isRemoved(j *batchv1.Job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.removed[j.UID] || !j.DeletionTimestamp.IsZero()
}

// observeJob judges a Job that is there.
func (e *Executor) observeJob(ctx context.Context, j *batchv1.Job) decide.Run {
	seen, err := e.look(ctx, j)
	if err != nil {
		return decide.Run{Err: err}
	}
	switch seen.state {
	case over:
		e.forget(j.Name)
		return decide.Run{State: decide.RunDone, Result: seen.result}
	case alive:
		return e.observeAlive(ctx, j, seen)
	case lost:
		if lostBefore(j)+1 >= maxLost {
			return decide.Run{State: decide.RunDone, Result: lostTooOften(j, seen.why)}
		}
	}
	return decide.Run{}
}

// maxLost is how many pods of a run may vanish before it counts as failed.
const maxLost = 3

func lostTooOften(j *batchv1.Job, why string) *decide.RunResult {
	if why != "" {
		why = " (at last: " + why + ")"
	}
	return failed(problem.RunLost.New(
		"the run's pod vanished %d times without a result%s: somebody or something deletes the pods of the namespace %s, or nodes do not take them; see kubectl get events -n %s", maxLost, why, j.Namespace, j.Namespace))
}

// look sees what the cache shows of a Job, and asks the API server before it
// calls one lost: the pod may only be late.
func (e *Executor) look(ctx context.Context, j *batchv1.Job) (look, error) {
	pods, err := e.podsOf(ctx, j)
	if err != nil {
		return look{}, err
	}
	seen := see(j, pods, e.podless(j, pods), e.o.Now())
	if seen.state != lost && (seen.state != alive || ended(j) == nil) {
		return seen, nil
	}
	var live corev1.PodList
	if err := e.o.Live.List(ctx, &live, client.InNamespace(j.Namespace), client.MatchingLabels{LabelRun: j.Name}); err != nil {
		return look{}, refusedBy(err, j.Namespace)
	}
	return see(j, live.Items, e.podless(j, live.Items), e.o.Now()), nil
}

// podless is since when a Job has no pod, as far as this process has seen it:
// a Job without one may be old, and have lost its pod a moment ago.
func (e *Executor) podless(j *batchv1.Job, pods []corev1.Pod) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(own(j, pods)) > 0 {
		delete(e.podlessAt, j.UID)
		return time.Time{}
	}
	if _, known := e.podlessAt[j.UID]; !known {
		e.podlessAt[j.UID] = e.o.Now()
	}
	return e.podlessAt[j.UID]
}

// observeAlive tells what a run that goes on is doing or waits for. One that has
// waited as long as it may work has failed.
func (e *Executor) observeAlive(ctx context.Context, j *batchv1.Job, seen look) decide.Run {
	if e.hasOldImage(j, seen) {
		return decide.Run{} // it is started again, with the image that runs have now
	}
	r := decide.Run{State: decide.RunRunning, Step: seen.step, Stale: e.stale(j, seen)}
	waits := seen.waits
	if seen.ask != nil {
		waits = e.explain(ctx, j, seen)
	}
	if waits == nil {
		if seen.ask == nil {
			e.memos.works(j.Name)
		}
		return r
	}
	if errors.Is(waits, errSecretGone) && !e.memos.repaired(j.Name, e.o.Now()) {
		return decide.Run{} // it is started again: its Secret is made once more
	}
	if e.o.Now().Sub(seen.since) > timeoutOf(j) {
		late := *waits
		late.Message += "; the run has waited as long as it may work (spec.timeout)"
		return decide.Run{State: decide.RunDone, Result: failed(&late)}
	}
	r.Waiting = e.memos.waits(j.Name, waits, e.o.Now())
	return r
}

// hasOldImage says whether a run waits for an image that its node cannot get or use,
// while runs have got another one since: whoever corrected --runner-image has
// done what the message says.
func (e *Executor) hasOldImage(j *batchv1.Job, seen look) bool {
	if seen.begun || seen.waits == nil || !errors.Is(seen.waits, errImage) && !errors.Is(seen.waits, errImageUnusable) {
		return false
	}
	return j.Spec.Template.Spec.Containers[0].Image != e.o.Image
}

// stale says whether a run that has not begun has secrets that may have ended.
// A process that has just begun does not know when they were filled, and takes
// them to be as old as the Job.
func (e *Executor) stale(j *batchv1.Job, seen look) bool {
	if seen.begun {
		return false
	}
	given := e.memos.given(j.Name)
	if given.IsZero() {
		given = j.CreationTimestamp.Time
	}
	return e.o.Now().Sub(given) > executor.Fresh
}

// forget drops what was noted of a run that is over.
func (e *Executor) forget(name string) {
	e.memos.forget(name)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.lost, name)
}
