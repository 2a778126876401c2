package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// environOf is the environment that a step of a pod's run had.
func (p *pod) environOf(step string) run.Environ {
	p.Helper()
	data, err := os.ReadFile(filepath.Join(run.Dir(p.dir).Temp(), step))
	if err != nil {
		p.Fatal(err)
	}
	var entries []string
	if err := json.Unmarshal(data, &entries); err != nil {
		p.Fatal(err)
	}
	return run.EnvironOf(entries)
}

func TestAStageHasTheEnvironmentOfItsOwn(t *testing.T) {
	const token = "token-of-the-hook"
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".npmrc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	identity := []string{"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}
	keys := []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
	for name, c := range map[string]struct {
		own      map[string]string
		identity bool // reaches the steps that call AWS
	}{
		"with the identity of the pod": {nil, true},
		"with keys of its own":         {map[string]string{"AWS_ACCESS_KEY_ID": "AKIAOWN"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, run.Request{MemoryLimit: 1 << 30})
			p.secrets.AWS, p.script.Dump = c.own, true
			p.env = []string{"HOME=" + home, "PLAIN=kept", "AWS_EC2_METADATA_DISABLED=", "NODE_OPTIONS=--trace-warnings", run.TokenVariable + "=" + token}
			for _, name := range append(identity, keys...) {
				p.env = append(p.env, name+"=from-the-pod")
			}
			if _, code, got := p.all(); code != 0 {
				t.Fatalf("%+v\n%s", got, p.logs.String())
			}
			dir := run.Dir(p.dir)
			for _, step := range []string{run.StepCloning, run.StepInstalling, run.StepSynthesizing} {
				env := p.environOf(step)
				for name, want := range map[string]string{
					"HOME": dir.Home(), "TMPDIR": dir.Temp(), "npm_config_cache": p.data + "/npm-cache", "npm_config_userconfig": home + "/.npmrc",
					run.MarkVariable: p.dir, "PLAIN": "kept",
				} {
					if env[name] != want {
						t.Errorf("%s: %s is %q, want %q", step, name, env[name], want)
					}
				}
				if got := env["NODE_OPTIONS"]; !strings.HasPrefix(got, "--trace-warnings --max-old-space-size=") {
					t.Errorf("%s: NODE_OPTIONS is %q", step, got)
				}
				for _, name := range identity {
					if shown := env[name] != ""; shown != (c.identity && step != run.StepInstalling) {
						t.Errorf("%s: %s is seen: %t", step, name, shown)
					}
				}
				for _, name := range append(keys, run.TokenVariable) {
					if env[name] != "" {
						t.Errorf("%s sees %s", step, name)
					}
				}
				if asks := env["AWS_EC2_METADATA_DISABLED"] != "true"; asks != (c.identity && step != run.StepInstalling) {
					t.Errorf("%s may ask the host for an identity: %t", step, asks)
				}
			}
		})
	}
}

// TestKeysOfThePodReachWhatCallsAWS: they go the way of those of a Secret.
func TestKeysOfThePodReachWhatCallsAWS(t *testing.T) {
	p := newPod(t, run.Request{Operation: run.OperationHook, Hook: hookOf(decide.AfterDeploy, `test "$AWS_ACCESS_KEY_ID" = AKIAPOD && echo "the key is $AWS_SECRET_ACCESS_KEY"`)})
	p.env = []string{"AWS_ACCESS_KEY_ID=AKIAPOD", "AWS_SECRET_ACCESS_KEY=secret-of-the-pod"}
	if _, code, got := p.all(); code != 0 {
		t.Fatalf("%+v\n%s", got, p.logs.String())
	}
	if log := p.logs.String(); !strings.Contains(log, "the key is ***") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestTheTokenOfAHookIsInNoFileAndNoEnvironment(t *testing.T) {
	const token = "token-of-the-hook"
	p := newPod(t, run.Request{Operation: run.OperationHook, Hook: hookOf(decide.AfterDeploy, `
secret="token-of-""the-hook" # this script is in a file, too
! env | grep -v ^secret= | grep -q "$secret" || exit 3
! grep -rqs "$secret" "$TMPDIR" "$HOME" || exit 4
if [ "$(id -u)" != 0 ]; then ! cat "/proc/$PPID/environ" || exit 5; fi
test -n "$KUBECONFIG" && echo "$secret"`)})
	p.request.Hook.Kubernetes = &run.Kubernetes{Server: "https://127.0.0.1:1"}
	p.env = []string{run.TokenVariable + "=" + token}
	if _, code, got := p.all(); code != 0 {
		t.Fatalf("%+v\n%s", got, p.logs.String())
	}
	if strings.Contains(p.logs.String(), token) {
		t.Errorf("the log shows the token:\n%s", p.logs.String())
	}
}

func TestAContainersMemoryIsBoundedBelowItsLimit(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("memory.max", "1000000\n")
	write("memory.stat", "anon 400000\nfile 9000000\nkernel 1\nshmem 50000\ninactive_anon 7\n")
	m := podMemory(dir, 5<<30)
	if m.limit != 950000 || m.shown != 1000000 || m.used() != 450000 {
		t.Errorf("limit %d of %d, used %d", m.limit, m.shown, m.used())
	}
	write("memory.max", "max\n")
	if m := podMemory(dir, 5<<30); m.limit != 5<<30 || m.used() == 0 {
		t.Errorf("without a limit of the container it is %d, used %d", m.limit, m.used())
	}
	if m := podMemory(filepath.Join(dir, "none"), 0); m.limit != 0 {
		t.Errorf("without any limit it is %d", m.limit)
	}
}
