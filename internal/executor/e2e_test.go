package executor_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/git/gittest"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/runner"
)

// buildVerb makes the test binary carry runs out as the operator does.
const buildVerb = "executor-test-build"

// buildRun is the verb `run` of the operator.
func buildRun(args []string) {
	err := runner.Main(context.Background(), runner.MainOptions{
		Dir: run.Dir(args[2]), Data: args[4], Stdin: os.Stdin, Now: time.Now, Work: runner.Real,
	})
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

const (
	e2eRegion  = "eu-west-1"
	e2eAccount = "123456789012"
	e2eKey     = "AKIAE2EE2EE2EE2EE2EE"
	e2eSecret  = "e2e/secret/key/that/nobody/may/see/40chars"
	e2eToken   = "git-token-that-nobody-may-see"
)

// linked is a symbolic link to an empty folder, as a data folder on another
// volume often is.
func linked(t *testing.T) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "data")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	return link
}

// TestABuildWithTheRealToolchain checks out over HTTP, installs with npm,
// synthesises with the project's own cdk and publishes to the local AWS.
func TestABuildWithTheRealToolchain(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute: npm ci and cdk synth")
	}
	endpoint := startLocalAWS(t)
	bootstrap(t, endpoint)
	url, revision := serveApp(t)
	var log buffer
	l := newLocal(t, executor.LocalOptions{Data: linked(t), Command: []string{executable(t), buildVerb}, Environ: e2eEnviron(endpoint), Log: &log, MemoryLimit: 4 << 30})
	secrets := run.Secrets{
		AWS: map[string]string{"AWS_ACCESS_KEY_ID": e2eKey, "AWS_SECRET_ACCESS_KEY": e2eSecret},
		Git: git.Credentials{Username: "git", Password: e2eToken},
	}
	req := run.Request{
		Operation: run.OperationBuild, Namespace: "default", Name: "web", UID: "u1",
		Repository: url, Ref: "main", Revision: revision, Path: "./stacks/app", StackName: "WebApp",
		Region: e2eRegion, Timeout: 10 * time.Minute,
		Context: []decide.ContextValue{{Name: "environment", Value: "production"}},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", log.String())
		}
	})

	start(t, l, "cold", req, secrets)
	cold := e2eDone(t, l, "cold")
	checkPlan(t, cold, revision, "Cloning Installing Synthesizing Publishing")
	checkPublished(t, endpoint, cold.Plan.TemplateURL, "production")

	start(t, l, "warm", req, secrets)
	warm := e2eDone(t, l, "warm")
	checkWarm(t, cold, warm)

	for name, c := range map[string]struct {
		change func(*run.Request, *run.Secrets)
		reason string
		says   string
	}{
		"a-stack-that-is-not-there": {func(r *run.Request, _ *run.Secrets) { r.StackName = "Wrong" }, "StackNotInApp", "WebApp"},
		"a-path-that-is-not-there":  {func(r *run.Request, _ *run.Secrets) { r.Path = "stacks/none" }, "InvalidProjectPath", "stacks/none"},
		"a-path-out-of-it":          {func(r *run.Request, _ *run.Secrets) { r.Path = "../.." }, "InvalidProjectPath", ".."},
		"a-password-that-is-wrong":  {func(_ *run.Request, s *run.Secrets) { s.Git.Password = "wrong-password" }, "GitAuthenticationFailed", ""},
		"keys-that-are-wrong": {func(_ *run.Request, s *run.Secrets) {
			s.AWS = map[string]string{"AWS_ACCESS_KEY_ID": "AKIAWRONGWRONGWRONGW", "AWS_SECRET_ACCESS_KEY": "wrong"}
		}, "CredentialsInvalid", "AWS_SECRET_ACCESS_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			req, secrets := req, secrets
			c.change(&req, &secrets)
			start(t, l, name, req, secrets)
			r := e2eDone(t, l, name)
			if r.Failure == nil || r.Failure.Reason != c.reason || !strings.Contains(r.Failure.Message, c.says) {
				t.Errorf("failure %+v, want %s with %q", r.Failure, c.reason, c.says)
			}
		})
	}
	for _, secret := range []string{e2eSecret, e2eToken} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

func checkPlan(t *testing.T, r *decide.RunResult, revision, steps string) {
	t.Helper()
	if r.Plan == nil {
		t.Fatalf("the build failed: %+v", r.Failure)
	}
	p := r.Plan
	for what, ok := range map[string]bool{
		"stack name":      p.StackName == "WebApp",
		"account":         p.Account == e2eAccount,
		"region":          p.Region == e2eRegion,
		"commit":          p.Commit != nil && p.Commit.Hash == revision && p.Commit.Subject == "Add the app",
		"digest":          len(p.TemplateDigest) == 64,
		"template URL":    strings.HasPrefix(p.TemplateURL, "http"),
		"deploy role":     strings.Contains(p.DeployRoleARN, "deploy-role"),
		"execution role":  strings.Contains(p.ExecutionRoleARN, "cfn-exec-role"),
		"bootstrap":       p.BootstrapVersion > 0 && p.BootstrapParameter != "",
		"dependencies":    len(p.DependsOn) == 1 && p.DependsOn[0] == "Shared",
		"construct paths": len(p.ConstructPaths) > 5,
	} {
		if !ok {
			t.Errorf("the plan's %s is not as it should be: %+v", what, p)
		}
	}
	var names []string
	for _, s := range r.Steps {
		names = append(names, s.Name)
		t.Logf("%s took %s", s.Name, s.Duration.Round(time.Millisecond))
	}
	if got := strings.Join(names, " "); got != steps {
		t.Errorf("steps %s", got)
	}
}

func checkWarm(t *testing.T, cold, warm *decide.RunResult) {
	t.Helper()
	if warm.Plan == nil {
		t.Fatalf("the second build failed: %+v", warm.Failure)
	}
	if warm.Plan.TemplateDigest != cold.Plan.TemplateDigest {
		t.Error("the same commit made another template")
	}
	for _, s := range warm.Steps {
		t.Logf("%s took %s, cached %v", s.Name, s.Duration.Round(time.Millisecond), s.Cached)
		if (s.Name == run.StepInstalling || s.Name == run.StepPublishing) && !s.Cached {
			t.Errorf("%s was done again for the same commit", s.Name)
		}
	}
}

// checkPublished reads the template where CloudFormation would.
func checkPublished(t *testing.T, endpoint, templateURL, want string) {
	t.Helper()
	_, place, _ := strings.Cut(templateURL, ".amazonaws.com/")
	bucket, key, _ := strings.Cut(place, "/")
	client := s3.New(s3.Options{
		BaseEndpoint: &endpoint, Region: e2eRegion, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: e2eKey, SecretAccessKey: e2eSecret}, nil
		}),
	})
	object, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("read the template at %s: %v", templateURL, err)
	}
	defer object.Body.Close()
	var template struct{ Resources map[string]any }
	if err := json.NewDecoder(object.Body).Decode(&template); err != nil || len(template.Resources) == 0 {
		t.Fatalf("no template at %s: %v", templateURL, err)
	}
	if text, _ := json.Marshal(template); !strings.Contains(string(text), want) {
		t.Errorf("the template does not hold the context value %q", want)
	}
}

// e2eDone is executortest.Done with the patience that npm needs.
func e2eDone(t *testing.T, l *executor.Local, name string) *decide.RunResult {
	t.Helper()
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if seen := l.Observe(t.Context(), name); seen.State == decide.RunDone {
			return seen.Result
		}
	}
	t.Fatalf("run %s is never done", name)
	return nil
}

func executable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// demo is a path in the demo's module.
func demo(t *testing.T, elem ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"..", "..", "demo"}, elem...)...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func startLocalAWS(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	keys := `{"` + e2eKey + `": "` + e2eAccount + `"}`
	if err := os.WriteFile(folder+"/keys.json", []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(awstest.Binary(t), "-addr", "127.0.0.1:0", "-ready-file", folder+"/url", "-speed", "0", "-credentials", folder+"/keys.json")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	executortest.Eventually(t, "the local AWS serves", func() bool { _, err := os.Stat(folder + "/url"); return err == nil })
	url, err := os.ReadFile(folder + "/url")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(url))
}

// bootstrap makes the CDK's bucket and roles with the app's own cdk.
func bootstrap(t *testing.T, endpoint string) {
	t.Helper()
	cdk := demo(t, "app", "node_modules", ".bin", "cdk")
	if _, err := os.Stat(cdk); err != nil {
		cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
		cmd.Dir = demo(t, "app")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	cmd := exec.Command(cdk, "bootstrap", "aws://"+e2eAccount+"/"+e2eRegion, "--no-notices")
	cmd.Dir = t.TempDir()
	cmd.Env = append(e2eEnviron(endpoint), "HOME="+t.TempDir(), "CDK_HOME="+t.TempDir(), "AWS_REGION="+e2eRegion, "CI=true", "CDK_DISABLE_CLI_TELEMETRY=true",
		"AWS_ACCESS_KEY_ID="+e2eKey, "AWS_SECRET_ACCESS_KEY="+e2eSecret)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cdk bootstrap: %v\n%s", err, out)
	}
}

// e2eEnviron is an operator's environment with the local AWS.
func e2eEnviron(endpoint string) []string {
	env := []string{"AWS_ENDPOINT_URL=" + endpoint, "AWS_EC2_METADATA_DISABLED=true", "CDK_S3_FORCE_PATH_STYLE=1"}
	for _, name := range []string{"PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// serveApp serves the sample app over HTTP, behind a password. Edits are made to
// the app's folder before it is committed.
func serveApp(t *testing.T, edits ...func(t *testing.T, app string)) (url, revision string) {
	t.Helper()
	root := t.TempDir()
	repo, err := gittest.NewRepo(filepath.Join(root, "team", "infra.git"))
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	if out, err := exec.Command("sh", "-c", `mkdir "$2/stacks" && cd "$1" && tar cf - --exclude=node_modules --exclude=cdk.out . | (mkdir "$2/stacks/app" && cd "$2/stacks/app" && tar xf -)`,
		"sh", demo(t, "app"), tree).CombinedOutput(); err != nil {
		t.Fatalf("copy the app: %v\n%s", err, out)
	}
	for _, edit := range edits {
		edit(t, filepath.Join(tree, "stacks", "app"))
	}
	if revision, err = repo.CommitTree(tree, "Add the app"); err != nil {
		t.Fatal(err)
	}
	server, err := gittest.ServeHTTP(root, gittest.HTTPOptions{Username: "git", Password: e2eToken})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server.URL + "/team/infra.git", revision
}
