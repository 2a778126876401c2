// Package executortest holds what every executor is tested with: a contract,
// and a scripted run to put in the place of a build.
package executortest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/runner"
)

// The scripts, written in Request.StackName.
const (
	// Succeed returns a plan: Commit.Hash is different for each time that it
	// is carried out, TemplateDigest is the SHA-256 of the password,
	// Parameters is the environment.
	Succeed = "succeed"
	// Fail fails with a message that holds the password, after logging it.
	Fail = "fail"
	// Panic panics.
	Panic = "panic"
	// Crash ends the process without a result.
	Crash = "crash"
	// Hang goes on until its context ends.
	Hang = "hang"
	// Stuck goes on whatever its context says.
	Stuck = "stuck"
	// Await goes on until the file named by the context value FileValue exists.
	Await = "await"
	// Daemon starts a process that ignores SIGTERM and leaves its group and
	// its parent, then waits like Await. The daemon writes its process id
	// into the file named by PIDFileValue.
	Daemon = "daemon"
	// Flood writes BytesValue bytes to the log.
	Flood = "flood"
	// Memory has a child that takes more memory, block by block, until it is ended.
	Memory = "memory"
	// Burst is Memory in one go.
	Burst = "burst"
	// Stranger is Daemon with a process that also cleared its environment.
	Stranger = "stranger"
)

// Names of context values that are a script's arguments.
const (
	FileValue    = "file"
	PIDFileValue = "pidfile"
	BytesValue   = "bytes"
)

// childVerb is the first argument of the processes that scripts start.
const childVerb = "executortest-child"

// patience bounds every script that waits, so that none outlives a broken test for long.
const patience = 2 * time.Minute

// pause is the time between two looks at a condition.
const pause = 10 * time.Millisecond

// Main makes a test binary act as a run, or as what a run starts, if it was
// called for that; otherwise it returns. It goes first in TestMain.
func Main(now func() time.Time) {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case "run":
		os.Exit(runVerb(os.Args[2:], now))
	case childVerb:
		child(os.Args[2], os.Args[3:])
	}
}

func runVerb(args []string, now func() time.Time) int {
	flags := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		flags[args[i]] = args[i+1]
	}
	if stage := flags["--"+run.FlagStage]; stage != "" {
		return stageVerb(stage, flags, now)
	}
	err := runner.Main(context.Background(), runner.MainOptions{
		Dir: run.Dir(flags["--dir"]), Data: flags["--data"],
		Stdin: os.Stdin, Now: now, Work: script,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// stageVerb is a container of a run.
func stageVerb(stage string, flags map[string]string, now func() time.Time) int {
	limit, _ := strconv.Atoi(flags["--"+run.FlagMessageLimit])
	err := runner.Stage(context.Background(), runner.StageOptions{
		Stage: stage, Dir: run.Dir(flags["--"+run.FlagDir]), Data: flags["--"+run.FlagData],
		Request: flags["--"+run.FlagRequest], Secrets: flags["--"+run.FlagSecrets],
		Message: flags["--"+run.FlagMessage], MessageLimit: limit, Log: os.Stdout, Now: now, Work: script,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// script plays the script where the git password is, and returns the plan at the
// end of the run: in one process, or in the first and the last of several.
func script(ctx context.Context, s *runner.Session) (*v1alpha1.Plan, error) {
	file := filepath.Join(s.Dir.State(), "digest")
	if s.Stage == "" || s.Stage == run.StageClone {
		err := s.Step(ctx, run.StepCloning, func(ctx context.Context, out io.Writer) (bool, error) {
			return false, play(ctx, s, out)
		})
		if err != nil {
			return nil, err
		}
		digest := sha256.Sum256([]byte(s.Secrets.Git.Password))
		if err := os.WriteFile(file, []byte(hex.EncodeToString(digest[:])), 0o600); err != nil {
			return nil, err
		}
	}
	if s.Stage != "" && s.Stage != run.StagePublish {
		return nil, nil
	}
	digest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	plan := &v1alpha1.Plan{
		StackName: s.Request.StackName, TemplateURL: "https://bucket.example/template",
		TemplateDigest: string(digest),
		Commit:         &v1alpha1.Commit{Hash: rand.Text()},
		Parameters:     map[string]string{},
	}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		plan.Parameters[name] = value
	}
	return plan, nil
}

func play(ctx context.Context, s *runner.Session, out io.Writer) error {
	switch s.Request.StackName {
	case Succeed:
		fmt.Fprintln(out, "all is well")
		return nil
	case Fail:
		fmt.Fprintf(out, "the password is %s\n", s.Secrets.Git.Password)
		return &problem.Problem{Reason: "Scripted", Message: "refused the password " + s.Secrets.Git.Password, Outlook: problem.Stalls}
	case Panic:
		panic("scripted, with " + s.Secrets.Git.Password)
	case Crash:
		os.Exit(3)
	case Hang:
		<-ctx.Done()
		return context.Cause(ctx)
	case Stuck:
		time.Sleep(patience)
		return nil
	case Await:
		return await(ctx, value(s, FileValue))
	case Daemon, Stranger:
		if err := start(childVerb, s.Request.StackName+"-parent", value(s, PIDFileValue)).Wait(); err != nil {
			return err
		}
		return await(ctx, value(s, FileValue))
	case Flood:
		return flood(out, value(s, BytesValue))
	case Memory, Burst:
		return start(childVerb, s.Request.StackName).Wait()
	}
	return errors.New("no such script: " + s.Request.StackName)
}

func value(s *runner.Session, name string) string {
	for _, c := range s.Request.Context {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// await waits until the file exists.
func await(ctx context.Context, path string) error {
	for range patience / pause {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return errors.New("nobody made " + path)
}

func flood(out io.Writer, bytes string) error {
	total, err := strconv.Atoi(bytes)
	if err != nil {
		return err
	}
	chunk := []byte(strings.Repeat(strings.Repeat("x", 127)+"\n", 256))
	fmt.Fprintln(out, "the first line")
	for written := 0; written < total; written += len(chunk) {
		if _, err := out.Write(chunk); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "the last line")
	return nil
}

func start(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	if args[1] == Daemon || args[1] == Stranger {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	if args[1] == Stranger {
		cmd.Env = []string{"PATH=/bin"}
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return cmd
}

// child is a process that a script started.
func child(role string, args []string) {
	switch role {
	case Daemon + "-parent", Stranger + "-parent":
		start(childVerb, strings.TrimSuffix(role, "-parent"), args[0])
		// It leaves its child to whoever takes orphans.
		_ = await(context.Background(), args[0])
	case Daemon, Stranger:
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		fresh := args[0] + ".new"
		if err := os.WriteFile(fresh, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			os.Exit(1)
		}
		_ = os.Rename(fresh, args[0])
		time.Sleep(patience)
	case Memory, Burst:
		var held [][]byte
		for range 64 { // 4 GiB at most
			block := make([]byte, 64<<20)
			for i := range block {
				block[i] = byte(i)
			}
			held = append(held, block)
			if role == Memory {
				time.Sleep(20 * time.Millisecond)
			}
		}
		fmt.Fprintln(os.Stderr, len(held))
	}
	os.Exit(0)
}
