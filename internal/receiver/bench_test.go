package receiver_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/internal/receiver"
)

// BenchmarkDeliveries sends signed pushes of GitHub over loopback, from as
// many senders as there are processors, each with a connection of its own.
// The senders' share, signing included, is in the figures.
func BenchmarkDeliveries(b *testing.B) {
	w := start(b, func(o *receiver.Options, _ *http.Server) { o.Now, o.Log = time.Now, nopLog() })
	var n atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if status, text := w.send(githubHook(secret, "push", "id", githubPush("org/app", n.Add(1)))); status != http.StatusAccepted {
				b.Errorf("answered with %d %s", status, text)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkForgeries is what an attacker with made up signatures costs.
func BenchmarkForgeries(b *testing.B) {
	w := start(b, through, func(o *receiver.Options, _ *http.Server) { o.Now, o.Log = time.Now, nopLog() })
	forged := githubHook("not-a-secret-of-this-receiver", "push", "id", githubPush("org/app", 1))
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			from := n.Add(1)
			if status, text := w.send(forged.with("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", from/250%250, from%250))); status < 400 {
				b.Errorf("answered with %d %s", status, text)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkPushToCallback is the time from the first byte that a sender
// writes until the callback hears of the repository, one push after another.
func BenchmarkPushToCallback(b *testing.B) {
	heard := make(chan time.Time, 1)
	w := start(b, func(o *receiver.Options, _ *http.Server) {
		o.Now, o.Log = time.Now, nopLog()
		o.Pushed = func(string) { heard <- time.Now() }
	})
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	for i := range b.N {
		h := githubHook(secret, "push", "id", githubPush("org/app", int64(i)))
		began := time.Now()
		if status, text := w.send(h); status != http.StatusAccepted {
			b.Fatalf("answered with %d %s", status, text)
		}
		took[i] = (<-heard).Sub(began)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}

func BenchmarkNormal(b *testing.B) {
	for b.Loop() {
		receiver.Normal("ssh://git@git.example.com:7999/scm/Team/App.git")
	}
}
