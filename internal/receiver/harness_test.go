package receiver_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/internal/receiver"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	secret  = "a-secret-that-only-the-test-knows"
	another = "another-secret-of-a-good-length"
	// signing is a signing token as GitLab makes them, and signingKey what it holds.
	signingKey = "0123456789abcdef0123456789abcdef"
)

var signing = "whsec_" + base64.StdEncoding.EncodeToString([]byte(signingKey))

// world is a receiver served on loopback, with what it did.
type world struct {
	t        testing.TB
	url      string
	address  string
	server   *http.Server
	client   *http.Client
	registry *prometheus.Registry

	mu      sync.Mutex
	now     time.Time
	secrets [][]byte
	err     error
	reads   int
	pushed  []string
	log     bytes.Buffer
}

// start serves a receiver that accepts three secrets; change sets it up otherwise.
func start(t testing.TB, change ...func(*receiver.Options, *http.Server)) *world {
	t.Helper()
	w := &world{
		t:        t,
		registry: prometheus.NewRegistry(),
		now:      time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		secrets:  [][]byte{[]byte(another), []byte(secret), []byte(signing)},
		client:   &http.Client{Transport: &http.Transport{MaxConnsPerHost: 256, MaxIdleConnsPerHost: 256}, Timeout: time.Minute},
	}
	log := slog.New(slog.NewTextHandler(lockedWriter{w}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	options := receiver.Options{
		Secrets: func(context.Context) ([][]byte, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reads++
			return w.secrets, w.err
		},
		Pushed:  w.push,
		Now:     func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		Log:     log,
		Metrics: receiver.NewMetrics(w.registry, ""),
	}
	w.server = receiver.NewServer(nil, log)
	for _, f := range change {
		f(&options, w.server)
	}
	w.server.Handler = receiver.New(options)
	l, err := receiver.Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	w.address = l.Addr().String()
	w.url = "http://" + w.address
	done := make(chan struct{})
	go func() { defer close(done); _ = w.server.Serve(l) }()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		_ = w.server.Close()
		<-done
	})
	return w
}

type lockedWriter struct{ w *world }

func (l lockedWriter) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(p)
}

func (w *world) push(repository string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pushed = append(w.pushed, repository)
}

// advance lets time pass.
func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// keep changes which secrets are accepted, and lets the old ones grow old.
func (w *world) keep(err error, secrets ...string) {
	w.mu.Lock()
	w.err, w.secrets = err, nil
	for _, s := range secrets {
		w.secrets = append(w.secrets, []byte(s))
	}
	w.mu.Unlock()
	w.advance(10 * time.Second)
}

// pushes are the repositories that were told of so far.
func (w *world) pushes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.pushed)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// hook is a delivery that can be sent.
type hook struct {
	provider string
	header   map[string]string
	body     string
}

// with returns the hook with one more header, or without it if value is "".
func (h hook) with(name, value string) hook {
	h.header = maps.Clone(h.header)
	h.header[name] = value
	if value == "" {
		delete(h.header, name)
	}
	return h
}

// send posts the hook and returns the status and the text of the answer.
func (w *world) send(h hook) (status int, text string) {
	w.t.Helper()
	status, text, _ = w.request(http.MethodPost, "/hooks/"+h.provider, h, strings.NewReader(h.body))
	return status, text
}

func (w *world) request(method, path string, h hook, body io.Reader) (status int, text string, answer http.Header) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	must(w.t, err)
	for name, value := range h.header {
		req.Header.Set(name, value)
	}
	resp, err := w.client.Do(req)
	must(w.t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return resp.StatusCode, strings.TrimSpace(string(all)), resp.Header
}

// expect sends the hook and fails the test unless the answer is as given.
func (w *world) expect(h hook, status int, text string) {
	w.t.Helper()
	gotStatus, gotText := w.send(h)
	if gotStatus != status || !strings.Contains(gotText, text) {
		w.t.Errorf("%s answered %d %q, want %d with %q", h.provider, gotStatus, gotText, status, text)
	}
}

// counted is the number of requests of an outcome, -1 if there is no such series.
func (w *world) counted(provider, outcome string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	must(w.t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if family.GetName() == "cdktsstack_webhook_requests_total" && labels["provider"] == provider && labels["outcome"] == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func hmacOf(key, message string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func sha256Of(key, message string) string {
	return "sha256=" + hex.EncodeToString(hmacOf(key, message))
}

func githubHook(key, event, id, body string) hook {
	return hook{"github", map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": event, "X-GitHub-Delivery": id, "X-Hub-Signature-256": sha256Of(key, body),
	}, body}
}

func gitlabHook(token, event, id, body string) hook {
	return hook{"gitlab", map[string]string{
		"Content-Type": "application/json", "X-Gitlab-Event": event, "X-Gitlab-Event-UUID": id, "X-Gitlab-Token": token,
	}, body}
}

func gitlabSigned(key, id string, at time.Time, body string) hook {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signature := base64.StdEncoding.EncodeToString(hmacOf(key, id+"."+stamp+"."+body))
	return hook{"gitlab", map[string]string{
		"Content-Type": "application/json", "X-Gitlab-Event": "Push Hook",
		"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": "v1," + signature,
	}, body}
}

func bitbucketHook(key, event, id, body string) hook {
	return hook{"bitbucket", map[string]string{
		"Content-Type": "application/json", "X-Event-Key": event, "X-Request-UUID": id, "X-Hub-Signature": sha256Of(key, body),
	}, body}
}

func genericHook(key string, at time.Time, body string) hook {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return hook{"generic", map[string]string{
		"X-Timestamp": stamp, "X-Signature-256": sha256Of(key, stamp+"."+body),
	}, body}
}

// through has the loopback address trusted as a proxy.
func through(o *receiver.Options, _ *http.Server) {
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", address)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
