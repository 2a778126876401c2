package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/run"
)

// hooked carries out an OperationHook of a script and gives its result and log.
func hooked(t *testing.T, w *world, edit func(*run.Request, *run.Secrets), script string) (decide.RunResult, string) {
	t.Helper()
	req := run.Request{
		Operation: run.OperationHook, Namespace: "production", Name: "web", StackName: "WebApp-Production-Stack",
		Region: region, Repository: "https://git.example/web.git", Ref: "v2.1.0", Revision: "c0ffee",
		Hook: &run.Hook{Name: decide.AfterDeploy, Script: script},
	}
	var secrets run.Secrets
	if edit != nil {
		edit(&req, &secrets)
	}
	s := session(t, req, secrets)
	if err := s.Dir.Create(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", s.Dir.Home())
	t.Setenv("TMPDIR", s.Dir.Temp())
	plan, err := w.tools().Work(t.Context(), s)
	result := s.result(plan, err)
	log, err := os.ReadFile(s.Dir.Log(0))
	if err != nil {
		t.Fatal(err)
	}
	return result, string(log)
}

func TestAHookRunsInTheProjectWithBothGenerationsOfNames(t *testing.T) {
	result, log := hooked(t, &world{}, func(r *run.Request, s *run.Secrets) {
		r.Hook.Env = map[string]string{"CDK_OUTPUTS": `{"Url":"https://web"}`}
		r.Hook.Files = map[string]run.HookFile{"CDK_DRIFT_FILE": {Name: "drift.json", Data: []byte(`{"drifted":true}`)}}
		s.HookEnv = map[string]string{"SLACK_WEBHOOK_URL": "https://hooks.example/T0KEN", "CDK_STACK_NAME": "another"}
		s.AWS = map[string]string{"AWS_ACCESS_KEY_ID": "AKIATEST"}
	}, `
set -euo pipefail
for name in CDK_STACK_NAME CDK_STACK_NAMESPACE CDK_STACK_RESOURCE_NAME CDK_STACK_REGION CDK_OPERATION CDK_GIT_REPOSITORY CDK_GIT_REF \
	AWS_ACCOUNT_ID AWS_ACCOUNT CDK_DEFAULT_ACCOUNT CDK_DEFAULT_REGION AWS_REGION AWS_DEFAULT_REGION CDK_OUTPUTS; do
	echo "$name=${!name}"
done
echo "same folder: $([ "$PWD" = "$(cd "$CDK_PROJECT_PATH" && pwd -P)" ] && echo yes)"
echo "drift: $(cat "$CDK_DRIFT_FILE")"
echo "key: ${#AWS_ACCESS_KEY_ID}, hook: ${#SLACK_WEBHOOK_URL}"
`)
	if result.Failure != nil || len(result.Hooks) != 1 || !result.Hooks[0].Succeeded {
		t.Fatalf("the hook failed: %+v\n%s", result, log)
	}
	for _, want := range []string{
		"CDK_STACK_NAME=WebApp-Production-Stack", "CDK_STACK_NAMESPACE=production", "CDK_STACK_RESOURCE_NAME=web",
		"CDK_STACK_REGION=eu-west-1", "CDK_OPERATION=afterDeploy", "CDK_GIT_REPOSITORY=https://git.example/web.git",
		"CDK_GIT_REF=v2.1.0", "AWS_ACCOUNT_ID=111122223333", "AWS_ACCOUNT=111122223333", "CDK_DEFAULT_ACCOUNT=111122223333",
		"CDK_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", `CDK_OUTPUTS={"Url":"https://web"}`,
		"same folder: yes", `drift: {"drifted":true}`, "key: 8, hook: 27",
	} {
		if !strings.Contains(log, "[afterDeploy] "+want+"\n") {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

func TestAHookThatFailsSaysHow(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		code   int32
		want   []string
	}{
		"an exit code and the last lines": {"echo checking; echo 'no healthy targets' >&2; exit 3", 3,
			[]string{"afterDeploy exited with code 3: no healthy targets\nbefore that:\nchecking"}},
		"a tool that is not there": {"no-such-tool --version", 127,
			[]string{"exited with code 127; no-such-tool is not on the operator's PATH: install it"}},
		"only the end of much output": {"for i in $(seq 1000); do echo line-$i; done; false", 1,
			[]string{"code 1: line-1000\nbefore that:\nline-989\n", "\nline-999"}},
		"empty lines at the end are none": {"echo blocked; echo; echo ' '; exit 1", 1, []string{"afterDeploy exited with code 1: blocked"}},
		"a hint names the object that is there": {`echo "kubectl annotate cdk $CDK_STACK_NAME emergency-deployment=true"; exit 1`, 1,
			[]string{"code 1: kubectl annotate cdk web -n production emergency-deployment=true"}},
		"with its namespace once": {`echo "3. kubectl -n production patch cdkts/$CDK_STACK_NAME --type='merge'"; exit 1`, 1,
			[]string{"code 1: 3. kubectl -n production patch cdkts/web --type='merge'"}},
		"and leaves the stack's name elsewhere": {`echo "kubectl get cdk $CDK_STACK_NAME-2; aws cloudformation describe-stacks --stack-name $CDK_STACK_NAME"; exit 1`, 1,
			[]string{"code 1: kubectl get cdk WebApp-Production-Stack-2; aws cloudformation describe-stacks --stack-name WebApp-Production-Stack"}},
	} {
		t.Run(name, func(t *testing.T) {
			result, _ := hooked(t, &world{}, nil, c.script)
			f := result.Failure
			if f == nil || f.Reason != "AfterDeployFailed" || f.Outlook != problem.Retries || result.Step != decide.AfterDeploy {
				t.Fatalf("failure %+v", f)
			}
			for _, want := range c.want {
				if !strings.Contains(f.Message, want) {
					t.Errorf("the message lacks %q: %s", want, f.Message)
				}
			}
			if strings.Contains(f.Message, "line-900\n") || len(f.Message) > problem.MaxMessage {
				t.Errorf("the message shows too much: %s", f.Message)
			}
			h := result.Hooks[0]
			if h.Succeeded || h.ExitCode == nil || *h.ExitCode != c.code || h.Message != f.Message {
				t.Errorf("hook %+v", h)
			}
		})
	}
}

func TestAHookThatTakesTooLongNamesTheFieldThatCounts(t *testing.T) {
	for field, want := range map[string]string{
		"spec.hooks.timeouts.afterDeploy": "raise spec.hooks.timeouts.afterDeploy or make it faster",
		"":                                "raise spec.hooks.timeout or make it faster", // of an earlier version's request
	} {
		result, _ := hooked(t, &world{}, func(r *run.Request, _ *run.Secrets) {
			r.Hook.Timeout, r.Hook.TimeoutField = 100*time.Millisecond, field
		}, "sleep 60")
		if result.Failure == nil || !strings.Contains(result.Failure.Message, want) {
			t.Errorf("failure %+v, want one that says %q", result.Failure, want)
		}
	}
}

func TestNoSecretGetsOutOfAHook(t *testing.T) {
	result, log := hooked(t, &world{}, func(_ *run.Request, s *run.Secrets) {
		s.AWS = map[string]string{"AWS_SECRET_ACCESS_KEY": "aws/secret+value/0123456789"}
		s.HookEnv = map[string]string{"INCIDENT_API_TOKEN": "incident-token-1", "STAGE": "production"}
		s.HookSecrets = []string{"INCIDENT_API_TOKEN"}
	}, `env; echo "$AWS_SECRET_ACCESS_KEY" | base64; printf %s "$INCIDENT_API_TOKEN"; exit 1`)
	for where, text := range map[string]string{"log": log, "message": result.Failure.Message} {
		for _, secret := range []string{"aws/secret", "incident-token", "YXdzL3NlY3JldC"} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s shows %s:\n%s", where, secret, text)
			}
		}
	}
	if !strings.Contains(log, "STAGE=production") {
		t.Error("what is not secret is redacted")
	}
}

func TestNoPieceOfASecretIsShownOfALongOutput(t *testing.T) {
	token := strings.Repeat("0123456789abcdef", 40)
	// However long the lines after it are: the cut may fall into the token.
	for after := 0; after < 1200; after += 97 {
		result, _ := hooked(t, &world{}, func(_ *run.Request, s *run.Secrets) {
			s.AWS = map[string]string{"AWS_SESSION_TOKEN": token}
		}, fmt.Sprintf(`echo "token $AWS_SESSION_TOKEN"; head -c %d /dev/zero | tr '\0' x; echo; echo "the last line"; exit 1`, after))
		if strings.Contains(result.Failure.Message, "0123456789") || !strings.Contains(result.Failure.Message, "the last line") {
			t.Fatalf("after %d bytes:\n%s", after, result.Failure.Message)
		}
	}
}

func TestAHookThatWillNotEndIsEndedWithAllThatItStarted(t *testing.T) {
	if err := proc.Adopt(); err != nil {
		t.Fatal(err)
	}
	marker := "awscdk-hook-" + filepath.Base(t.TempDir())
	for name, c := range map[string]struct{ script, want string }{
		"in the foreground": {"exec -a " + marker + " sleep 600", "took longer than 1s"},
		"it ignores SIGTERM and has a child that left its group": {
			"trap '' TERM; setsid bash -c 'trap \"\" TERM; exec -a " + marker + " sleep 600' & while :; do sleep 0.1; done", "took longer than 1s"},
		"it ends and leaves something running": {"setsid bash -c 'exec -a " + marker + " sleep 600' & disown; exit 4", "exited with code 4"},
	} {
		t.Run(name, func(t *testing.T) {
			result, _ := hooked(t, &world{}, func(r *run.Request, _ *run.Secrets) { r.Hook.Timeout = time.Second }, c.script)
			if result.Failure == nil || !strings.Contains(result.Failure.Message, c.want) {
				t.Errorf("failure %+v, want one that says %q", result.Failure, c.want)
			}
			if out, err := exec.Command("pgrep", "-f", "^"+marker).Output(); err == nil {
				t.Errorf("still running: %s", out)
			}
		})
	}
}

func TestAGibibyteOfOutputIsBounded(t *testing.T) {
	s := session(t, run.Request{Operation: run.OperationHook, Hook: &run.Hook{Name: decide.AfterDeploy, Script: "head -c 1073741824 /dev/zero | tr '\\0' x; echo; echo end; exit 1"}}, run.Secrets{})
	if err := s.Dir.Create(); err != nil {
		t.Fatal(err)
	}
	plan, err := (&world{}).tools().Work(t.Context(), s)
	result := s.result(plan, err)
	if result.Failure == nil || !strings.HasSuffix(result.Failure.Message, "end") || len(result.Failure.Message) > problem.MaxMessage {
		t.Errorf("failure %+v", result.Failure)
	}
	size := int64(0)
	logs, _ := filepath.Glob(string(s.Dir) + "/log.*")
	for _, path := range logs {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if limit := int64(headSize + (tailCount+1)*pieceSize); size == 0 || size > limit {
		t.Errorf("the log is %d bytes, want %d at most", size, limit)
	}
}

func TestAHookThatGuardsADestructionIsHeardWithoutARepository(t *testing.T) {
	gone := &world{checkoutErr: io.ErrUnexpectedEOF}
	optional := func(r *run.Request, _ *run.Secrets) { r.Hook.ProjectOptional, r.Hook.Name = true, decide.BeforeDestroy }
	result, log := hooked(t, gone, optional, `ls -A | wc -l; exit 9`)
	if f := result.Failure; f == nil || f.Reason != "BeforeDestroyFailed" || !strings.Contains(f.Message, "code 9: 0") {
		t.Errorf("failure %+v\n%s", f, log)
	}
	if result, _ := hooked(t, gone, nil, "true"); result.Failure == nil || len(result.Hooks) != 0 {
		t.Errorf("a hook that needs its project ran without it: %+v", result)
	}
	missing := func(r *run.Request, _ *run.Secrets) {
		r.Hook.ProjectOptional, r.Hook.ProjectMissing = true, "the Secret production/ssh does not exist"
	}
	if result, log := hooked(t, &world{}, missing, "true"); result.Failure != nil || !strings.Contains(log, "the Secret production/ssh does not exist") {
		t.Errorf("failure %+v\n%s", result.Failure, log)
	}
}

func TestAHookReportsValues(t *testing.T) {
	result, log := hooked(t, &world{}, nil, `
echo 'health_check_response_time_ms 42.5  # milliseconds' >> "$CDK_METRICS_FILE"
echo 'security_compliance_score 97' >> "$CDK_METRICS_FILE"
echo 'Bad-Name 1' >> "$CDK_METRICS_FILE"
echo 'nan_value NaN' >> "$CDK_METRICS_FILE"
`)
	want := map[string]float64{"health_check_response_time_ms": 42.5, "security_compliance_score": 97}
	if got := result.Hooks[0].Values; !maps.Equal(got, want) {
		t.Errorf("values %v, want %v", got, want)
	}
	if !strings.Contains(log, "CDK_METRICS_FILE, line 3") || !strings.Contains(log, "line 4") {
		t.Errorf("the log does not tell what was left out:\n%s", log)
	}
	linked, _ := hooked(t, &world{}, nil, `ln -s /etc/hostname "$CDK_METRICS_FILE"`)
	if linked.Hooks[0].Values != nil {
		t.Errorf("a link was followed: %v", linked.Hooks[0].Values)
	}
}

func TestBeforeDeployRunsBetweenInstallingAndSynthesising(t *testing.T) {
	w := &world{stack: Stack{}}
	w.stack.Plan.StackName = "Web"
	build := func(r *run.Request, _ *run.Secrets) {
		r.Operation, r.Hook.Name = run.OperationBuild, decide.BeforeDeploy
	}
	result, _ := hooked(t, w, build, "true")
	var names []string
	for _, step := range result.Steps {
		names = append(names, step.Name)
	}
	if want := []string{"Cloning", "Installing", "beforeDeploy", "Synthesizing", "Publishing"}; !slices.Equal(names, want) || result.Plan == nil {
		t.Errorf("steps %v, want %v; plan %v", names, want, result.Plan)
	}
	result, _ = hooked(t, w, build, "exit 1")
	if result.Failure == nil || result.Failure.Reason != "BeforeDeployFailed" || result.Plan != nil || len(w.published) != 1 {
		t.Errorf("a hook that failed did not stop the build: %+v, published %v", result, w.published)
	}
}

// TestNothingButTheHookReachesTheCluster looks for the hook's way to the API
// server once the hook has ended, while its run goes on.
func TestNothingButTheHookReachesTheCluster(t *testing.T) {
	const reach = `
server=$(grep -o '127\.0\.0\.1:[0-9]*' "$KUBECONFIG")
exec 3<> "/dev/tcp/${server/://}" && echo "$KUBECONFIG $server" > "$NOTE"
`
	for name, end := range map[string]string{"it succeeds": "exit 0", "it fails": "exit 1", "it takes too long": "exec sleep 600"} {
		t.Run(name, func(t *testing.T) {
			note := filepath.Join(t.TempDir(), "note")
			shut := func() {
				t.Helper()
				noted, _ := os.ReadFile(note)
				kubeconfig, server, reached := strings.Cut(strings.TrimSpace(string(noted)), " ")
				if !reached {
					t.Fatal("the hook itself did not reach it")
				}
				if _, err := os.Stat(kubeconfig); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("its kubeconfig is still there: %v", err)
				}
				if conn, err := net.Dial("tcp", server); err == nil {
					_ = conn.Close()
					t.Error("its address still answers")
				}
			}
			synthesised := false
			w := &world{app: func() { synthesised = true; shut() }}
			result, log := hooked(t, w, func(r *run.Request, s *run.Secrets) {
				r.Operation, r.Hook.Name, r.Hook.Timeout = run.OperationBuild, decide.BeforeDeploy, 2*time.Second
				r.Hook.Kubernetes, s.KubernetesToken = &run.Kubernetes{Server: "https://127.0.0.1:1"}, "token"
				s.HookEnv = map[string]string{"NOTE": note}
			}, reach+end)
			shut()
			if synthesised != (end == "exit 0") || synthesised != (result.Failure == nil) {
				t.Errorf("synthesised: %t, failure %+v\n%s", synthesised, result.Failure, log)
			}
		})
	}
}

func TestARunThatFillsTheDiskIsEndedBeforeTheOthersSuffer(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	watchDisk(ctx, run.Dir(t.TempDir()), math.MaxUint64, cancel)
	f, ok := errors.AsType[*problem.Problem](context.Cause(ctx))
	if !ok || f.Reason != "NoDiskSpace" || f.Outlook != problem.Retries || !strings.Contains(f.Message, "enlarge the operator's volume") {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	ctx, end := context.WithCancelCause(t.Context())
	end(nil)
	watchDisk(ctx, run.Dir(t.TempDir()), 0, func(err error) { t.Errorf("a disk with room ends the run: %v", err) })
}

func TestAHereDocumentWithAnIndentedEndIsRunAsItIsMeant(t *testing.T) {
	indented := `if true; then
  PAYLOAD=$(cat << EOF
  {"stack": "$CDK_STACK_NAME"}
  EOF
  )
  echo "sent $PAYLOAD"
fi
exit 3`
	result, log := hooked(t, &world{}, nil, indented)
	if result.Failure == nil || !strings.Contains(result.Failure.Message, "exited with code 3") || !strings.Contains(log, `sent   {"stack": "WebApp-Production-Stack"}`) {
		t.Errorf("failure %+v\n%s", result.Failure, log)
	}
	if !strings.Contains(log, "indented (lines [4])") {
		t.Errorf("nobody was told:\n%s", log)
	}
	// What bash can parse is not touched, and what this does not help fails as it is.
	fine := "cat <<EOF\n EOF\n  text\nEOF"
	if _, log := hooked(t, &world{}, nil, fine); !strings.Contains(log, "[afterDeploy]  EOF\n") || strings.Contains(log, "indented") {
		t.Errorf("a script that runs was changed:\n%s", log)
	}
	if result, log := hooked(t, &world{}, nil, "if true; then"); result.Failure == nil || strings.Contains(log, "indented (lines") {
		t.Errorf("failure %+v\n%s", result.Failure, log)
	}
}

func TestTheLastLinesKeepTheEnd(t *testing.T) {
	l := redact.New().Tail(8 << 10)
	_, _ = l.Write(bytes.Repeat([]byte("x\n"), 20<<10))
	_, _ = io.WriteString(l, "\xff end\r\n")
	if got := lastLines(l.String()); !strings.HasSuffix(got, "x\n? end") || strings.Count(got, "\n") != shownLines-1 {
		t.Errorf("%q", got)
	}
}

func TestAHooksMessageBeginsWithWhatTheHookSays(t *testing.T) {
	got := lastLines("checking\n(node:7) Warning: NodeVersionSupportWarning: The AWS SDK\nwill require node >=22\n" +
		"(Use `node --trace-warnings ...` to show where the warning was created)\nhealth: 503")
	if want := "checking\nhealth: 503"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
