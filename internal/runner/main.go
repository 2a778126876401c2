// Package runner carries out one run in a workspace: check out, install,
// synthesise, publish, run hooks. It is what `awscdk-operator run` executes, in
// a process of its own, since everything it starts is user code.
package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/redact"
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
	if err := trustForNode(o.Dir); err != nil {
		s.Log.Printf(run.StepStarting, "%v", err)
	}
	ctx, stop := bound(ctx, o.Dir, s.Request)
	defer stop()
	go s.makeRoom(ctx)
	s.begin(run.StepStarting)
	plan, err := s.attempt(ctx, o.Work)
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	if killErr := proc.KillDescendants(); killErr != nil {
		s.Log.Printf(s.step, "%v", killErr)
	}
	r := s.result(plan, err)
	if r.Failure != nil {
		s.Log.Printf(r.Step, "%s: %s", r.Failure.Reason, r.Failure.Message)
	}
	return s.Dir.WriteResult(r)
}

// settle makes the process what the executor takes it for: the holder of the
// lock, the parent of all that it starts, the first to go when memory runs
// out, and closed to the looks of what it starts.
func settle() error {
	unix.CloseOnExec(lockFD)
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

// open reads what the run is to do.
func open(o MainOptions) (*Session, error) {
	dir, err := realPath(string(o.Dir))
	if err != nil {
		return nil, err
	}
	data, err := realPath(o.Data)
	if err != nil {
		return nil, err
	}
	s := &Session{Dir: run.Dir(dir), Data: data, now: o.Now}
	if s.Request, err = o.Dir.ReadRequest(); err != nil {
		return nil, err
	}
	if s.Secrets, err = readSecrets(o.Stdin); err != nil {
		return nil, err
	}
	redactor := s.Secrets.Redactor(s.Request.Repository)
	redactor.Learn(redact.EnvironSecrets(environ())...)
	s.Log, err = OpenLog(o.Dir, redactor)
	return s, err
}

func readSecrets(stdin io.Reader) (s run.Secrets, err error) {
	data, err := io.ReadAll(io.LimitReader(stdin, maxSecrets+1))
	if err != nil {
		return s, fmt.Errorf("read the run's secrets: %w", err)
	}
	if len(data) > maxSecrets {
		return s, fmt.Errorf("read the run's secrets: more than %d bytes", maxSecrets)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		// The decoder's message may quote what it read.
		return s, errors.New("read the run's secrets: standard input holds no JSON object of secrets")
	}
	return s, emptyStdin(stdin)
}

// realPath is a folder's path without symbolic links: tools report paths
// without them, and user code is held to its folder by comparing paths.
func realPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", fmt.Errorf("find the folder of the run: %w", err)
	}
	return real, nil
}

// emptyStdin puts nothing in the place of a standard input that held secrets,
// so that nobody can read it once more.
func emptyStdin(stdin io.Reader) error {
	if stdin != os.Stdin {
		return nil
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("empty standard input: %w", err)
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
		return fmt.Errorf("empty standard input: %w", err)
	}
	return nil
}

type outcome struct {
	plan *v1alpha1.Plan
	err  error
}

// attempt does the work and comes back at the latest a moment after the
// context has ended, whatever the work does.
func (s *Session) attempt(ctx context.Context, work Work) (*v1alpha1.Plan, error) {
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				s.Log.Printf(s.current(), "panic: %v\n%s", p, debug.Stack())
				o.err = run.ErrPanicked.New("the build panicked, which is a defect of the operator: %v", p)
			}
			done <- o
		}()
		o.plan, o.err = work(ctx, s)
	}()
	select {
	case o := <-done:
		return o.plan, o.err
	case <-ctx.Done():
	}
	// Whatever the work waits for ends with the processes that it started.
	if self, err := proc.Self(); err == nil {
		proc.KillBelow(self)
	}
	select {
	case o := <-done:
		return o.plan, o.err
	case <-time.After(windDown):
		return nil, context.Cause(ctx)
	}
}

func (s *Session) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.step
}
