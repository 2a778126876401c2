package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/regular"
	"awscdk.dev/operator/internal/run"
)

const (
	// hookGrace is how long a hook that was told to end may take to do so.
	hookGrace = 10 * time.Second
	// shownLines and shownBytes bound what a message shows of a hook's output.
	shownLines = 12
	shownBytes = 1200
)

// place is what the run knows of where the hook runs.
type place struct {
	// dir is the project's folder, or an empty one when there is none.
	dir string
	// account is that of the run's credentials.
	account string
}

// runHook runs the hook of the request to its end, with all that it started,
// and notes how it went. Its error is the hook's failure.
func runHook(ctx context.Context, s *Session, at place) error {
	h := s.Request.Hook
	began := s.now()
	var result decide.HookResult
	err := s.Step(ctx, h.Name, func(ctx context.Context, out io.Writer) (bool, error) {
		kubeconfig, done := openKubernetes(s, out)
		defer done()
		env, err := hookEnviron(s, at, kubeconfig)
		if err != nil {
			return false, err
		}
		result, err = execute(ctx, s, at.dir, env, out)
		return false, err
	})
	result.Name, result.Succeeded, result.Duration = h.Name, err == nil, s.now().Sub(began)
	if err != nil {
		result.Message = problem.CutMiddle(s.Log.redact.String(err.Error()), problem.MaxMessage)
	}
	result.Values = readValues(metricsFile(s), s.Log, h.Name)
	s.noteHook(result)
	return err
}

// execute runs the script with bash in a process group of its own. When the
// script has ended, whatever it left running ends too.
func execute(ctx context.Context, s *Session, dir string, env []string, out io.Writer) (decide.HookResult, error) {
	h := s.Request.Hook
	script := filepath.Join(s.Dir.Temp(), "hook-"+h.Name+".sh")
	if err := regular.Write(script, []byte(h.Script)); err != nil {
		return decide.HookResult{}, fmt.Errorf("write the script of %s: %w", h.Name, err)
	}
	limit := h.Timeout
	if limit <= 0 {
		limit = run.DefaultHookTimeout
	}
	ctx, stop := context.WithTimeoutCause(ctx, limit, errHookTimeout)
	defer stop()
	if err := fix(ctx, script, env, out); err != nil {
		return decide.HookResult{}, err
	}
	last := s.Log.redact.Tail(8 << 10)
	err := runScript(ctx, script, dir, env, io.MultiWriter(out, last))
	_ = last.Close()
	if err == nil {
		code := int32(0)
		return decide.HookResult{ExitCode: &code}, nil
	}
	return explainHook(ctx, s, lastLines(last.String()), limit, err)
}

var errHookTimeout = errors.New("the hook took too long")

func runScript(ctx context.Context, script, dir string, env []string, out io.Writer) error {
	bash, err := exec.LookPath("bash")
	if err != nil {
		return startError(err)
	}
	err = proc.Command{
		Path: bash, Args: []string{"--noprofile", "--norc", "--", script}, Dir: dir, Env: env, Out: out, Grace: hookGrace, Alone: true,
	}.Run(ctx)
	return startError(err)
}

// startError explains why bash could not be started at all; another error
// stays as it is.
func startError(err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New(proc.NotOnPath("bash"))
	case errors.Is(err, unix.E2BIG):
		return errors.New("the variables of the hook are too large for one process (128 KiB each, about 2 MiB together): keep large values in files")
	}
	return err
}

// hookEnviron is the environment of a hook: that of the run, the contract's
// variables, and the user's, which may not stand in for the contract's own.
func hookEnviron(s *Session, at place, kubeconfig string) ([]string, error) {
	env := run.EnvironOf(environ())
	env["PATH"] = env["PATH"] + string(os.PathListSeparator) + filepath.Join(at.dir, "node_modules", ".bin")
	options := env["NODE_OPTIONS"] // the memory limit is in it
	maps.Copy(env, s.Secrets.BuildEnv)
	if own, ok := s.Secrets.BuildEnv["NODE_OPTIONS"]; ok {
		env["NODE_OPTIONS"] = strings.TrimSpace(options + " " + own)
	}
	maps.Copy(env, s.Secrets.AWS)
	contract, err := contractEnviron(s, at)
	if err != nil {
		return nil, err
	}
	maps.Copy(env, contract)
	for name, value := range s.Secrets.HookEnv {
		if _, ours := contract[name]; !ours || strings.HasPrefix(name, "AWS_") {
			env[name] = value
		}
	}
	if s.Request.Hook.Kubernetes != nil {
		env["KUBECONFIG"] = kubeconfig
	}
	return newToolchain(s).environ(at.dir, env.List())
}

// contractEnviron are the variables that scripts in circulation read, of both
// generations of names, and the files beside them.
func contractEnviron(s *Session, at place) (map[string]string, error) {
	r, h := s.Request, s.Request.Hook
	env := map[string]string{
		"CDK_STACK_NAME": r.StackName, "CDK_STACK_NAMESPACE": r.Namespace,
		"CDK_STACK_RESOURCE_NAME": r.Name, "CDK_STACK_REGION": r.Region,
		"CDK_OPERATION": h.Name, "CDK_PROJECT_PATH": at.dir,
		"CDK_GIT_REPOSITORY": r.Repository, "CDK_GIT_REF": r.Ref, "CDK_GIT_REVISION": r.Revision,
		"AWS_ACCOUNT_ID": at.account, "AWS_ACCOUNT": at.account,
		"CDK_DEFAULT_ACCOUNT": at.account, "CDK_DEFAULT_REGION": r.Region,
		"AWS_REGION": r.Region, "AWS_DEFAULT_REGION": r.Region,
		"CDK_METRICS_FILE": metricsFile(s),
	}
	maps.Copy(env, h.Env)
	for name, file := range h.Files {
		path := filepath.Join(s.Dir.Temp(), file.Name)
		if err := regular.Write(path, file.Data); err != nil {
			return nil, fmt.Errorf("write %s for the hook: %w", file.Name, err)
		}
		env[name] = path
	}
	return env, nil
}

func metricsFile(s *Session) string { return filepath.Join(s.Dir.Temp(), "metrics.txt") }
