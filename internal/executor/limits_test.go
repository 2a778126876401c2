package executor_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/run"
)

func TestRunsBeyondTheLimitWaitAndNamespacesTakeTurns(t *testing.T) {
	var mu sync.Mutex
	var order []string
	folder := t.TempDir()
	var l *executor.Local
	ready := make(chan struct{})
	l = newLocal(t, executor.LocalOptions{MaxRuns: 1, Notify: func(name string) {
		<-ready
		mu.Lock()
		defer mu.Unlock()
		if got := l.Observe(t.Context(), name); got.Step != executor.StepQueued && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}})
	close(ready)
	for _, name := range []string{"a-1", "a-2", "a-3", "b-1", "b-2"} {
		req := executortest.Request(executortest.Await, value(executortest.FileValue, folder+"/"+name))
		req.Namespace, _, _ = strings.Cut(name, "-")
		start(t, l, name, req, run.Secrets{})
	}
	if got := l.Observe(t.Context(), "b-2"); got.State != decide.RunRunning || got.Step != executor.StepQueued {
		t.Fatalf("Observe = %+v, want queued", got)
	}
	if names, err := l.List(t.Context()); err != nil || len(names) != 5 {
		t.Fatalf("List = %v, %v, want all five", names, err)
	}
	if err := l.Remove(t.Context(), "b-2"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a-1", "a-2", "b-1", "a-3"} {
		touch(t, folder+"/"+name)
		executortest.Done(t, l, name)
	}
	if got := l.Observe(t.Context(), "b-2"); got.State != decide.RunNone {
		t.Errorf("the run that was removed while it waited is %+v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"a-1", "a-2", "b-1", "a-3"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v: the namespaces take turns", order, want)
	}
}

func TestARunThatHasWaitedForLongGetsFreshSecrets(t *testing.T) {
	clock := executortest.NewClock(time.Now)
	executortest.StaysFresh(t, newLocal(t, executor.LocalOptions{MaxRuns: 1, Now: clock.Now}), clock)
}

func TestOneNamespaceCannotHoldEverySlot(t *testing.T) {
	folder := t.TempDir()
	l := newLocal(t, executor.LocalOptions{MaxRuns: 3})
	begin := func(name string) {
		req := executortest.Request(executortest.Await, value(executortest.FileValue, folder+"/"+name))
		req.Namespace, _, _ = strings.Cut(name, "-")
		start(t, l, name, req, run.Secrets{})
	}
	for _, name := range []string{"a-1", "a-2", "a-3", "a-4", "b-1"} {
		begin(name)
	}
	for name, ahead := range map[string]int{"a-3": 0, "a-4": 1} {
		if got := l.Observe(t.Context(), name); got.Step != executor.StepQueued || got.Ahead != ahead {
			t.Errorf("%s: %+v, want it queued with %d ahead", name, got, ahead)
		}
	}
	touch(t, folder+"/b-1")
	executortest.Done(t, l, "b-1") // although the other namespace's runs go on
	touch(t, folder+"/a-1")
	executortest.Done(t, l, "a-1")
	executortest.Eventually(t, "the next one of the namespace runs", func() bool {
		return l.Observe(t.Context(), "a-3").Step == run.StepCloning
	})
	if got := l.Observe(t.Context(), "a-4"); got.Step != executor.StepQueued {
		t.Errorf("a-4: %+v, want it queued: a slot is kept free", got)
	}
}

func TestAHookThatIsWaitedForHasItsTurnBeforeBuilds(t *testing.T) {
	folder := t.TempDir()
	l := newLocal(t, executor.LocalOptions{MaxRuns: 1})
	for _, name := range []string{"build-1", "build-2", "hook"} {
		req := executortest.Request(executortest.Await, value(executortest.FileValue, folder+"/"+name))
		if name == "hook" {
			req.Operation, req.Hook = run.OperationHook, &run.Hook{Name: decide.BeforeDestroy}
		}
		start(t, l, name, req, run.Secrets{})
	}
	if got := l.Observe(t.Context(), "build-2"); got.Step != executor.StepQueued || got.Ahead != 1 {
		t.Errorf("the build is %+v, want it queued with the hook ahead", got)
	}
	touch(t, folder+"/build-1")
	touch(t, folder+"/hook")
	executortest.Done(t, l, "hook")
	touch(t, folder+"/build-2")
	executortest.Done(t, l, "build-2")
}

func TestTheDiskMustHaveRoom(t *testing.T) {
	l := newLocal(t, executor.LocalOptions{MinFree: 1 << 60})
	err := l.Start(t.Context(), "run-1", executortest.Request(executortest.Succeed), run.Secrets{})
	if !errors.Is(err, executor.ErrNoSpace) {
		t.Fatalf("Start = %v, want ErrNoSpace", err)
	}
	if got := l.Observe(t.Context(), "run-1"); got.State != decide.RunNone {
		t.Errorf("Observe = %+v, want none", got)
	}
}

func TestARunSeesOnlyWhatItMay(t *testing.T) {
	data := t.TempDir()
	l := newLocal(t, executor.LocalOptions{
		Data:    data,
		PassEnv: []string{"INCIDENT_API_URL"},
		Environ: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=/root", "KUBECONFIG=/etc/admin", "GITHUB_TOKEN=t0ken",
			"HTTPS_PROXY=http://proxy", "AWS_ENDPOINT_URL_S3=http://s3", "INCIDENT_API_URL=http://incident",
			"AWS_ACCESS_KEY_ID=AKIAOPERATOR", "AWS_ROLE_ARN=arn:operator", "AWS_WEB_IDENTITY_TOKEN_FILE=/token",
		},
	})
	start(t, l, "own", executortest.Request(executortest.Succeed), run.Secrets{AWS: map[string]string{"AWS_SECRET_ACCESS_KEY": "sesame"}})
	own := executortest.Done(t, l, "own").Plan.Parameters
	start(t, l, "none", executortest.Request(executortest.Succeed), run.Secrets{})
	none := executortest.Done(t, l, "none").Plan.Parameters

	for _, name := range []string{"KUBECONFIG", "GITHUB_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		if v, ok := own[name]; ok {
			t.Errorf("a run with credentials of its own sees %s=%s", name, v)
		}
	}
	for name, want := range map[string]string{
		"HTTPS_PROXY": "http://proxy", "AWS_ENDPOINT_URL_S3": "http://s3", "INCIDENT_API_URL": "http://incident",
		"HOME": data + "/runs/own/home", "TMPDIR": data + "/runs/own/tmp", "npm_config_cache": data + "/npm-cache",
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		if own[name] != want {
			t.Errorf("%s=%s, want %s", name, own[name], want)
		}
	}
	if none["AWS_ROLE_ARN"] != "arn:operator" || none["AWS_ACCESS_KEY_ID"] != "" {
		t.Errorf("a run without credentials has role %q, want the operator's, and no keys in its environment", none["AWS_ROLE_ARN"])
	}
}

func TestNoSecretIsOnDiskOrInArguments(t *testing.T) {
	data, file := t.TempDir(), t.TempDir()+"/go"
	l := newLocal(t, executor.LocalOptions{Data: data})
	secrets := run.Secrets{Git: git.Credentials{Password: "open-sesame-1", SSHPrivateKey: []byte("open-sesame-2")}, AWS: map[string]string{"AWS_SECRET_ACCESS_KEY": "open-sesame-3"}}
	start(t, l, "run-1", executortest.Request(executortest.Await, value(executortest.FileValue, file)), secrets)
	executortest.Eventually(t, "the run clones", func() bool { return l.Observe(t.Context(), "run-1").Step == run.StepCloning })
	process := filepath.Join("/proc", itoa(processOf(t, data, "run-1").PID))
	noSecret(t, process+"/cmdline")
	if _, err := os.ReadFile(process + "/environ"); os.Getuid() != 0 && !errors.Is(err, os.ErrPermission) {
		t.Errorf("reading the run's environment as its user: %v, want it refused", err)
	}
	if os.Getuid() == 0 {
		noSecret(t, process+"/environ")
	}
	touch(t, file)
	executortest.Done(t, l, "run-1")
	if err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // deleted in the background
		}
		if err == nil && d.Type().IsRegular() {
			noSecret(t, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func noSecret(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return // deleted in the background
	}
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("open-sesame")) {
		t.Errorf("%s holds a secret", path)
	}
}

func TestALogIsBoundedAndKeepsItsHeadAndTail(t *testing.T) {
	data := t.TempDir()
	l := newLocal(t, executor.LocalOptions{Data: data})
	start(t, l, "run-1", executortest.Request(executortest.Flood, value(executortest.BytesValue, strconv.Itoa(64<<20))), run.Secrets{Git: git.Credentials{Password: "open-sesame"}})
	if r := executortest.Done(t, l, "run-1"); r.Plan == nil {
		t.Fatalf("result %+v, want a plan", r.Failure)
	}
	log, err := l.Log("run-1")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	text, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 10<<20+1024 {
		t.Errorf("the log has %d bytes, want 10 MiB at most", len(text))
	}
	for _, want := range []string{"[Cloning] the first line", "[Cloning] the last line", "not kept"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

// buffer is a writer that several goroutines may use.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestTheLogOfARunIsPassedOnWithoutSecrets(t *testing.T) {
	var out buffer
	l := newLocal(t, executor.LocalOptions{Log: &out})
	start(t, l, "run-1", executortest.Request(executortest.Fail), run.Secrets{Git: git.Credentials{Password: "open-sesame"}})
	executortest.Done(t, l, "run-1")
	executortest.Eventually(t, "the log was passed on", func() bool {
		return strings.Contains(out.String(), "default/app [Cloning] the password is ***\n")
	})
	if strings.Contains(out.String(), "open-sesame") {
		t.Errorf("the log shows the secret:\n%s", &out)
	}
}

func TestAWorkspaceGoesWithItsRunAndTheLogStays(t *testing.T) {
	data := t.TempDir()
	l := newLocal(t, executor.LocalOptions{Data: data})
	start(t, l, "run-1", executortest.Request(executortest.Succeed), run.Secrets{})
	executortest.Done(t, l, "run-1")
	dir := run.Dir(data + "/runs/run-1")
	executortest.Eventually(t, "the workspace is gone", func() bool {
		_, err := os.Stat(dir.Workspace())
		return errors.Is(err, os.ErrNotExist)
	})
	if log, err := l.Log("run-1"); err != nil {
		t.Errorf("Log: %v", err)
	} else {
		_ = log.Close()
	}
	if info, err := os.Stat(string(dir)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the run's folder is %v, %v; want it for nobody else", info.Mode(), err)
	}
}
