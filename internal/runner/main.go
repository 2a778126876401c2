// Package runner carries out one run in a workspace: check out, install,
// synthesise, publish, run hooks. It is what `awscdk-operator run` executes, in
// a process of its own, since everything it starts is user code.
package runner

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/run"
)

const (
	// maxSecrets bounds what is read from standard input, in bytes.
	maxSecrets = 4 << 20
	// lockFD is where the executor leaves the locked Dir.Lock open.
	lockFD = 3
	// gateFD is a pipe that the executor closes when the run may begin. It is
	// closed, too, by the executor's end.
	gateFD = 4
	// windDown is how long work may take to end after its context has.
	windDown = 5 * time.Second
	// memoryPeriod is how often the run's memory is added up.
	memoryPeriod = 500 * time.Millisecond
)

// MainOptions are the arguments of Main; all are required.
type MainOptions struct {
	Dir   run.Dir
	Data  string
	Stdin io.Reader
	Now   func() time.Time
	Work  Work
}

// Main carries out one run in a process of its own, as the verb `run`: it
// reads the request and the secrets, works, ends every process that the work
// has started, and only then writes the result. The error is of a run that
// could not say its result; all else is in the result.
func Main(ctx context.Context, o MainOptions) error {
	unix.CloseOnExec(lockFD)
	if err := settle(); err != nil {
		return err
	}
	awaitGate(o.Stdin)
	s, err := open(o)
	if err != nil {
		return err
	}
	defer s.Log.Close()
	if err := begin(o.Dir); err != nil {
		return err
	}
	return s.Dir.WriteResult(s.carryOut(ctx, o.Work, s.deadline(), runMemory(s.Request.MemoryLimit)))
}

// settle makes the process what a run is to be: the parent of all that it
// starts, the first to go when memory runs out, and closed to the looks of what
// it starts.
func settle() error {
	if err := proc.Adopt(); err != nil {
		return err
	}
	// Refused where the host does not allow it, and then not worth failing for.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o600)
	return proc.Hide()
}

// awaitGate returns when the executor has put the process where it belongs, or
// has ended. Who has secrets of another kind of input has no gate.
func awaitGate(stdin io.Reader) {
	if stdin != os.Stdin {
		return
	}
	gate := os.NewFile(gateFD, "gate")
	defer gate.Close()
	// Nothing is ever written to it: this waits for its end.
	_, _ = io.Copy(io.Discard, gate)
}

// begin marks that the work begins and says who the process is.
func begin(dir run.Dir) error {
	if err := dir.WriteBegan(); err != nil {
		return err
	}
	self, err := proc.Self()
	if err != nil {
		return err
	}
	return run.WriteJSON(dir.Process(), self)
}
