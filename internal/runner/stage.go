package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/space"
)

// StageOptions are the arguments of Stage; all but MessageLimit are required.
type StageOptions struct {
	// Stage is the name of the stage.
	Stage string
	Dir   run.Dir
	Data  string
	// Request and Secrets are the files of the request and of the stage's own
	// secrets, Message is the one to write the result to.
	Request, Secrets, Message string
	// MessageLimit bounds what is written to Message, in bytes; 0 is 4096.
	MessageLimit int
	// Log is where the log goes.
	Log  io.WriteCloser
	Now  func() time.Time
	Work Work
}

// ErrStageFailed is a stage that failed and has said why in its message.
var ErrStageFailed = errors.New("the stage failed")

// Stage carries out one stage of a run in a container of its own: it goes on
// from what the stage before has left in the run's folder, works, ends every
// process that the work has started, leaves what the next stage needs, and only
// then writes the result of all stages so far as the termination message. It is
// ErrStageFailed when no other stage may follow.
func Stage(ctx context.Context, o StageOptions) error {
	if err := settle(); err != nil {
		return err
	}
	// Before any user code, which may not like to have it read.
	message, err := openMessage(o.Message)
	if err != nil {
		return err
	}
	defer message.Close()
	s, before, err := openStage(o)
	if err != nil {
		return o.refuse(message, before, err)
	}
	defer s.Log.Close()
	r := s.carryOut(ctx, o.Work, before.Deadline, podMemory(containerGroup, s.Request.MemoryLimit))
	if r.Failure == nil {
		after := progress{Stage: s.Stage, Deadline: before.Deadline, Facts: s.facts, Result: r}
		if err := run.WriteJSON(s.Dir.Progress(), after); err != nil {
			r = s.result(nil, fmt.Errorf("leave the run to its next stage: %w", err))
		}
	}
	return o.tell(message, r)
}

// openStage reads what the stage is to do, and gets the process ready for it.
func openStage(o StageOptions) (*Session, progress, error) {
	s := &Session{Stage: o.Stage, now: o.Now, messageLimit: o.limit()}
	if err := run.ReadInput(o.Request, &s.Request); err != nil {
		return nil, progress{}, err
	}
	stages := run.Stages(s.Request)
	at := slices.IndexFunc(stages, func(st run.Stage) bool { return st.Name == o.Stage })
	if at < 0 {
		return nil, progress{}, fmt.Errorf("the run has no stage %q; it has: %s", o.Stage, strings.Join(names(stages), ", "))
	}
	if err := run.ReadInput(o.Secrets, &s.Secrets); err != nil {
		return nil, progress{}, err
	}
	s.surround(stages[at], o)
	if err := s.settleIn(o); err != nil {
		return nil, progress{}, err
	}
	before, err := readProgress(s.Dir, stages, at)
	if err != nil {
		return nil, before, err
	}
	if at == 0 {
		before.Deadline = s.deadline()
	}
	s.facts, s.steps, s.hooks = before.Facts, before.Result.Steps, before.Result.Hooks
	return s, before, nil
}

// settleIn prepares the folders and the log.
func (s *Session) settleIn(o StageOptions) (err error) {
	if err := o.Dir.Create(); err != nil {
		return err
	}
	dir, err := realPath(string(o.Dir))
	if err != nil {
		return err
	}
	if s.Data, err = realPath(o.Data); err != nil {
		return err
	}
	s.Dir = run.Dir(dir)
	redactor := s.Secrets.Redactor(s.Request.Repository)
	redactor.Learn(redact.EnvironSecrets(environ())...)
	s.Log = NewLog(o.Log, redactor)
	return begin(s.Dir)
}

// surround makes the environment of the container that of the stage: without
// the token of a hook, which nothing of the environment may pass on, and
// without any identity in AWS where the stage is to have none.
func (s *Session) surround(stage run.Stage, o StageOptions) {
	env := run.EnvironOf(os.Environ())
	if token := env[run.TokenVariable]; token != "" && stage.Hook {
		s.Secrets.KubernetesToken = token
	}
	delete(env, run.TokenVariable)
	keys := env.Keys()
	if own := len(s.Secrets.AWS) > 0; own || !stage.AWS {
		env.Conceal()
	} else {
		s.Secrets.AWS = keys
	}
	for name := range keys { // they go the way of secrets
		delete(env, name)
	}
	env.Place(run.Surroundings{
		Dir: o.Dir, NPM: space.Data(o.Data).NPM(), Home: env["HOME"],
		MemoryLimit: podMemory(containerGroup, s.Request.MemoryLimit).shown,
	})
	os.Clearenv()
	for name, value := range env {
		_ = os.Setenv(name, value) // only a name that no process can have is refused
	}
}

// refuse tells that a stage could not begin.
func (o StageOptions) refuse(message *os.File, before progress, err error) error {
	r := before.Result
	r.Plan, r.PlanAt = nil, nil
	r.Failure, r.Step = Describe(run.StepStarting, err), run.StepStarting
	NewLog(o.Log, redact.New()).Printf(r.Step, "%s: %s", r.Failure.Reason, r.Failure.Message)
	return o.tell(message, r)
}

// tell writes the termination message.
func (o StageOptions) tell(message *os.File, r decide.RunResult) error {
	err := overwrite(message, run.EncodeMessage(r, o.limit()))
	if r.Failure != nil {
		err = errors.Join(fmt.Errorf("%w: %s: %s", ErrStageFailed, o.Stage, r.Failure.Reason), err)
	}
	return err
}

func (o StageOptions) limit() int {
	if o.MessageLimit <= 0 {
		return run.MessageLimit(1)
	}
	return o.MessageLimit
}

// openMessage opens the file of the termination message as it is: the kubelet
// has put it into the container, where it can be neither replaced nor made.
func openMessage(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the termination message: %w", err)
	}
	return file, nil
}

// overwrite writes the whole of a file, in one go.
func overwrite(file *os.File, data []byte) error {
	_, err := file.WriteAt(data, 0)
	if err := errors.Join(err, file.Truncate(int64(len(data)))); err != nil {
		return fmt.Errorf("write the termination message: %w", err)
	}
	return nil
}

func names(stages []run.Stage) []string {
	list := make([]string, len(stages))
	for i, s := range stages {
		list[i] = s.Name
	}
	return list
}
