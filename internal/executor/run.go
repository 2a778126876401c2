package executor

import (
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/run"
)

type state int

const (
	queued state = iota
	running
	removing
)

// task is a run that is not over. Its fields are guarded by Local.mu, except for
// log, which is the watcher's.
type task struct {
	name    string
	dir     run.Dir
	request run.Request
	secrets run.Secrets // of a queued run; then forgotten
	given   time.Time   // when it got them
	redact  *redact.Redactor

	id       proc.ID // of the process; zero when it is not known
	cgroup   cgroup
	state    state
	step     string
	adopted  bool
	exited   bool
	exit     error
	deadline time.Time // when it is overdue; zero is never
	overdue  bool
	killAt   time.Time // zero until it was asked to go

	log follower
}

// Asks implements Waiter.
func (r *task) Asks() run.Request { return r.request }

func (l *Local) newRun(name string) *task {
	dir := run.Dir(filepath.Join(l.runsFolder(), name))
	return &task{name: name, dir: dir, log: follower{dir: dir}}
}

// process names the process of a run as well as it is known.
func (r *task) process() proc.ID {
	id := r.id
	if id == (proc.ID{}) {
		// A run taken over before it had said who it is.
		_ = run.ReadJSON(r.dir.Process(), &id)
	}
	return id
}

// terminate asks the process of a run to go, with all of its group.
func (r *task) terminate() {
	// One that has ended, or has only just begun, is ended by the grace period.
	_ = r.process().SignalGroup(unix.SIGTERM)
}

// kill ends the process of a run and all that it has started, at once.
func (r *task) kill() {
	id := r.process()
	if !id.Alive() {
		r.sweep()
		return
	}
	// The children first: they are only found below a living parent, which
	// must not start more meanwhile.
	_ = id.Signal(unix.SIGSTOP)
	proc.KillBelow(id)
	_ = id.Signal(unix.SIGKILL)
}

// sweep ends whatever a run has left behind.
func (r *task) sweep() {
	r.cgroup.kill()
	proc.KillMarked(mark(r.dir))
}
