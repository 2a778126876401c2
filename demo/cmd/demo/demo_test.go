package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestDescribe(t *testing.T) {
	cases := map[string]struct {
		status v1alpha1.CdkTsStackStatus
		want   string
	}{
		"a new object has nothing to tell": {want: ""},
		"a build says what its runner does": {
			status: v1alpha1.CdkTsStackStatus{
				Phase:     v1alpha1.PhaseInstalling,
				Operation: &v1alpha1.Operation{Step: v1alpha1.StepBuilding, RunStep: "Installing"},
			},
			want: "Installing",
		},
		"a deployment shows its resources as a bar": {
			status: v1alpha1.CdkTsStackStatus{
				Phase:     v1alpha1.PhaseDeploying,
				Operation: &v1alpha1.Operation{Step: v1alpha1.StepExecuting},
				Progress:  &v1alpha1.Progress{Done: 9, Total: 18, Percent: 50, Current: "Orders"},
			},
			want: "Executing  ████████████░░░░░░░░░░░░ 9/18  Orders",
		},
		"more done than planned does not burst the bar": {
			status: v1alpha1.CdkTsStackStatus{Progress: &v1alpha1.Progress{Done: 5, Total: 2}},
			want:   "████████████████████████ 2/2",
		},
		"an operation without a runner shows its own step": {
			status: v1alpha1.CdkTsStackStatus{Phase: v1alpha1.PhaseDeploying, Operation: &v1alpha1.Operation{Step: v1alpha1.StepPlanning}},
			want:   "Planning",
		},
		"a plan without resources has no bar": {
			status: v1alpha1.CdkTsStackStatus{Phase: v1alpha1.PhaseDeploying, Progress: &v1alpha1.Progress{}},
			want:   "Deploying",
		},
		"a failure says why": {
			status: v1alpha1.CdkTsStackStatus{Phase: v1alpha1.PhaseFailed, Message: "npm could not be reached\nsecond line"},
			want:   "Failed: npm could not be reached",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := describe(&v1alpha1.CdkTsStack{Status: c.status})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDescribeDriftNamesPropertyExpectedAndActual(t *testing.T) {
	got := describeDrift(&v1alpha1.DriftStatus{Resources: []v1alpha1.DriftedResource{{
		LogicalID: "Environment", Type: "AWS::SSM::Parameter", Change: "MODIFIED",
		Properties: []v1alpha1.DriftedProperty{{Path: "/Value", Expected: "staging", Actual: "changed"}},
	}}})
	want := []string{"Environment (AWS::SSM::Parameter) is MODIFIED", `  /Value  expected "staging", actual "changed"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTheSampleAppIsPublishedWithoutWhatNpmMade(t *testing.T) {
	app, first, err := publishApp("../../app", filepath.Join(t.TempDir(), "app.git"))
	if err != nil {
		t.Fatal(err)
	}
	for path := range app.files {
		if strings.Contains(path, "node_modules/") || strings.Contains(path, "cdk.out/") {
			t.Errorf("the repository holds %s", path)
		}
	}
	if app.files["bin/sample-app.ts"] == "" || app.files["handler/index.mjs"] == "" {
		t.Errorf("the repository lacks the app or its asset; it holds %d files", len(app.files))
	}
	for last, commit := range map[string]func() (string, error){"second": app.change, "third": app.replaceTable} {
		revision, err := commit()
		if err != nil {
			t.Fatal(err)
		}
		if head, err := app.repo.Head("main"); err != nil || head != revision || revision == first {
			t.Errorf("main is at %q (%v); want the %s commit %q, other than %q", head, err, last, revision, first)
		}
	}
}

func TestAScreenThatIsNoTerminalGetsOneLinePerNews(t *testing.T) {
	var out bytes.Buffer
	screen := &screen{out: &out, width: func() int { return 80 }, began: time.Now()}
	step := screen.start("deploy")
	step.say("Installing")
	step.say("Installing")
	step.say("Deploying")
	step.done("18 resources")
	screen.start("destroy").failed(errors.New("first line\nsecond line"))

	text := out.String()
	if strings.Contains(text, "\033") || strings.Contains(text, "\r") {
		t.Errorf("control characters outside of a terminal: %q", text)
	}
	for needle, want := range map[string]int{"Installing": 1, "Deploying": 1, "✓": 1, "18 resources": 1, "✗": 1, "first line": 1, "second line": 0} {
		if got := strings.Count(text, needle); got != want {
			t.Errorf("%q stands there %d times, want %d:\n%s", needle, got, want, text)
		}
	}
}

func TestATerminalShowsTheWholeBarWhateverItsWidth(t *testing.T) {
	for _, width := range []int{80, 100, 200} {
		var out bytes.Buffer
		screen := &screen{out: &out, terminal: true, width: func() int { return width }, began: time.Now()}
		screen.start("kubectl apply web-app, and its stack WebApp is deployed").say("Executing  ████████████░░░░░░░░░░░░ 9/18  Orders")
		text := out.String()
		line := text[strings.LastIndexByte(text, '\r')+1:]
		if !strings.HasSuffix(line, "9/18  Orders") || !strings.Contains(line, "kubectl apply w") {
			t.Errorf("%d columns show %q", width, line)
		}
		if n := utf8.RuneCountInString(strings.TrimPrefix(line, "\033[K")); n >= width {
			t.Errorf("%d columns get a line of %d, which wraps", width, n)
		}
	}
}

func TestAStepThatTheVisitorStopsHasNotFailed(t *testing.T) {
	var out bytes.Buffer
	screen := &screen{out: &out, width: func() int { return 80 }, began: time.Now()}
	screen.start("deploy").failed(fmt.Errorf("web-app: %w; the object says: building", context.Canceled))
	if text := out.String(); !strings.Contains(text, "–") || !strings.Contains(text, "stopped") || strings.Contains(text, "✗") {
		t.Errorf("the step ended with:\n%s", text)
	}
}

func TestChildrenGetNothingThatLeadsToARealAccountOrCluster(t *testing.T) {
	for _, name := range []string{"AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "KUBECONFIG", "CDK_DEFAULT_ACCOUNT"} {
		t.Setenv(name, "real")
	}
	environment := cleanEnvironment("AWS_ENDPOINT_URL=http://127.0.0.1:1")
	for _, variable := range environment {
		if strings.HasSuffix(variable, "=real") {
			t.Errorf("a child gets %s", variable)
		}
	}
	for _, want := range []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "PATH=" + os.Getenv("PATH")} {
		if !slices.Contains(environment, want) {
			t.Errorf("a child lacks %s", want)
		}
	}
}

func TestAChildThatDiesSaysItsLastWords(t *testing.T) {
	c, err := startChild("the program", filepath.Join(t.TempDir(), "log"), os.Environ(), "/bin/sh", "-c", "echo no such flag >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	<-c.ended
	if err := c.alive(); err == nil || !strings.Contains(err.Error(), "no such flag") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("alive = %v, want its exit status and its last words", err)
	}
	if err := c.stop(t.Context()); err != nil {
		t.Errorf("stop of a dead child: %v", err)
	}
}

func TestStopEndsAChildAndWhatItStarted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	c, err := startChild("the program", filepath.Join(t.TempDir(), "log"), os.Environ(), "/bin/sh", "-c", `sleep 600 & echo $! > "$0"; wait`, file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if text, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(text), "\n") {
			break
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			t.Fatal("the child did not start its own child")
		}
	}
	if err := c.stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.alive(); err == nil {
		t.Error("the child is alive after stop")
	}
}
