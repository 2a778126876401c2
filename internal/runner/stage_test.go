package runner

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// stageVerb makes the test binary one stage of a run in the scripted world.
const stageVerb = "runner-test-stage"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == stageVerb {
		os.Exit(stageProcess(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// scripted says what happens in the world of a stage's process.
type scripted struct {
	// Fail, Panic, Hang and Leave name the step that does so; Leave leaves a
	// process behind.
	Fail, Panic, Hang, Leave string
	// Dump writes the environment of each step into a file in TMPDIR.
	Dump bool
	// Big is the size of a parameter of the plan.
	Big int
}

// act does what the script says of a step.
func (s scripted) act(ctx context.Context, step string) error {
	if s.Dump {
		data, _ := json.Marshal(os.Environ())
		return os.WriteFile(filepath.Join(os.Getenv("TMPDIR"), step), data, 0o600)
	}
	switch step {
	case s.Fail:
		return &problem.Problem{Reason: "Refused", Message: step + " was refused to hunter22", Outlook: problem.Stalls}
	case s.Panic:
		panic("scripted")
	case s.Leave:
		cmd := exec.Command("setsid", "sleep", "600")
		cmd.Env = append(os.Environ(), "LEFT_BY="+os.Getenv(run.MarkVariable))
		return cmd.Start()
	case s.Hang:
		_ = os.WriteFile(filepath.Join(os.Getenv("TMPDIR"), "hangs"), nil, 0o600)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return nil
}

// scriptedWorld is world, made to act.
type scriptedWorld struct {
	*world
	scripted
}

func (w scriptedWorld) Checkout(ctx context.Context, dir string, out io.Writer) (v1alpha1.Commit, bool, error) {
	if err := w.act(ctx, run.StepCloning); err != nil {
		return v1alpha1.Commit{}, false, err
	}
	return w.world.Checkout(ctx, dir, out)
}

func (w scriptedWorld) Install(ctx context.Context, project string, out io.Writer) (string, bool, error) {
	if err := w.act(ctx, run.StepInstalling); err != nil {
		return "", false, err
	}
	return w.world.Install(ctx, project, out)
}

func (w scriptedWorld) Synth(ctx context.Context, p Installed, account string, out io.Writer) (Stack, error) {
	if err := w.act(ctx, run.StepSynthesizing); err != nil {
		return Stack{}, err
	}
	stack, err := w.world.Synth(ctx, p, account, out)
	if w.Big > 0 {
		noise := make([]byte, w.Big/2)
		_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
		stack.Plan.Parameters["Big"] = hex.EncodeToString(noise)
	}
	return stack, err
}

func stageProcess(args []string) int {
	var w scriptedWorld
	if err := json.Unmarshal([]byte(args[0]), &w.scripted); err != nil {
		return 9
	}
	limit, _ := strconv.Atoi(args[6])
	w.world = &world{stack: Stack{Plan: v1alpha1.Plan{StackName: "Web", TemplateDigest: "d1"}}}
	err := Stage(context.Background(), StageOptions{
		Stage: args[1], Dir: run.Dir(args[2]), Data: args[3], Request: args[4] + "/request.json", Secrets: args[4] + "/secrets.json",
		Message: args[5], MessageLimit: limit, Log: os.Stdout, Now: time.Now,
		Work: func(ctx context.Context, s *Session) (*v1alpha1.Plan, error) {
			return Tools{Identity: w, Source: w, Toolchain: w, Publisher: w}.Work(ctx, s)
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// pod is the folders of a run whose stages are processes.
type pod struct {
	*testing.T
	dir, data string
	request   run.Request
	secrets   run.Secrets
	script    scripted
	env       []string
	limit     int
	// logs are those of all stages.
	logs bytes.Buffer
}

func newPod(t *testing.T, r run.Request) *pod {
	t.Helper()
	r.Region = region
	return &pod{
		T: t, dir: filepath.Join(t.TempDir(), "workspace"), data: filepath.Join(t.TempDir(), "cache"), request: r, limit: 2400,
		// Every stage has one to hide: a secret that it does not have it cannot know.
		secrets: run.Secrets{
			Git:      git.Credentials{Password: "hunter22"},
			BuildEnv: map[string]string{"NPM_TOKEN": "hunter22"}, BuildSecrets: []string{"NPM_TOKEN"},
		},
	}
}

// command is the process of a stage, with its own secrets in a volume as the
// kubelet makes it: the files are links. Message is its termination message.
func (p *pod) command(stage string) (cmd *exec.Cmd, message string) {
	p.Helper()
	volume := p.TempDir()
	for _, s := range run.Stages(p.request) {
		if s.Name == stage {
			p.put(volume, "secrets.json", p.secrets.For(s))
		}
	}
	p.put(volume, "request.json", p.request)
	message = filepath.Join(p.TempDir(), "termination-log")
	script, err := json.Marshal(p.script)
	if err := errors.Join(err, os.WriteFile(message, nil, 0o600), os.MkdirAll(p.dir, 0o700)); err != nil {
		p.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		p.Fatal(err)
	}
	cmd = exec.Command(self, stageVerb, string(script), stage, p.dir, p.data, volume, message, strconv.Itoa(p.limit))
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = &p.logs, &p.logs
	return cmd, message
}

func (p *pod) put(volume, name string, value any) {
	p.Helper()
	data, err := json.Marshal(value)
	if err := errors.Join(err, os.MkdirAll(filepath.Join(volume, "..data"), 0o700),
		os.WriteFile(filepath.Join(volume, "..data", name), data, 0o400), os.Symlink("..data/"+name, filepath.Join(volume, name))); err != nil {
		p.Fatal(err)
	}
}

// stage carries one stage out: its exit code and what its message says.
func (p *pod) stage(name string) (int, *run.Result) {
	p.Helper()
	cmd, message := p.command(name)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		p.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), p.read(message)
}

func (p *pod) read(message string) *run.Result {
	p.Helper()
	data, err := os.ReadFile(message)
	if err != nil || len(data) > p.limit {
		p.Fatalf("a message of %d bytes, %v", len(data), err)
	}
	result, err := run.DecodeMessage(data)
	if err != nil {
		p.Fatalf("the message is %q: %v\n%s", data, err, p.logs.String())
	}
	return result
}

// all carries the stages out until one fails, as a pod does.
func (p *pod) all() (last string, code int, result *run.Result) {
	p.Helper()
	for _, stage := range run.Stages(p.request) {
		if code, result = p.stage(stage.Name); code != 0 {
			return stage.Name, code, result
		}
		last = stage.Name
	}
	return last, 0, result
}

// alone carries the whole run out in one process, this one.
func (p *pod) alone() run.Result {
	p.Helper()
	s := session(p.T, p.request, p.secrets)
	if err := s.Dir.Create(); err != nil {
		p.Fatal(err)
	}
	w := scriptedWorld{world: &world{stack: Stack{Plan: v1alpha1.Plan{StackName: "Web", TemplateDigest: "d1"}}}, scripted: p.script}
	return s.result(Tools{Identity: w, Source: w, Toolchain: w, Publisher: w}.Work(p.Context(), s))
}

var sameResult = cmp.Options{cmpopts.IgnoreFields(decide.RunStep{}, "Duration"), cmpopts.IgnoreFields(decide.HookResult{}, "Duration"), cmpopts.IgnoreFields(problem.Problem{}, "Err")}

func hookOf(name, script string) *run.Hook { return &run.Hook{Name: name, Script: script} }

func TestStagesComeToWhatOneProcessComesTo(t *testing.T) {
	for name, c := range map[string]struct {
		request run.Request
		script  scripted
		last    string
		code    int
	}{
		"a build":                  {run.Request{}, scripted{}, "publish", 0},
		"a build with a hook":      {run.Request{Hook: hookOf(decide.BeforeDeploy, "echo seconds 3 > $CDK_METRICS_FILE")}, scripted{}, "publish", 0},
		"a hook that blocks":       {run.Request{Hook: hookOf(decide.BeforeDeploy, "echo no; exit 4")}, scripted{}, "hook", 1},
		"a clone that fails":       {run.Request{}, scripted{Fail: run.StepCloning}, "clone", 1},
		"an install that fails":    {run.Request{}, scripted{Fail: run.StepInstalling}, "install", 1},
		"a synth that fails":       {run.Request{}, scripted{Fail: run.StepSynthesizing}, "synth", 1},
		"a hook after":             {run.Request{Operation: run.OperationHook, Hook: hookOf(decide.AfterDeploy, `test "$AWS_ACCOUNT_ID" = 111122223333`)}, scripted{}, "hook", 0},
		"a plan that is very long": {run.Request{}, scripted{Big: 1500}, "publish", 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, c.request)
			p.script = c.script
			last, code, got := p.all()
			if last != c.last || code != c.code {
				t.Errorf("%s ended with code %d, want %s with %d\n%s", last, code, c.last, c.code, p.logs.String())
			}
			want := p.alone()
			if diff := cmp.Diff(&want, got, sameResult); diff != "" {
				t.Errorf("one process, stages (-want +got):\n%s", diff)
			}
			if strings.Contains(p.logs.String(), "hunter22") {
				t.Errorf("the log shows a secret:\n%s", p.logs.String())
			}
		})
	}
}

func TestALargePlanGoesByTheBucket(t *testing.T) {
	p := newPod(t, run.Request{})
	p.script.Big = 20000
	_, code, got := p.all()
	want := p.alone()
	if code != 0 || got.Plan != nil || got.PlanAt == nil || got.Failure != nil || len(got.Steps) != len(want.Steps) {
		t.Fatalf("code %d, %+v\n%s", code, got, p.logs.String())
	}
	plan, err := json.Marshal(want.Plan)
	if err != nil || got.PlanAt.Bytes != len(plan) {
		t.Errorf("the plan has %d bytes, %d were put aside, %v", len(plan), got.PlanAt.Bytes, err)
	}
}

func TestADestructionIsHeardWithoutAProject(t *testing.T) {
	const hook = `test "$(ls -A | wc -l)" = 0 && test "$AWS_ACCOUNT_ID" = 999988887777 && echo heard`
	for name, c := range map[string]struct {
		script  scripted
		missing string
		clone   bool
	}{
		"the clone fails":          {script: scripted{Fail: run.StepCloning}, clone: true},
		"nobody can try to get it": {missing: "the Secret is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hookOf(decide.BeforeDestroy, hook)
			h.ProjectOptional, h.ProjectMissing = true, c.missing
			p := newPod(t, run.Request{Operation: run.OperationHook, Hook: h, Account: "999988887777"})
			p.script = c.script
			last, code, got := p.all()
			if last != "hook" || code != 0 || got.Failure != nil || len(got.Hooks) != 1 || !got.Hooks[0].Succeeded {
				t.Fatalf("%s ended with code %d, %+v\n%s", last, code, got, p.logs.String())
			}
			if log := p.logs.String(); !strings.Contains(log, "the hook runs in an empty folder") || !strings.Contains(log, "heard") {
				t.Errorf("the log does not say so:\n%s", log)
			}
			want := p.alone()
			if diff := cmp.Diff(&want, got, sameResult); diff != "" {
				t.Errorf("one process, stages (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the install fails", func(t *testing.T) {
		h := hookOf(decide.BeforeDestroy, "test ! -e node_modules && test \"$(ls -A | wc -l)\" = 0")
		h.ProjectOptional = true
		p := newPod(t, run.Request{Operation: run.OperationHook, Hook: h})
		p.script.Fail = run.StepInstalling
		if last, code, got := p.all(); last != "hook" || code != 0 || got.Failure != nil {
			t.Errorf("%s ended with code %d, %+v\n%s", last, code, got, p.logs.String())
		}
	})
}

func TestStagesAreCarriedOutOnceAndInOrder(t *testing.T) {
	p := newPod(t, run.Request{Hook: hookOf(decide.BeforeDeploy, "true")})
	refused := func(stage, says string) {
		t.Helper()
		code, got := p.stage(stage)
		if code != 1 || got.Failure == nil || got.Failure.Reason != run.ErrFailed.Reason || !strings.Contains(got.Failure.Message, says) {
			t.Errorf("%s ended with code %d, %+v; want one that says %q", stage, code, got.Failure, says)
		}
		if !strings.Contains(p.logs.String(), says) {
			t.Errorf("the log does not say %q:\n%s", says, p.logs.String())
		}
	}
	refused("install", "the stage install cannot be carried out now: no stage has ended yet")
	if code, got := p.stage("clone"); code != 0 {
		t.Fatalf("%+v", got.Failure)
	}
	refused("clone", "the stage clone ended last, and each stage of a run is carried out once, in this order: clone, install, hook, synth, publish")
	refused("synth", "the stage synth cannot be carried out now: the stage clone ended last")
	refused("inspect", `the run has no stage "inspect"; it has: clone, install, hook, synth, publish`)
	if code, got := p.stage("install"); code != 0 || len(got.Steps) != 2 {
		t.Fatalf("after what was refused the run goes on: %+v", got)
	}
	if err := os.WriteFile(run.Dir(p.dir).Progress(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("hook", "go on from the stage before")
}

func TestAStageThatIsKilledSaysNothing(t *testing.T) {
	p := newPod(t, run.Request{})
	p.script.Hang = run.StepInstalling
	if code, _ := p.stage("clone"); code != 0 {
		t.Fatal(p.logs.String())
	}
	cmd, message := p.command("install")
	p.start(cmd)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if data, err := os.ReadFile(message); err != nil || len(data) != 0 {
		t.Errorf("the message is %q, %v", data, err)
	}
	// Nothing of it counts: the run is where it was.
	p.script = scripted{}
	if code, got := p.stage("install"); code != 0 || len(got.Steps) != 2 {
		t.Errorf("code %d, %+v", code, got)
	}
}

// TestUserCodeDoesNotSpeakForAStage has a hook write into the message of its
// container, and take it away.
func TestUserCodeDoesNotSpeakForAStage(t *testing.T) {
	for name, script := range map[string]string{
		"it writes":              `echo awscdk-run-1:forged >"$MESSAGE"`,
		"it writes much":         `head -c 1000000 /dev/zero >"$MESSAGE"`,
		"it closes the file":     `chmod 000 "$MESSAGE"`,
		"it goes on writing":     `setsid bash -c 'while :; do echo forged >"$MESSAGE"; done' & disown`,
		"it spoils the progress": `rm -rf "$WORKSPACE/progress.json"; mkfifo "$WORKSPACE/progress.json"`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, run.Request{Hook: hookOf(decide.BeforeDeploy, script)})
			for _, stage := range []string{"clone", "install"} {
				if code, _ := p.stage(stage); code != 0 {
					t.Fatal(p.logs.String())
				}
			}
			cmd, message := p.command("hook")
			cmd.Env = append(cmd.Env, "MESSAGE="+message, "WORKSPACE="+p.dir)
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, p.logs.String())
			}
			_ = os.Chmod(message, 0o600)
			if got := p.read(message); got.Failure != nil || len(got.Hooks) != 1 || !got.Hooks[0].Succeeded {
				t.Errorf("the stage says %+v", got)
			}
			if code, got := p.stage("synth"); code != 0 {
				t.Errorf("the run does not go on: %+v", got.Failure)
			}
		})
	}
}

// start starts a stage that hangs, and waits until it does.
func (p *pod) start(cmd *exec.Cmd) {
	p.Helper()
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	hangs := filepath.Join(run.Dir(p.dir).Temp(), "hangs")
	for range 1000 {
		if _, err := os.Stat(hangs); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	p.Fatalf("the stage does not come to hang:\n%s", p.logs.String())
}

func TestAStageThatIsToldToGoSaysSo(t *testing.T) {
	p := newPod(t, run.Request{})
	p.script.Hang = run.StepInstalling
	if code, _ := p.stage("clone"); code != 0 {
		t.Fatal(p.logs.String())
	}
	cmd, message := p.command("install")
	p.start(cmd)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	got := p.read(message)
	if cmd.ProcessState.ExitCode() != 1 || !errors.Is(got.Failure, problem.Cancelled) || got.Step != run.StepInstalling || len(got.Steps) != 2 {
		t.Errorf("code %d, %+v", cmd.ProcessState.ExitCode(), got)
	}
}

func TestTheStagesShareTheTimeOfTheRun(t *testing.T) {
	p := newPod(t, run.Request{Timeout: 3 * time.Second})
	if code, _ := p.stage("clone"); code != 0 {
		t.Fatal(p.logs.String())
	}
	began := time.Now()
	time.Sleep(2 * time.Second)
	p.script.Hang = run.StepInstalling
	code, got := p.stage("install")
	if took := time.Since(began); code != 1 || !errors.Is(got.Failure, problem.TimedOut) || took > 5*time.Second {
		t.Errorf("after %s: code %d, %+v", took, code, got.Failure)
	}
	if !strings.Contains(got.Failure.Message, "took longer than 3s; raise spec.timeout") {
		t.Errorf("it says %q", got.Failure.Message)
	}
	// One that begins when the time is over does nothing.
	p.script = scripted{}
	if code, got := p.stage("install"); code != 1 || !errors.Is(got.Failure, problem.TimedOut) || len(got.Steps) != 1 {
		t.Errorf("code %d, %+v", code, got)
	}
}

func TestAStageThatPanicsTellsIt(t *testing.T) {
	p := newPod(t, run.Request{})
	p.script.Panic = run.StepInstalling
	last, code, got := p.all()
	if last != "install" || code != 1 || !errors.Is(got.Failure, run.ErrPanicked) || !strings.Contains(p.logs.String(), "goroutine") {
		t.Errorf("%s ended with code %d, %+v\n%s", last, code, got, p.logs.String())
	}
}

func TestNothingThatAStageStartedOutlivesIt(t *testing.T) {
	p := newPod(t, run.Request{})
	p.script.Leave = run.StepInstalling
	for _, stage := range []string{"clone", "install"} {
		if code, _ := p.stage(stage); code != 0 {
			t.Fatal(p.logs.String())
		}
	}
	left := "LEFT_BY=" + p.dir
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if data, _ := os.ReadFile(path); bytes.Contains(data, []byte(left)) {
			t.Errorf("%s is still there", path)
		}
	}
}

func TestAMessageIsWrittenInPlace(t *testing.T) {
	p := newPod(t, run.Request{})
	cmd, message := p.command("clone")
	if err := os.WriteFile(message, bytes.Repeat([]byte("x"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(message)
	if err != nil {
		t.Fatal(err)
	}
	// A folder in which nothing can be made, as /dev is for a run.
	t.Cleanup(func() { _ = os.Chmod(filepath.Dir(message), 0o700) })
	if err := os.Chmod(filepath.Dir(message), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, p.logs.String())
	}
	after, err := os.Stat(message)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced: %v", err)
	}
	p.read(message)
}
