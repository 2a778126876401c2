// Package job runs runs as Kubernetes Jobs, each in the namespace of its
// CdkTsStack. Its state is in the cluster: Jobs, pods and their termination
// messages, so that any manager goes on where another one ended.
package job

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/executor"
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
	given   time.Time // when it got them
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
