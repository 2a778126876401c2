package executor

import (
	"errors"
	"os"
	"os/exec"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/run"
)

// maxAttempts is how often a run is started that vanishes each time, together
// with the manager that started it: more likely than not, it takes it along.
const maxAttempts = 3

// launch gives a run its process. The caller holds the lock.
func (l *Local) launch(r *task) error {
	attempt, err := l.clear(r.dir)
	if err != nil {
		return err
	}
	if err := r.dir.Create(); err != nil {
		return err
	}
	if attempt > maxAttempts {
		l.tell(r.name)
		return r.dir.WriteResult(failed(problem.RunLost.New(
			"the build vanished %d times, together with the operator, without saying why; most likely the operator ran out of memory: raise its memory limit, or lower the run memory limit", maxAttempts)))
	}
	r.cgroup = l.groups.open(l.o.MemoryLimit + l.o.MemoryLimit/8)
	cmd, err := l.forkRecorded(r, attempt)
	if err != nil {
		r.cgroup.close()
		return errors.Join(err, l.discard(string(r.dir)))
	}
	r.state = running
	// A process that has ended already has no id, and needs none.
	r.id, _ = proc.Find(cmd.Process.Pid)
	r.redact, r.secrets = r.secrets.Redactor(r.request.Repository), run.Secrets{}
	l.runs[r.name] = r
	go l.await(r, cmd)
	l.poke()
	return nil
}

// forkRecorded notes what the next manager must know and starts the process:
// in this order, so that what is noted is true whenever this one may end.
func (l *Local) forkRecorded(r *task, attempt int) (*exec.Cmd, error) {
	if r.request.Timeout > 0 {
		r.deadline = l.o.Now().Add(r.request.Timeout + l.o.Grace)
	}
	rec := record{Attempt: attempt, Cgroup: r.cgroup, Deadline: r.deadline}
	if err := errors.Join(run.WriteJSON(recordFile(r.dir), rec), r.dir.WriteRequest(r.request)); err != nil {
		return nil, err
	}
	return l.fork(r.dir, r.cgroup, r.secrets)
}

// clear takes away what is left of a lost run and says which attempt the next
// is. One that never began its work does not count: only its start was lost.
func (l *Local) clear(dir run.Dir) (attempt int, err error) {
	if _, err := os.Stat(string(dir)); errors.Is(err, os.ErrNotExist) {
		return 1, nil
	}
	var before record
	// A record that cannot be read counts as none.
	_ = run.ReadJSON(recordFile(dir), &before)
	left := task{dir: dir, cgroup: before.Cgroup}
	left.sweep()
	before.Cgroup.close()
	began := dir.HasBegun()
	if err := l.discard(string(dir)); err != nil {
		return 0, err
	}
	if began {
		return before.Attempt + 1, nil
	}
	return max(before.Attempt, 1), nil
}

// await takes leave of the process when it ends, so that no zombie remains.
func (l *Local) await(r *task, cmd *exec.Cmd) {
	err := cmd.Wait()
	l.mu.Lock()
	r.exited, r.exit = true, err
	l.mu.Unlock()
	l.poke()
}

// next starts those whose turn it is. The caller holds the lock.
func (l *Local) next() {
	for !l.reclaiming && l.busy() < l.o.MaxRuns {
		if !l.queue.Empty() && l.checkSpace() != nil && l.makesRoom() {
			return
		}
		r := l.queue.Pop(l.mayHaveAnother)
		if r == nil {
			return
		}
		delete(l.runs, r.name)
		l.tell(r.name)
		// What cannot be started is forgotten: whoever wants it hears that it
		// is gone, starts it again and is told why that cannot be.
		if l.checkSpace() == nil {
			_ = l.launch(r)
		}
	}
}

// ask asks the process of a run to go and notes when patience ends.
func (l *Local) ask(r *task) {
	if r.killAt.IsZero() {
		r.killAt = l.o.Now().Add(l.o.Grace)
	}
	r.terminate()
	l.poke()
}

// tell makes the watcher announce a run. The caller holds the lock.
func (l *Local) tell(name string) {
	l.news = append(l.news, name)
	l.poke()
}

// poke makes the watcher look now.
func (l *Local) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func failed(p *problem.Problem) decide.RunResult {
	return decide.RunResult{Failure: p, Step: run.StepStarting}
}

// period is how often living runs are looked at: for their step, their log,
// their deadline and, where the process is not our child, their end.
const period = 100 * time.Millisecond

// mayHaveAnother says whether a namespace may have one more run at a time.
func (l *Local) mayHaveAnother(namespace string) bool {
	n := 0
	for _, r := range l.runs {
		if r.state != queued && r.request.Namespace == namespace {
			n++
		}
	}
	return n < l.o.MaxRunsPerNamespace
}

// busy counts the runs that have a process.
func (l *Local) busy() int {
	n := 0
	for _, r := range l.runs {
		if r.state != queued {
			n++
		}
	}
	return n
}
