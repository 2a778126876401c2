package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"testing"
	"time"
)

// balancing is the load balancers of a local AWS at work, which itself only keeps
// what they are to do: each listener is served at its port on loopback, forwards
// by the weights of its default action to targets that are healthy, and the health
// of targets is found out by asking them.
type balancing struct {
	aws string
	// failed tells of what must not happen.
	failed func(err error)
	// released is told at each look what the machines of colours are to run.
	released func(map[string]string)

	proxy *httputil.ReverseProxy

	mu        sync.Mutex
	listeners map[string]*http.Server // by ARN
	seen      balanced
	// passes is how often the targets were asked since they began to answer, -1
	// for those that do not.
	passes map[target]int
}

const (
	// propagation is how long the load balancers take to hear of a change.
	propagation = 50 * time.Millisecond
	// healthyAfter is how many answers make a target healthy.
	healthyAfter = 2
)

// balance has load balancers at work until the test ends, in front of a fleet.
func balance(t *testing.T, aws string, f *fleet) *balancing {
	b := &balancing{
		aws: aws, released: f.run, listeners: map[string]*http.Server{}, passes: map[target]int{},
		failed: func(err error) { t.Errorf("the load balancers: %v", err) },
	}
	b.proxy = &httputil.ReverseProxy{
		Rewrite:   func(*httputil.ProxyRequest) {}, // the URL is that of the target already
		Transport: &http.Transport{DialContext: f.dial, DisableKeepAlives: true},
		ErrorLog:  log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		for ctx.Err() == nil {
			if err := b.update(ctx); err != nil && ctx.Err() == nil {
				b.failed(err)
			}
			select {
			case <-time.After(propagation):
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
		for _, server := range b.listeners {
			_ = server.Close()
		}
	})
	return b
}

// update reads what is to be done, and does it.
func (b *balancing) update(ctx context.Context) error {
	seen, err := b.look(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.seen = seen
	b.mu.Unlock()
	b.released(seen.releases)
	for arn, l := range seen.listeners {
		if b.listeners[arn] != nil {
			continue
		}
		if b.listeners[arn], err = b.listen(ctx, arn, l.port); err != nil {
			return err
		}
	}
	for arn, server := range b.listeners {
		if _, there := seen.listeners[arn]; !there {
			_ = server.Close()
			delete(b.listeners, arn)
		}
	}
	return b.askTargets(ctx)
}

func (b *balancing) listen(ctx context.Context, arn string, port int) (*http.Server, error) {
	on, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.forward(arn, w, r)
	})}
	go func() {
		if err := server.Serve(on); !errors.Is(err, http.ErrServerClosed) {
			b.failed(err)
		}
	}()
	return server, nil
}

// forward sends a request of a listener to a target. One of a group without
// targets is answered 503; when none is healthy, all are taken, as AWS does.
func (b *balancing) forward(arn string, w http.ResponseWriter, r *http.Request) {
	to, ok := b.choose(arn)
	if !ok {
		http.Error(w, "no target", http.StatusServiceUnavailable)
		return
	}
	r.URL.Scheme, r.URL.Host = "http", to.address
	b.proxy.ServeHTTP(w, r)
}

func (b *balancing) choose(arn string) (target, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := 0
	for _, weight := range b.seen.listeners[arn].weights {
		all += weight
	}
	if all == 0 {
		return target{}, false
	}
	chosen := rand.IntN(all)
	for group, weight := range b.seen.listeners[arn].weights {
		if chosen -= weight; chosen < 0 {
			return b.of(group)
		}
	}
	return target{}, false
}

func (b *balancing) of(group string) (target, bool) {
	var healthy []target
	for _, t := range b.seen.groups[group] {
		if b.seen.healthy[t] {
			healthy = append(healthy, t)
		}
	}
	if len(healthy) == 0 {
		healthy = b.seen.groups[group]
	}
	if len(healthy) == 0 {
		return target{}, false
	}
	return healthy[rand.IntN(len(healthy))], true
}

// askTargets asks those of groups that a listener uses, and tells what is new.
func (b *balancing) askTargets(ctx context.Context) error {
	used := map[string]bool{}
	for _, l := range b.seen.listeners {
		for group := range l.weights {
			used[group] = true
		}
	}
	for group, targets := range b.seen.groups {
		for _, t := range targets {
			if !used[group] {
				continue
			}
			if err := b.ask(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *balancing) ask(ctx context.Context, t target) error {
	passes, known := b.passes[t]
	switch {
	case !b.answers(ctx, t):
		b.passes[t] = -1
	case passes < healthyAfter:
		b.passes[t] = max(passes, 0) + 1
	}
	state := map[bool]string{false: "initial", true: "healthy"}[b.passes[t] >= healthyAfter]
	if b.passes[t] < 0 {
		state = "unhealthy"
	}
	if known && b.passes[t] == passes {
		return nil
	}
	host, port, err := net.SplitHostPort(t.address)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"targetGroup": t.group, "target": host, "port": json.Number(port), "state": state})
	if err != nil {
		return err
	}
	answer, err := http.Post(b.aws+"/_localaws/target-health", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	// A group that was deleted meanwhile is not found.
	return answer.Body.Close()
}

func (b *balancing) answers(ctx context.Context, t target) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.address+t.path, http.NoBody)
	if err != nil {
		return false
	}
	answer, err := b.proxy.Transport.RoundTrip(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
