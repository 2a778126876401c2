package executor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/run"
)

const (
	e2eBuildSecret = "build-secret-that-few-may-see"
	e2eHookSecret  = "hook-secret-that-one-may-see"
	e2eHookToken   = "hook-token-that-nobody-may-see"
)

// probe writes down what code of a package, or a hook, can find: its own
// environment, and every file of the run's folders and of its container.
const probe = `
{ env; find "$PROBE_RUN" "$PROBE_CACHE" "$PROBE_VOLUME/" -type f ! -path "*/node_modules/*" ! -name "probe-*" -exec cat {} +; } >"$1"
`

// stagedPod is the folders of a run whose stages are processes of the real
// program.
type stagedPod struct {
	*testing.T
	program, dir, data string
	environ            []string
	request            run.Request
	secrets            run.Secrets
	log                bytes.Buffer
}

// program builds the operator's command.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "awscdk-operator")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/awscdk-operator").CombinedOutput(); err != nil {
		t.Fatalf("build the operator: %v\n%s", err, out)
	}
	return path
}

// stage carries out one stage, and returns what its message says.
func (p *stagedPod) stage(stage run.Stage, limit int) *run.Result {
	p.Helper()
	volume, message := p.TempDir(), filepath.Join(p.TempDir(), "termination-log")
	secrets := p.secrets.For(stage)
	token := secrets.KubernetesToken
	secrets.KubernetesToken = ""
	for name, value := range map[string]any{run.RequestFile: p.request, run.SecretsFile: secrets} {
		data, err := json.Marshal(value)
		if err := errors.Join(err, os.WriteFile(filepath.Join(volume, name), data, 0o400)); err != nil {
			p.Fatal(err)
		}
	}
	if err := os.WriteFile(message, nil, 0o600); err != nil {
		p.Fatal(err)
	}
	paths := strings.NewReplacer(run.MessagePath, message, run.WorkspacePath, p.dir, run.CachePath, p.data, run.InputPath, volume)
	args := stage.Args(limit)
	for i := range args {
		args[i] = paths.Replace(args[i])
	}
	cmd := exec.Command(p.program, args...)
	cmd.Env = append(p.environ, "PROBE_RUN="+p.dir, "PROBE_VOLUME="+volume, "PROBE_CACHE="+p.data)
	if token != "" {
		cmd.Env = append(cmd.Env, run.TokenVariable+"="+token)
	}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	failed := cmd.Run()
	data, err := os.ReadFile(message)
	if err != nil || len(data) > limit {
		p.Fatalf("a message of %d bytes, %v", len(data), err)
	}
	result, err := run.DecodeMessage(data)
	if err != nil {
		p.Fatalf("%v: %q\n%s", err, data, p.log.String())
	}
	if (failed == nil) != (result.Failure == nil) {
		p.Fatalf("the stage %s ended with %v and says %+v", stage.Name, failed, result.Failure)
	}
	p.Logf("%s says %d of %d bytes", stage.Name, len(data), limit)
	return result
}

// saw is all that a probe found.
func (p *stagedPod) saw(name string) string {
	p.Helper()
	data, err := os.ReadFile(filepath.Join(run.Dir(p.dir).Temp(), "probe-"+name))
	if err != nil {
		p.Fatalf("the probe of %s did not run: %v\n%s", name, err, p.log.String())
	}
	return string(data)
}

// probed adds the probe to the sample app, as a script that is run when its
// dependencies are installed.
func probed(t *testing.T, tree string) {
	t.Helper()
	path := filepath.Join(tree, "package.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	scripts, _ := manifest["scripts"].(map[string]any)
	if scripts == nil {
		scripts = map[string]any{}
	}
	scripts["postinstall"], manifest["scripts"] = `[ -z "$PROBE_RUN" ] || sh probe.sh "$TMPDIR/probe-install"`, scripts
	data, err = json.MarshalIndent(manifest, "", "  ")
	if err := errors.Join(err, os.WriteFile(path, data, 0o600), os.WriteFile(filepath.Join(tree, "probe.sh"), []byte(probe), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// TestABuildInStagesWithTheRealToolchain carries a build out in one process and
// in stages, with a hook, and compares; and looks for secrets from within.
func TestABuildInStagesWithTheRealToolchain(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some minutes: npm ci and cdk synth, twice")
	}
	endpoint := startLocalAWS(t)
	bootstrap(t, endpoint)
	url, revision := serveApp(t, probed)
	p := &stagedPod{
		T: t, program: program(t), dir: t.TempDir(), data: t.TempDir(), environ: e2eEnviron(endpoint),
		secrets: run.Secrets{
			AWS:      map[string]string{"AWS_ACCESS_KEY_ID": e2eKey, "AWS_SECRET_ACCESS_KEY": e2eSecret},
			Git:      git.Credentials{Username: "git", Password: e2eToken},
			BuildEnv: map[string]string{"REGISTRY_TOKEN": e2eBuildSecret}, BuildSecrets: []string{"REGISTRY_TOKEN"},
			HookEnv: map[string]string{"INCIDENT_TOKEN": e2eHookSecret}, HookSecrets: []string{"INCIDENT_TOKEN"},
			KubernetesToken: e2eHookToken,
		},
		request: run.Request{
			Operation: run.OperationBuild, Namespace: "default", Name: "web", UID: "u1",
			Repository: url, Ref: "main", Revision: revision, Path: "./stacks/app", StackName: "WebApp",
			Region: e2eRegion, Timeout: 10 * time.Minute, MemoryLimit: 4 << 30,
			Context: []decide.ContextValue{{Name: "environment", Value: "production"}},
			Hook: &run.Hook{
				Name: decide.BeforeDeploy, Kubernetes: &run.Kubernetes{Server: "https://127.0.0.1:1"},
				Script: `[ -z "$PROBE_RUN" ] || sh probe.sh "$TMPDIR/probe-hook"; echo "values 3" >"$CDK_METRICS_FILE"`,
			},
		},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", p.log.String())
		}
	})
	var log buffer
	l := newLocal(t, executor.LocalOptions{Data: linked(t), Command: []string{executable(t), buildVerb}, Environ: e2eEnviron(endpoint), Log: &log, MemoryLimit: 4 << 30})
	start(t, l, "whole", p.request, p.secrets)
	whole := e2eDone(t, l, "whole")
	checkPlan(t, whole, revision, "Cloning Installing beforeDeploy Synthesizing Publishing")

	var staged *run.Result
	stages := run.Stages(p.request)
	limit := run.MessageLimit(len(stages))
	for _, stage := range stages[:len(stages)-1] {
		if staged = p.stage(stage, limit); staged.Failure != nil {
			t.Fatalf("%s failed: %+v", stage.Name, staged.Failure)
		}
	}
	progress, err := os.ReadFile(run.Dir(p.dir).Progress())
	if err != nil {
		t.Fatal(err)
	}
	staged = p.stage(stages[len(stages)-1], limit)
	same := cmp.Options{cmpopts.IgnoreFields(decide.RunStep{}, "Duration", "Cached"), cmpopts.IgnoreFields(decide.HookResult{}, "Duration"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(whole, staged, same); diff != "" {
		t.Errorf("one process, stages (-want +got):\n%s", diff)
	}
	checkSeen(t, p)

	// The same with too little room for the plan.
	if err := os.WriteFile(run.Dir(p.dir).Progress(), progress, 0o600); err != nil {
		t.Fatal(err)
	}
	small := p.stage(stages[len(stages)-1], 600)
	if small.Plan != nil || small.PlanAt == nil || small.Failure != nil {
		t.Fatalf("with 600 bytes it says %+v", small)
	}
	if diff := cmp.Diff(whole.Plan, readPlan(t, endpoint, *small.PlanAt)); diff != "" {
		t.Errorf("the plan in the bucket (-want +got):\n%s", diff)
	}
}

// checkSeen checks what user code found in each stage.
func checkSeen(t *testing.T, p *stagedPod) {
	t.Helper()
	for stage, c := range map[string]struct{ sees, hidden []string }{
		"install": {[]string{e2eBuildSecret}, []string{e2eSecret, e2eKey, e2eToken, e2eHookSecret, e2eHookToken}},
		"hook":    {[]string{e2eBuildSecret, e2eSecret, e2eHookSecret}, []string{e2eToken, e2eHookToken}},
	} {
		found := p.saw(stage)
		for _, secret := range c.sees {
			if !strings.Contains(found, secret) {
				t.Errorf("%s lacks %s", stage, secret)
			}
		}
		for _, secret := range c.hidden {
			if at := strings.Index(found, secret); at >= 0 {
				t.Errorf("%s finds %s: …%s…", stage, secret, found[max(0, at-100):min(len(found), at+100)])
			}
		}
	}
	for _, secret := range []string{e2eSecret, e2eToken, e2eBuildSecret, e2eHookSecret, e2eHookToken} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
	for _, line := range []string{"[Cloning] done in", "[Installing] ", "[beforeDeploy] done in", "[Synthesizing] ", "[Publishing] done in"} {
		if !strings.Contains(p.log.String(), line) {
			t.Errorf("the log lacks %q", line)
		}
	}
}

// readPlan reads a plan as the manager does.
func readPlan(t *testing.T, endpoint string, at decide.PlanAt) *v1alpha1.Plan {
	t.Helper()
	awstest.Env(t, endpoint)
	client := cloudformation.NewClients(cloudformation.Options{Now: time.Now}).For(cloudformation.Target{
		Credentials: cloudformation.Credentials{AccessKeyID: e2eKey, SecretAccessKey: e2eSecret}, Region: at.Region,
		Role: awsconfig.Role{ARN: at.Role, ExternalID: at.RoleExternalID, Session: at.RoleSession},
	})
	plan, err := client.Plan(t.Context(), at)
	if err != nil {
		t.Fatal(fmt.Errorf("read the plan at %+v: %w", at, err))
	}
	return plan
}
