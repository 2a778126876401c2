// Package job runs runs as Kubernetes Jobs, each in the namespace of its
// CdkTsStack. Its state is in the cluster: Jobs, pods and their termination
// messages, so that any manager goes on where another one ended.
package job

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// Options are the settings of an Executor. Client, Live, Cache, Image and Now
// are required.
type Options struct {
	// Client writes, Live reads from the API server itself, Cache holds the Jobs
	// and the pods of runs.
	Client client.Writer
	Live   client.Reader
	Cache  Cache
	// Namespaces are those that are watched, none for all.
	Namespaces []string
	// Image is the runner's image, PullPolicy when it is pulled.
	Image      string
	PullPolicy corev1.PullPolicy
	// Defaults are what spec.runner lies over.
	Defaults v1alpha1.Runner
	// UserNamespaces has pods run in a user namespace of their own, which not all
	// nodes can do.
	UserNamespaces bool
	// MaxRuns is how many runs go on at once, the others wait for their turn; 0
	// is 50. MaxRunsPerNamespace is how many of them one namespace may have; 0 is
	// all but one.
	MaxRuns, MaxRunsPerNamespace int
	// Environ is the operator's environment, of which runs get what
	// executor.Passes says; PassEnv names more.
	Environ, PassEnv []string
	// Belongs says whether a run of that name is of that object; nil believes
	// every Job what it says of itself.
	Belongs func(run, namespace, object string, uid types.UID) bool
	// Notify is called with the name of a run of which something was seen, from
	// one goroutine at a time. It must not block.
	Notify func(name string)
	// Now is the clock.
	Now func() time.Time
}

// An Executor needs these rights beside those that the manager has anyway, which
// include making Secrets. An installation with the local executor needs none of
// them.
//
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=events,verbs=list

// Executor runs runs as Jobs.
//
// A run is made in three steps: a suspended Job, owned by the CdkTsStack; its
// Secret, owned by the Job; then the Job is let go. Whatever was made last, the
// Job can be found by its labels and takes the Secret along: nothing is left
// behind by a manager that is killed between two of them.
type Executor struct {
	o      Options
	passed map[string]string // variables of the operator for runs
	names  []string          // and their names in order

	mu      sync.Mutex
	entries map[string]*entry
	queue   executor.Queue[*entry]
	// removed are the Jobs that were deleted here and that the cache may still
	// show.
	removed map[types.UID]bool
	// podlessAt is when Jobs were first seen without a pod that have none.
	podlessAt map[types.UID]time.Time
	// lost counts the Jobs whose pod vanished of runs that have no Job now: one
	// that could not be replaced at once has taken its own note along.
	lost   map[string]int
	memos  memos
	closed bool

	telling    sync.Mutex
	wake       chan struct{}
	stop       context.CancelFunc
	background sync.WaitGroup
}

var _ executor.Executor = (*Executor)(nil)

// entry is a run that this process is about to make or has just made, so that
// the cache need not show it.
type entry struct {
	name    string
	request run.Request
	secrets run.Secrets
	state   entryState
	// job is the Job that was made, madeAt when.
	job    types.UID
	madeAt time.Time
	// doomed: it was removed while it was being made.
	doomed bool
	// err is why it could not be made when it had its turn.
	err error
}

// Asks implements executor.Waiter.
func (r *entry) Asks() run.Request { return r.request }

type entryState int

const (
	// queued: it waits for its turn.
	queued entryState = iota
	// making: it is being made.
	making
	// made: its Job is there, and the cache may not show it yet.
	made
	// refused: it could not be made; whoever starts it again is told why.
	refused
)

// usualRuns is how many runs go on at once unless somebody says otherwise.
const usualRuns = 50

// New returns an executor that watches the Jobs of runs from now on. The cache
// must be started, by its manager, before anything can be seen of them.
func New(o Options) (*Executor, error) {
	if o.Client == nil || o.Live == nil || o.Cache == nil || o.Now == nil {
		return nil, errors.New("the Job executor needs a client, a live reader, a cache and a clock")
	}
	if o.Image == "" {
		return nil, errors.New("the Job executor needs the runner's image: set --runner-image")
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	o.MaxRuns = cmp.Or(o.MaxRuns, usualRuns)
	o.MaxRunsPerNamespace = cmp.Or(o.MaxRunsPerNamespace, max(o.MaxRuns-1, 1))
	ctx, stop := context.WithCancel(context.Background())
	e := &Executor{
		o: o, entries: map[string]*entry{}, removed: map[types.UID]bool{}, podlessAt: map[types.UID]time.Time{},
		lost:  map[string]int{},
		memos: newMemos(), wake: make(chan struct{}, 1), stop: stop,
	}
	e.passed, e.names = passedEnv(o.Environ, o.PassEnv)
	if err := e.follow(ctx); err != nil {
		stop()
		return nil, err
	}
	e.background.Go(func() { e.dispatch(ctx) })
	return e, nil
}

// Close stops starting runs. Those that are there go on; those that wait are
// forgotten, and the next executor is asked to start them.
func (e *Executor) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.stop()
	e.background.Wait()
	return nil
}

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
		return decide.Run{State: decide.RunRunning, Step: executor.StepQueued, Ahead: e.queue.Ahead(en)}, true
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
	r := decide.Run{State: decide.RunRunning, Step: seen.step}
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

// forget drops what was noted of a run that is over.
func (e *Executor) forget(name string) {
	e.memos.forget(name)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.lost, name)
}

// List names the runs; see executor.Executor. It asks the API server, so that a
// manager may call it before its cache is started.
func (e *Executor) List(ctx context.Context) ([]string, error) {
	jobs, err := e.listLive(ctx)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var names []string
	for i := range jobs {
		if j := &jobs[i]; j.Name == j.Labels[LabelRun] && e.ours(j) && j.DeletionTimestamp.IsZero() && !e.removed[j.UID] {
			names = append(names, j.Name)
		}
	}
	for name, en := range e.entries {
		if !en.doomed && (en.state == queued || en.state == making) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// liveJob asks the API server for a Job by its name; nil when there is none.
func (e *Executor) liveJob(ctx context.Context, namespace, name string) (*batchv1.Job, error) {
	var all batchv1.JobList
	err := e.o.Live.List(ctx, &all, client.InNamespace(namespace), client.MatchingFields{"metadata.name": name})
	if err != nil || len(all.Items) == 0 {
		return nil, refusedBy(err, namespace)
	}
	return &all.Items[0], nil
}

// listLive lists the Jobs of runs, of one name or, with none, of all.
func (e *Executor) listLive(ctx context.Context, names ...string) ([]batchv1.Job, error) {
	options := []client.ListOption{client.MatchingLabelsSelector{Selector: Selector()}}
	if len(names) > 0 {
		options = []client.ListOption{client.MatchingLabels{labelManagedBy: managedBy, LabelRun: names[0]}}
	}
	namespaces := e.o.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var found []batchv1.Job
	for _, ns := range namespaces {
		var all batchv1.JobList
		if err := e.o.Live.List(ctx, &all, append(slices.Clone(options), client.InNamespace(ns))...); err != nil {
			return nil, refusedBy(err, ns)
		}
		found = append(found, all.Items...)
	}
	return found, nil
}
