package gittest

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Faults are switches that make a server misbehave. They may be turned while
// it serves. Every server counts what it was asked, misbehaving or not.
type Faults struct {
	requests atomic.Int64
	listings atomic.Int64
	fetches  atomic.Int64

	mu     sync.Mutex
	hang   chan struct{} // closed when the hang ends; nil when there is none
	delay  time.Duration
	status int
	rate   int
}

// Requests returns how many HTTP requests or SSH commands arrived.
func (f *Faults) Requests() int64 { return f.requests.Load() }

// Listings returns how many times refs were listed: once for an ls-remote,
// over either protocol version.
func (f *Faults) Listings() int64 { return f.listings.Load() }

// Fetches returns how many times objects were asked for.
func (f *Faults) Fetches() int64 { return f.fetches.Load() }

// Hang makes every request wait without an answer, until Hang(false).
func (f *Faults) Hang(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on == (f.hang != nil) {
		return
	}
	if on {
		f.hang = make(chan struct{})
		return
	}
	close(f.hang)
	f.hang = nil
}

// Delay makes every request wait this long before it is served.
func (f *Faults) Delay(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = d
}

// Fail answers every HTTP request with this status, and ends every SSH
// command with this exit status; 0 turns it off.
func (f *Faults) Fail(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

// Throttle slows what HTTP servers send to so many bytes a second, so that a
// fetch can be caught half-way; 0 turns it off.
func (f *Faults) Throttle(bytesPerSecond int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rate = bytesPerSecond
}

// throttled wraps a response as Throttle says.
func (f *Faults) throttled(ctx context.Context, w http.ResponseWriter) io.Writer {
	return &slowWriter{ctx: ctx, faults: f, out: w}
}

type slowWriter struct {
	ctx    context.Context
	faults *Faults
	out    http.ResponseWriter
}

// Write sends a tenth of a second's worth at a time.
func (w *slowWriter) Write(p []byte) (int, error) {
	for done := 0; ; {
		w.faults.mu.Lock()
		rate := w.faults.rate
		w.faults.mu.Unlock()
		if rate == 0 {
			n, err := w.out.Write(p[done:])
			return done + n, err
		}
		n, err := w.out.Write(p[done:min(len(p), done+max(rate/10, 1))])
		done += n
		if err != nil || done == len(p) {
			return done, err
		}
		_ = http.NewResponseController(w.out).Flush()
		select {
		case <-w.ctx.Done():
			return done, w.ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// admit waits as the switches say. It returns the status to fail with, or 0;
// and false when the client went away meanwhile.
func (f *Faults) admit(ctx context.Context) (status int, ok bool) {
	f.requests.Add(1)
	f.mu.Lock()
	hang, delay, status := f.hang, f.delay, f.status
	f.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return 0, false
		}
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return 0, false
		}
	}
	return status, true
}
