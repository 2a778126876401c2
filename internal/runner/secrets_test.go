package runner

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/run"
)

func TestALogLeadsEachLineByItsStep(t *testing.T) {
	dir := run.Dir(t.TempDir())
	log, err := OpenLog(dir, redact.New("hunter22"))
	if err != nil {
		t.Fatal(err)
	}
	log.Printf(run.StepInstalling, "before\nhunter22\n\nafter")
	_ = log.Close()
	data, _ := os.ReadFile(dir.Log(0))
	if want := "[Installing] before\n[Installing] ***\n[Installing] \n[Installing] after\n"; string(data) != want {
		t.Errorf("the log is %q, want %q", data, want)
	}
}

// TestAHookShowsNoPieceOfASecret has a hook print a long secret as tools do,
// and fail, so that the message shows its last lines.
func TestAHookShowsNoPieceOfASecret(t *testing.T) {
	long := make([]byte, 9000)
	for i := range long {
		long[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[(i*i+i/36)%36]
	}
	secret := string(long)
	for name, script := range map[string]string{
		"without a newline": `printf %s "$TOKEN"; exit 3`,
		"traced":            `set -x; : "$TOKEN"; exit 3`,
		"base64, wrapped":   `printf 'x%s' "$TOKEN" | base64; exit 3`,
		"after much":        `head -c 40000 /dev/zero | tr '\0' x; printf '%s' "$TOKEN"; exit 3`,
	} {
		t.Run(name, func(t *testing.T) {
			result, log := hooked(t, &world{}, func(_ *run.Request, secrets *run.Secrets) {
				secrets.HookEnv, secrets.HookSecrets = map[string]string{"TOKEN": secret}, []string{"TOKEN"}
			}, script)
			if result.Failure == nil || !strings.Contains(result.Failure.Message, "code 3") {
				t.Fatalf("failure %+v", result.Failure)
			}
			encoded := base64.StdEncoding.EncodeToString([]byte("x" + secret))
			for from := 0; from+16 < len(secret); from++ {
				for _, piece := range []string{secret[from : from+16], encoded[from+2 : from+18]} {
					if strings.Contains(log, piece) || strings.Contains(result.Failure.Message, piece) {
						t.Fatalf("%q is shown; the message is %.300q", piece, result.Failure.Message)
					}
				}
			}
		})
	}
}

func TestTheTokensOfTheProjectAreRedacted(t *testing.T) {
	s := session(t, run.Request{}, run.Secrets{})
	project := filepath.Join(s.Dir.Workspace(), "app")
	if err := os.MkdirAll(project, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, ".npmrc"), []byte("//npm.acme.com/:_authToken=npm_4711abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := s.Log.Writer(run.StepInstalling)
	_, _, err := newToolchain(s).Install(t.Context(), project, out)
	if err == nil {
		t.Fatal("a project without a lock file was installed")
	}
	if got := s.Log.redact.String("npm_4711abcdef"); got != redact.Mark {
		t.Errorf("after the install, %q is shown", got)
	}
}
