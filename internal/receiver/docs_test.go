package receiver_test

import (
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/receiver"

	"github.com/google/go-cmp/cmp"
)

func TestTheCommandsInTheGuideSendAPushThatIsAccepted(t *testing.T) {
	guide, err := os.ReadFile("../../docs/how-to/webhooks.md")
	must(t, err)
	script := regexp.MustCompile("(?s)```sh\n(body=.*?)```").FindSubmatch(guide)
	if script == nil {
		t.Fatal("docs/how-to/webhooks.md has no commands for the generic hook")
	}
	w := start(t, func(o *receiver.Options, _ *http.Server) { o.Now = time.Now })
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", `
git init -q . && git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m one
`+strings.ReplaceAll(string(script[1]), "https://hooks.example.com", w.url))
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "TOKEN="+secret)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "accepted") {
		t.Errorf("the commands ended with %v:\n%s", err, out)
	}
	if diff := cmp.Diff([]string{"git.example.com/org/app"}, w.pushes()); diff != "" {
		t.Errorf("pushes (-want +got):\n%s", diff)
	}
}
