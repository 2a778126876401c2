package receiver_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awscdk.dev/operator/internal/receiver"
)

// FuzzDelivery sends bodies of all providers with a right signature. It holds
// that each is answered, that nothing but normal addresses is told of, and of
// an unsigned one nothing at all.
func FuzzDelivery(f *testing.F) {
	f.Add("push", githubPush("org/app", 1))
	f.Add("push", "payload="+`%7B%22repository%22%3A%7B%22clone_url%22%3A%22https%3A%2F%2Fh%2Fp%22%7D%7D`)
	f.Add("Push Hook", gitlabPush)
	f.Add("System Hook", gitlabSystemHook)
	f.Add("repo:push", bitbucketCloudPush)
	f.Add("repo:refs_changed", bitbucketServerPush)
	f.Add("", `{"repository":"git@h:org/app.git"}`)
	f.Add("ping", "{}")
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, event, body string) {
		if strings.ContainsFunc(event, func(c rune) bool { return c < ' ' || c > '~' }) {
			return // no header
		}
		var told []string
		r := receiver.New(receiver.Options{
			Secrets: func(context.Context) ([][]byte, error) { return [][]byte{[]byte(secret)}, nil },
			Pushed:  func(repository string) { told = append(told, repository) },
			Now:     func() time.Time { return now },
			Log:     slog.New(slog.DiscardHandler),
			Metrics: receiver.NewMetrics(prometheus.NewRegistry(), ""),
		})
		for _, h := range []hook{
			githubHook(secret, event, "id", body), githubHook(secret, event, "id", body).with("Content-Type", "application/x-www-form-urlencoded"),
			gitlabHook(secret, event, "id", body), bitbucketHook(secret, event, "id", body), genericHook(secret, now, body),
		} {
			if code := deliver(r, h); code < 200 || code > 499 {
				t.Fatalf("%s is answered with %d", h.provider, code)
			}
			for _, address := range told {
				if !strings.Contains(address, "/") || strings.HasSuffix(address, "/") || strings.ContainsAny(address, " \n") || len(told) > 16*5 {
					t.Fatalf("%s tells of %q", h.provider, told)
				}
			}
		}
		told = nil
		if code := deliver(r, githubHook("not-a-secret-of-this-receiver", event, "id", body)); code != http.StatusUnauthorized || told != nil {
			t.Fatalf("without a right signature: %d, told of %q", code, told)
		}
	})
}

func deliver(r http.Handler, h hook) int {
	request := httptest.NewRequest(http.MethodPost, "/hooks/"+h.provider, strings.NewReader(h.body))
	for name, value := range h.header {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, request)
	return answer.Code
}
