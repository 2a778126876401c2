package controller_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/receiver"

	"github.com/prometheus/client_golang/prometheus"
)

const webhookSecret = "a-secret-of-github-and-us"

// receive listens to webhooks for a running manager, as the command does.
func (w *world) receive(r *running) *httptest.Server {
	w.Helper()
	server := httptest.NewServer(receiver.New(receiver.Options{
		Secrets: func(context.Context) ([][]byte, error) { return [][]byte{[]byte(webhookSecret)}, nil },
		Pushed: func(repository string) {
			r.reconciler.Pushed(func(address string) bool { return receiver.Normal(address) == repository })
		},
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: receiver.NewMetrics(prometheus.NewRegistry(), ""),
	}))
	w.Cleanup(server.Close)
	return server
}

// push tells of a push as GitHub does.
func (w *world) push(server *httptest.Server, commit, secret string) int {
	w.Helper()
	body := fmt.Sprintf(`{"ref": "refs/heads/main", "after": %q, "repository": {"clone_url": %q, "ssh_url": "git@127.0.0.1:app.git"}}`, commit, w.git.URL+"/app.git")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, server.URL+receiver.Path+"github", strings.NewReader(body))
	w.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", commit)
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(req)
	w.must(err)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// deploysOnPush is a world whose repository nobody looks at except for pushes.
func deploysOnPush(tb testing.TB) (*world, *httptest.Server) {
	tb.Helper()
	w := newWorld(tb)
	first := w.commit(map[string]any{"Topic": topic("one")})
	server := w.receive(w.manageEvery("@every 24h"))
	obj := w.stack("web")
	obj.Spec.Actions = autoRedeploy()
	w.create(obj)
	w.until("web", "it is deployed", deployedAt(first))
	return w, server
}

func TestAPushIsDeployedWithoutWaitingForTheNextLook(t *testing.T) {
	w, server := deploysOnPush(t)
	second := w.commit(map[string]any{"Topic": topic("two")})
	if code := w.push(server, second, "the-secret-of-somebody-else"); code != http.StatusUnauthorized {
		t.Errorf("a delivery with a wrong signature was answered with %d", code)
	}
	if code := w.push(server, second, webhookSecret); code != http.StatusAccepted {
		t.Fatalf("the delivery was answered with %d", code)
	}
	w.until("web", "the push is deployed", deployedAt(second))
}

// BenchmarkPush tells how long it takes from a delivery of a webhook to the
// start of the deployment, as the status shows it: median-ms.
func BenchmarkPush(b *testing.B) {
	w, server := deploysOnPush(b)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		commit := w.commit(map[string]any{"Topic": topic(fmt.Sprint("push ", i))})
		began := time.Now()
		w.push(server, commit, webhookSecret)
		started := w.until("web", "the deployment is started", func(o *v1alpha1.CdkTsStack) bool {
			return o.Status.Target.Revision == commit
		})
		if op := started.Status.Operation; op != nil {
			took = append(took, time.Since(began))
		}
		w.until("web", "it is deployed", deployedAt(commit))
	}
	slices.Sort(took)
	if len(took) > 0 {
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
	}
}
