package executor

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/runner"
	"awscdk.dev/operator/internal/runner/proc"
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

func (l *Local) living() []*run {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*run
	for _, r := range l.runs {
		if r.state != queued {
			list = append(list, r)
		}
	}
	return list
}

// follow looks at one run.
func (l *Local) follow(r *run) {
	ended := l.ended(r)
	r.log.pump(l.o.Log, l.lead(r), ended)
	if ended {
		l.finish(r)
		return
	}
	l.lookAtStep(r)
	l.hurry(r)
}

func (l *Local) lead(r *run) string { return r.request.Namespace + "/" + r.request.Name + " " }

// ended tells whether the process of a run is gone.
func (l *Local) ended(r *run) bool {
	l.mu.Lock()
	exited, adopted := r.exited, r.adopted
	l.mu.Unlock()
	if !adopted {
		return exited
	}
	living, err := alive(r.dir)
	return err == nil && !living
}

func (l *Local) lookAtStep(r *run) {
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
func (l *Local) hurry(r *run) {
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
func (l *Local) finish(r *run) {
	proc.KillMarked(mark(r.dir))
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
	delete(l.runs, r.name)
	l.next()
}

// conclude writes the result of a run whose process did not.
func (l *Local) conclude(r *run) {
	if _, err := os.Stat(r.dir.Result()); !errors.Is(err, os.ErrNotExist) {
		return
	}
	f := decide.RunFailure{Step: cmp.Or(r.step, runner.StepStarting), Reason: runner.ReasonCrashed, Message: l.obituary(r)}
	if r.overdue {
		f.Reason, f.Message = runner.ReasonTimedOut, fmt.Sprintf("the build took longer than %s and had to be killed", r.request.Timeout)
	}
	// A result that cannot be written leaves a run that was never done, and
	// that is started again.
	_ = r.dir.WriteResult(decide.RunResult{Failure: &f})
}

// obituary says how a process died that left no result.
func (l *Local) obituary(r *run) string {
	switch {
	case r.adopted:
		return "the build's process ended without a result"
	case r.exit == nil:
		return "the build's process ended well but left no result"
	case r.exit.Error() == "signal: "+unix.SIGKILL.String():
		return "the build's process was killed from outside, most likely because the host or the operator's pod ran out of memory"
	}
	message := "the build's process ended without a result: " + r.exit.Error()
	data, err := os.ReadFile(r.dir.Stderr())
	if err != nil || r.redact == nil {
		return message
	}
	text := strings.TrimSpace(r.redact.String(string(data[:min(len(data), 1024)])))
	return strings.TrimSuffix(message+": "+text, ": ")
}
