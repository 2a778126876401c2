package executor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// LocalOptions are the settings of a Local. Data and Now are required.
type LocalOptions struct {
	// Data is the folder of all runs and of what they share. One manager at
	// a time has it.
	Data string
	// Now is the clock.
	Now func() time.Time
	// MaxRuns is how many runs go on at once, the others wait for their turn;
	// 0 is one more than the number of processors, at least 3.
	MaxRuns int
	// MaxRunsPerNamespace is how many of them one namespace may have; 0 is all
	// but one, so that none can keep all others waiting with scripts that sleep.
	MaxRunsPerNamespace int
	// MemoryLimit in bytes bounds one run with all that it starts; 0 is none.
	// Everywhere the run itself adds up its processes' memory, twice a
	// second, and ends when it is too much; Node is told to keep its heap
	// below; and the kernel, should the machine run out, takes a run first.
	// Where this process may make control groups, the kernel holds the bound
	// too, an eighth above. An address space limit would not do: Node
	// reserves far more than it uses.
	MemoryLimit int64
	// MinFree is how many bytes must be free under Data for a run to start;
	// 0 is 512 MiB.
	MinFree int64
	// Grace is the time between SIGTERM and SIGKILL; 0 is 10 s.
	Grace time.Duration
	// PassEnv names variables of the operator that every run gets, beside
	// those that it gets anyway.
	PassEnv []string
	// Log is where the logs of the runs go, line by line, led by namespace,
	// name and step; nil is nowhere.
	Log io.Writer
	// Notify is called with the name of a run that ended or changed its step,
	// from one goroutine at a time. It must not block.
	Notify func(name string)
	// Command is what carries a run out, less the verb and its flags; nil is
	// this very program.
	Command []string
	// Environ is the operator's environment; nil is os.Environ().
	Environ []string
}

// Local runs runs as child processes on this machine. Its state is in files,
// so that a manager takes over the runs of the one before it.
//
// It keeps a run that goes wrong from harming others. It does not keep apart
// those who mean harm: all runs are processes of one user and can read each
// other's files.
type Local struct {
	o      LocalOptions
	groups controlGroups

	mu     sync.Mutex
	runs   map[string]*task // those that wait, run or are being ended
	queue  Queue[*task]
	news   []string // names to announce
	closed bool
	// reclaiming is true while room is made; until reclaimNot there is none to
	// be made.
	reclaiming bool
	reclaimNot time.Time
	// reclaimedIdle says that no run went on when room was last made.
	reclaimedIdle bool

	owned   *os.File // the locked file that makes the data folder ours
	wake    chan struct{}
	closing chan struct{}
	// background counts the watcher and the deletions under way.
	background sync.WaitGroup
	deleting   sync.Mutex
}

var _ Executor = (*Local)(nil)

// defaultTimeout bounds runs whose request has no bound of its own.
const defaultTimeout = time.Hour

// NewLocal returns an executor that has taken over whatever runs it finds. It
// is ErrInUse when another manager has the data folder and does not let go
// within some seconds.
func NewLocal(o LocalOptions) (*Local, error) {
	if o.Data == "" || o.Now == nil {
		return nil, errors.New("the local executor needs a data folder and a clock")
	}
	var err error
	if o.Data, err = filepath.Abs(o.Data); err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	if len(o.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		o.Command = []string{self}
	}
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	o.MaxRuns = cmp.Or(o.MaxRuns, max(2, runtime.NumCPU())+1)
	o.MaxRunsPerNamespace = cmp.Or(o.MaxRunsPerNamespace, max(o.MaxRuns-1, 1))
	o.MinFree = cmp.Or(o.MinFree, 512<<20)
	o.Grace = cmp.Or(o.Grace, 10*time.Second)
	l := &Local{o: o, groups: findControlGroups("/sys/fs/cgroup"), runs: make(map[string]*task), wake: make(chan struct{}, 1), closing: make(chan struct{})}
	if err := l.own(); err != nil {
		return nil, err
	}
	if err := l.adopt(); err != nil {
		return nil, errors.Join(err, l.owned.Close())
	}
	l.background.Go(l.watch)
	return l, nil
}

// Close stops watching. Runs go on, those that wait are forgotten: the next
// Local takes over the former and is asked to start the latter.
func (l *Local) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.closing)
	l.mu.Unlock()
	l.background.Wait()
	return l.owned.Close()
}

// Start starts a run or lets it wait for its turn; see Executor.
func (l *Local) Start(_ context.Context, name string, req run.Request, secrets run.Secrets) error {
	if err := CheckName(name); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed.New("the executor is closed")
	}
	if r, ok := l.runs[name]; ok {
		switch r.state {
		case removing:
			return ErrRemoving.New("start run %s: the run is being removed", name)
		case queued:
			r.secrets, r.given = secrets, l.o.Now()
		}
		return nil
	}
	r := l.newRun(name)
	if _, err := os.Stat(r.dir.Result()); err == nil {
		return nil
	}
	noSpace := l.checkSpace()
	if noSpace != nil && !l.makesRoom() {
		return noSpace
	}
	req.MemoryLimit = l.o.MemoryLimit
	if req.Timeout <= 0 {
		req.Timeout = defaultTimeout
	}
	r.request, r.secrets, r.given = req, secrets, l.o.Now()
	if l.reclaiming || l.busy() >= l.o.MaxRuns || !l.mayHaveAnother(req.Namespace) {
		l.runs[name] = r
		l.queue.Push(r)
		return nil
	}
	return l.launch(r)
}

// Observe tells what became of a run; see Executor.
func (l *Local) Observe(_ context.Context, name string) decide.Run {
	if err := CheckName(name); err != nil {
		return decide.Run{Err: err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.runs[name]
	switch {
	case ok && r.state == removing:
		return decide.Run{}
	case ok && r.state == queued:
		return decide.Run{State: decide.RunRunning, Step: StepQueued, Ahead: l.queue.Ahead(r), Stale: l.o.Now().Sub(r.given) > Fresh}
	case ok:
		return decide.Run{State: decide.RunRunning, Step: cmp.Or(r.step, run.StepStarting)}
	}
	result, err := l.newRun(name).dir.ReadResult()
	if errors.Is(err, os.ErrNotExist) {
		return decide.Run{}
	}
	if err != nil {
		result = &decide.RunResult{Failure: run.ErrCrashed.Because(err, "the build's result cannot be read: %v", err)}
	}
	return decide.Run{State: decide.RunDone, Result: result}
}

// Remove ends and deletes a run; see Executor.
func (l *Local) Remove(_ context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed.New("the executor is closed")
	}
	r, ok := l.runs[name]
	if ok && r.state == running {
		r.state = removing
		l.ask(r)
		return nil
	}
	if ok && r.state == removing {
		return nil
	}
	if ok {
		l.queue.Remove(r)
		delete(l.runs, name)
	}
	return l.discard(string(l.newRun(name).dir))
}

// List names the runs; see Executor.
func (l *Local) List(context.Context) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	names, err := l.onDisk()
	if err != nil {
		return nil, err
	}
	for name, r := range l.runs {
		if r.state == queued {
			names = append(names, name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		r, ok := l.runs[name]
		return ok && r.state == removing
	})
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Log returns what is kept of a run's log; os.ErrNotExist when there is none.
func (l *Local) Log(name string) (io.ReadCloser, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return openLog(l.newRun(name).dir)
}

func (l *Local) runsFolder() string { return filepath.Join(l.o.Data, "runs") }

// onDisk names the runs that have a folder.
func (l *Local) onDisk() ([]string, error) {
	entries, err := os.ReadDir(l.runsFolder())
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && CheckName(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
