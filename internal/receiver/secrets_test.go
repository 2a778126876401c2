package receiver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"awscdk.dev/operator/internal/receiver"

	"github.com/google/go-cmp/cmp"
)

func TestASecretCanBeRotatedWithoutAMissedPush(t *testing.T) {
	w := start(t)
	at := int64(0)
	by := func(key string) hook { at++; return githubHook(key, "push", "id", githubPush("org/app", at)) }
	const first, second = "the-first-secret-of-all", "the-second-secret-of-all"
	w.keep(nil, first)
	w.expect(by(first), http.StatusAccepted, "accepted")
	w.expect(by(second), http.StatusUnauthorized, "does not match")
	w.keep(nil, first, second)
	w.expect(by(first), http.StatusAccepted, "accepted")
	w.expect(by(second), http.StatusAccepted, "accepted")
	w.keep(nil, second)
	w.expect(by(first), http.StatusUnauthorized, "does not match")
	w.expect(by(second), http.StatusAccepted, "accepted")
}

func TestWithoutASecretEverythingIsRefusedAndTheLogSaysWhatToDo(t *testing.T) {
	cases := map[string]struct {
		secrets []string
		err     error
		log     string
	}{
		"no Secret":           {nil, nil, "under the key token"},
		"an empty one":        {[]string{""}, nil, "at least 16 bytes"},
		"a short one":         {[]string{"123456789012345"}, nil, "at least 16 bytes"},
		"an unreadable one":   {[]string{secret}, errors.New("forbidden"), "read the webhook secrets: forbidden"},
		"an empty signing":    {[]string{"whsec_"}, nil, "at least 16 bytes"},
		"a signing of 4 byte": {[]string{"whsec_AAAA"}, nil, "at least 16 bytes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.keep(c.err, c.secrets...)
			key := strings.Join(c.secrets, "")
			for _, h := range []hook{
				githubHook(key, "push", "id", githubPush("org/app", 1)), gitlabHook(key, "Push Hook", "id", gitlabPush), githubHook(key, "ping", "id", "{}"),
				bitbucketHook(key, "repo:push", "id", bitbucketCloudPush), genericHook(key, w.now, `{"repository":"https://h/a"}`),
				gitlabSigned("", "id", w.now, gitlabPush),
			} {
				w.expect(h, http.StatusServiceUnavailable, "not configured: see the operator's log")
			}
			if got := w.pushes(); len(got) > 0 {
				t.Errorf("told of pushes to %v", got)
			}
			if n := strings.Count(w.logged(), "webhooks are refused"); n != 1 || !strings.Contains(w.logged(), c.log) {
				t.Errorf("the log says so %d times, want once, with %q:\n%s", n, c.log, w.logged())
			}
			w.keep(nil, secret)
			w.expect(githubHook(secret, "push", "id", githubPush("org/app", 1)), http.StatusAccepted, "accepted")
		})
	}
}

func TestAFloodOfRequestsReadsTheSecretsOnce(t *testing.T) {
	w := start(t)
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() { w.send(githubHook(secret, "push", "id", githubPush("org/app", int64(i)))) })
	}
	all.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reads != 1 {
		t.Errorf("the secrets were read %d times, want once", w.reads)
	}
}

func TestASenderThatHangsUpDoesNotSpoilTheSecretsForTheOthers(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	w := start(t, func(o *receiver.Options, _ *http.Server) {
		o.Secrets = func(ctx context.Context) ([][]byte, error) {
			close(asked) // a second time would panic
			<-answer
			return [][]byte{[]byte(secret)}, ctx.Err()
		}
	})
	h := githubHook(secret, "push", "id", githubPush("org/app", 1))
	conn := dial(t, w.address)
	_, err := io.WriteString(conn, fmt.Sprintf("POST /hooks/github HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nX-Hub-Signature-256: %s\r\n\r\n", sha256Of(secret, "")))
	must(t, err)
	<-asked
	must(t, conn.(*net.TCPConn).SetLinger(0))
	must(t, conn.Close())
	close(answer)
	w.expect(h, http.StatusAccepted, "accepted")
}

func TestEveryKeyThatBeginsWithTokenHoldsASecret(t *testing.T) {
	got := receiver.Secrets(map[string][]byte{
		"token":          []byte("first\n"),
		"token-previous": []byte(" second "),
		"password":       []byte("third"),
		"Token":          []byte("fourth"),
	})
	if diff := cmp.Diff([][]byte{[]byte("first"), []byte("second")}, got); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestTheSeriesOfAllProvidersBeginAtZero(t *testing.T) {
	w := start(t)
	for _, provider := range []string{"github", "gitlab", "bitbucket", "generic"} {
		for _, outcome := range []string{
			"accepted", "replayed", "ping", "ignored", "malformed", "too_large", "refused", "stale", "not_post", "limited", "busy", "no_secret",
		} {
			if n := w.counted(provider, outcome); n != 0 {
				t.Errorf("%s %s is %v, want 0", provider, outcome, n)
			}
		}
	}
}

func nopLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
