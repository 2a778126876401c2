package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/cdk"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

const region = "eu-west-1"

// world is a git server, a toolchain and an AWS that do as they are told.
type world struct {
	accountErr, checkoutErr, projectErr, installErr, synthErr, publishErr error

	stack     Stack
	published []string
	plans     []string
	// hold makes the checkout wait until its context ends.
	hold bool
	// app, if set, is the user's CDK app.
	app func()
}

func (w *world) tools() Tools {
	return Tools{Identity: w, Source: w, Toolchain: w, Publisher: w}
}

func (w *world) Account(context.Context) (string, error) { return "111122223333", w.accountErr }

func (w *world) Checkout(ctx context.Context, dir string, _ io.Writer) (v1alpha1.Commit, bool, error) {
	if w.hold {
		<-ctx.Done()
		return v1alpha1.Commit{}, false, ctx.Err()
	}
	if w.checkoutErr != nil {
		return v1alpha1.Commit{}, false, w.checkoutErr
	}
	return v1alpha1.Commit{Hash: "c0ffee", Subject: "Brew"}, true, os.MkdirAll(filepath.Join(dir, "app"), 0o700)
}

func (w *world) Project(checkout string) (string, error) {
	return filepath.Join(checkout, "app"), w.projectErr
}

func (w *world) Install(_ context.Context, project string, out io.Writer) (string, bool, error) {
	fmt.Fprintln(out, "added 3 packages")
	if _, err := os.Stat(project); err != nil {
		return "", false, err
	}
	return "key of " + filepath.Base(project), true, w.installErr
}

func (w *world) Synth(_ context.Context, installed Installed, account string, _ io.Writer) (Stack, error) {
	if installed.Dependencies != "key of app" {
		return Stack{}, fmt.Errorf("the app is run with the dependencies %q", installed.Dependencies)
	}
	if w.app != nil {
		w.app()
	}
	s := w.stack
	s.Plan.Parameters = map[string]string{"account": account}
	s.Plan.Region = region
	if s.Plan.Account == "" {
		s.Plan.Account = account
	}
	return s, w.synthErr
}

func (w *world) Publish(_ context.Context, stack Stack, _ io.Writer) (string, bool, error) {
	w.published = append(w.published, stack.Plan.StackName)
	return "https://bucket/template.json", false, w.publishErr
}

func (w *world) PublishPlan(_ context.Context, _ Stack, plan []byte, _ io.Writer) (decide.PlanAt, error) {
	w.plans = append(w.plans, string(plan))
	return decide.PlanAt{Bucket: "bucket", Key: "plan.json", Bytes: len(plan)}, w.publishErr
}

func session(t *testing.T, req run.Request, secrets run.Secrets) *Session {
	t.Helper()
	dir := run.Dir(t.TempDir())
	log, err := OpenLog(dir, secrets.Redactor(req.Repository))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	tick := time.Unix(0, 0)
	return &Session{Request: req, Secrets: secrets, Dir: dir, Log: log, now: func() time.Time {
		tick = tick.Add(time.Second)
		return tick
	}}
}

func TestABuildMakesAPlan(t *testing.T) {
	w := &world{stack: Stack{Plan: v1alpha1.Plan{StackName: "Web", TemplateDigest: "d1"}}}
	s := session(t, run.Request{Region: region}, run.Secrets{})
	got := s.result(w.tools().Work(t.Context(), s))
	want := decide.RunResult{
		Plan: &v1alpha1.Plan{
			StackName: "Web", TemplateDigest: "d1", TemplateURL: "https://bucket/template.json",
			Account: "111122223333", Region: region,
			Commit:     &v1alpha1.Commit{Hash: "c0ffee", Subject: "Brew"},
			Parameters: map[string]string{"account": "111122223333"},
			Inputs:     []string{"app"},
		},
		Steps: []decide.RunStep{
			{Name: "Cloning", Duration: time.Second, Cached: true},
			{Name: "Installing", Duration: time.Second, Cached: true},
			{Name: "Synthesizing", Duration: time.Second},
			{Name: "Publishing", Duration: time.Second},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if step, err := s.Dir.ReadStep(); step != run.StepPublishing || err != nil {
		t.Errorf("the step file says %q, %v", step, err)
	}
	log, _ := os.ReadFile(s.Dir.Log(0))
	if !strings.Contains(string(log), "[Installing] added 3 packages\n") {
		t.Errorf("the log does not hold what the tools say:\n%s", log)
	}
}

func TestABuildThatFailsSaysWhereAndWhy(t *testing.T) {
	refused := &problem.Problem{Reason: "Refused", Message: "no, hunter22"}
	for name, c := range map[string]struct {
		world  world
		step   string
		reason string
	}{
		"the credentials are wrong":   {world{accountErr: refused}, run.StepCloning, "Refused"},
		"and the clone would go on":   {world{accountErr: refused, hold: true}, run.StepCloning, "Refused"},
		"the repository is not there": {world{checkoutErr: refused}, run.StepCloning, "Refused"},
		"the path is not there":       {world{projectErr: refused}, run.StepCloning, "Refused"},
		"the install fails":           {world{installErr: refused}, run.StepInstalling, "Refused"},
		"the synth fails":             {world{synthErr: refused}, run.StepSynthesizing, "Refused"},
		"the upload fails":            {world{publishErr: fmt.Errorf("publish: %w", refused)}, run.StepPublishing, "Refused"},
		"an error that nobody named":  {world{installErr: errors.New("hunter22 again")}, run.StepInstalling, "InstallFailed"},
		"a ref that is not there":     {world{checkoutErr: fmt.Errorf("fetch: %w", git.ErrRefNotFound)}, run.StepCloning, "RefNotFound"},
		"no bootstrap bucket":         {world{publishErr: &awsconfig.Error{Kind: awsconfig.ErrNotBootstrapped}}, run.StepPublishing, "NotBootstrapped"},
		"a synth error":               {world{synthErr: cdk.ErrStackNotInApp.New("")}, run.StepSynthesizing, "StackNotInApp"},
		"another account, with no role there": {
			world{stack: Stack{Plan: v1alpha1.Plan{Account: "444455556666"}}}, run.StepSynthesizing, "WrongEnvironment",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t, run.Request{Region: region}, run.Secrets{Git: git.Credentials{Password: "hunter22"}})
			got := s.result(c.world.tools().Work(t.Context(), s))
			if got.Failure == nil || got.Step != c.step || got.Failure.Reason != c.reason {
				t.Fatalf("failure %+v, want %s in %s", got.Failure, c.reason, c.step)
			}
			if strings.Contains(got.Failure.Message, "hunter22") {
				t.Errorf("the message shows a secret: %s", got.Failure.Message)
			}
			if last := got.Steps[len(got.Steps)-1]; last.Name != c.step {
				t.Errorf("the last step is %s, want %s", last.Name, c.step)
			}
		})
	}
}

func TestAnotherAccountIsFineWhenTheAppNamesARoleThere(t *testing.T) {
	w := &world{stack: Stack{Plan: v1alpha1.Plan{Account: "444455556666", DeployRoleARN: "arn:aws:iam::444455556666:role/deploy"}}}
	s := session(t, run.Request{Region: region}, run.Secrets{})
	plan, err := w.tools().Work(t.Context(), s)
	if err != nil || plan.Account != "444455556666" {
		t.Fatalf("plan %+v, %v", plan, err)
	}
}

func TestConstructPathsAreBounded(t *testing.T) {
	many, long := map[string]string{}, map[string]string{}
	for i := range 500 {
		many[fmt.Sprintf("Id%03d", i)] = "App/Stack"
		long[fmt.Sprintf("Id%03d", i)] = strings.Repeat("p", 1000)
	}
	if got := boundPaths(many); len(got) != maxConstructPaths || got["Id000"] == "" {
		t.Errorf("%d paths kept, want %d from the first", len(got), maxConstructPaths)
	}
	size := 0
	for id, path := range maps.All(boundPaths(long)) {
		size += len(id) + len(path)
	}
	if size == 0 || size > maxConstructPathBytes {
		t.Errorf("%d bytes kept, want some, %d at most", size, maxConstructPathBytes)
	}
}
