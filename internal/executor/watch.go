package executor

import (
	"cmp"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/regular"
	"awscdk.dev/operator/internal/run"
)

// watch follows the runs until Close. With no run it sleeps.
func (l *Local) watch() {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		tick := ticker.C
		if len(l.living()) == 0 {
			tick = nil
		}
		select {
		case <-l.closing:
			return
		case <-l.wake:
		case <-tick:
		}
		for _, r := range l.living() {
			l.follow(r)
		}
		l.announce()
	}
}

// announce tells the news, without the lock.
func (l *Local) announce() {
	l.mu.Lock()
	news := l.news
	l.news = nil
	l.mu.Unlock()
	for _, name := range news {
		l.o.Notify(name)
	}
}

func (l *Local) living() []*task {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*task
	for _, r := range l.runs {
		if r.state != queued {
			list = append(list, r)
		}
	}
	return list
}

// follow looks at one run.
func (l *Local) follow(r *task) {
	ended := l.ended(r)
	r.log.pump(l.o.Log, l.lead(r), ended)
	if ended {
		l.finish(r)
		return
	}
	l.lookAtStep(r)
	l.hurry(r)
}

func (l *Local) lead(r *task) string { return r.request.Namespace + "/" + r.request.Name + " " }

// ended tells whether the process of a run is gone.
func (l *Local) ended(r *task) bool {
	l.mu.Lock()
	exited, adopted := r.exited, r.adopted
	l.mu.Unlock()
	if !adopted {
		return exited
	}
	living, err := alive(r.dir)
	return err == nil && !living
}

func (l *Local) lookAtStep(r *task) {
	step, err := r.dir.ReadStep()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || step == r.step || r.state != running {
		return
	}
	r.step = step
	l.tell(r.name)
}

// hurry ends a run that is overdue, or that was asked to go and has not gone.
func (l *Local) hurry(r *task) {
	now := l.o.Now()
	l.mu.Lock()
	if !r.deadline.IsZero() && now.After(r.deadline) && !r.overdue {
		r.overdue = true
		l.ask(r)
	}
	due := !r.killAt.IsZero() && now.After(r.killAt)
	l.mu.Unlock()
	if due {
		r.kill()
	}
}

// finish tidies up after a process that is gone and lets the next one start.
func (l *Local) finish(r *task) {
	r.sweep()
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.state == removing {
		// What cannot be deleted now stays listed, and is deleted by whoever
		// looks for runs that have no object.
		_ = l.discard(string(r.dir))
	} else {
		l.conclude(r)
		l.discardScratch(r.dir)
		l.tell(r.name)
	}
	r.cgroup.close()
	delete(l.runs, r.name)
	l.next()
}

// conclude writes the result of a run whose process did not, and of one that
// failed since the kernel took a process from it.
func (l *Local) conclude(r *task) {
	result, err := r.dir.ReadResult()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return // Observe tells what is wrong with it
	}
	if err == nil && (result.Failure == nil || !r.cgroup.ranOut()) {
		return
	}
	if err != nil && r.adopted && !r.dir.HasBegun() {
		return // lost with the manager that started it: it is started again
	}
	if err != nil {
		result = &decide.RunResult{}
	}
	result.Failure, result.Step = run.ErrCrashed.New("%s", l.obituary(r)), cmp.Or(r.step, run.StepStarting)
	switch {
	case r.cgroup.ranOut():
		result.Failure = problem.OutOfMemory.New("the build used more than the %d MiB of memory that a run may use; raise the operator's run memory limit or make the app smaller", l.o.MemoryLimit>>20)
	case r.overdue:
		result.Failure = problem.TimedOut.New("the build took longer than %s and had to be killed", r.request.Timeout)
	}
	// A result that cannot be written leaves a run that was never done, and
	// that is started again.
	_ = r.dir.WriteResult(*result)
}

// obituary says how a process died that left no result.
func (l *Local) obituary(r *task) string {
	switch {
	case r.adopted:
		return "the build's process ended without a result"
	case r.exit == nil:
		return "the build's process ended well but left no result"
	case r.exit.Error() == "signal: "+unix.SIGKILL.String():
		return "the build's process was killed from outside, most likely because the host or the operator's pod ran out of memory"
	}
	message := "the build's process ended without a result: " + r.exit.Error()
	data, err := firstBytes(r.dir.Stderr(), 64<<10)
	if err != nil || r.redact == nil {
		return message
	}
	// Redacted before it is cut: nobody recognises a piece of a secret.
	text := r.redact.String(string(data))
	text = strings.TrimSpace(strings.ToValidUTF8(text[:min(len(text), 1024)], ""))
	return strings.TrimSuffix(message+": "+text, ": ")
}

func firstBytes(path string, most int64) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}
