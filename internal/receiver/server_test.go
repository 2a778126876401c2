package receiver_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/internal/receiver"

	"github.com/prometheus/client_golang/prometheus"
)

// announcement hands on where a server listens, as its log says.
type announcement struct {
	once    sync.Once
	address chan string
}

func (a *announcement) Write(p []byte) (int, error) {
	if m := regexp.MustCompile(`address=(\S+)`).FindSubmatch(p); m != nil {
		a.once.Do(func() { a.address <- string(m[1]) })
	}
	return len(p), nil
}

func TestServeEndsWithItsContextAndLetsRequestsEnd(t *testing.T) {
	in, goOn := make(chan struct{}), make(chan struct{})
	handler := receiver.New(receiver.Options{
		Secrets: func(context.Context) ([][]byte, error) { return [][]byte{[]byte(secret)}, nil },
		Pushed:  func(string) { close(in); <-goOn },
		Now:     time.Now, Log: nopLog(), Metrics: receiver.NewMetrics(prometheus.NewRegistry(), "other"),
	})
	said := &announcement{address: make(chan string, 1)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- receiver.Serve(ctx, "127.0.0.1:0", handler, slog.New(slog.NewTextHandler(said, nil)))
	}()
	url := "http://" + <-said.address + "/hooks/github"

	answered := make(chan int, 1)
	go func() {
		h := githubHook(secret, "push", "id", githubPush("org/app", 1))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(h.body))
		if err != nil {
			panic(err)
		}
		for name, value := range h.header {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-in
	stop()
	close(goOn)
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("the request in flight was answered with %d, want 202", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with an error: %v", err)
	}
	if resp, err := http.Post(url, "", bytes.NewReader(nil)); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		t.Errorf("it still answers, with %d", resp.StatusCode)
	}
}

func TestServeSaysWhenItCannotListen(t *testing.T) {
	w := start(t)
	if err := receiver.Serve(t.Context(), w.address, http.NotFoundHandler(), nopLog()); err == nil || !strings.Contains(err.Error(), "listen for webhooks") {
		t.Errorf("the error is %v, want that it cannot listen", err)
	}
}
