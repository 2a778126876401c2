package git

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
)

// BenchmarkLook measures what one git check costs the manager: a look over
// HTTP at a repository of 5,000 refs. The server replays the answers of a real
// git; its share of the CPU time, in this same process, is counted too.
func BenchmarkLook(b *testing.B) {
	remote := Remote{Repository: parse(b, manyRefs(b, 5000).URL+"/app.git")}
	w := newHeads(b, HeadsOptions{})
	w.await(b, remote, "main", time.Minute)
	before := cpuTime(b)
	for b.Loop() {
		w.clock.advance(5 * time.Minute)
		if head := w.await(b, remote, "main", time.Minute); head.Err != nil {
			b.Fatal(head.Err)
		}
	}
	reportCPU(b, before, "check")
}

// BenchmarkGet measures what a stack pays that asks within the age it accepts.
func BenchmarkGet(b *testing.B) {
	remote := Remote{Repository: parse(b, manyRefs(b, 10).URL+"/app.git")}
	w := newHeads(b, HeadsOptions{})
	w.await(b, remote, "main", time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := w.Get(remote, "main", time.Minute); !ok {
			b.Fatal("the answer was forgotten")
		}
	}
}

// BenchmarkThousandStacks measures one round of checks of 1,000 stacks on ten
// repositories of one host: checks a second, CPU time by stack, and the
// connections and listings that are made in a round. Two of the servers are
// real and run git, in this same machine; the third repeats what a git
// answered, which leaves the client's own cost.
func BenchmarkThousandStacks(b *testing.B) {
	b.Run("HTTP replayed", func(b *testing.B) {
		server := manyRefs(b, 100)
		var remotes []Remote
		for i := range 10 {
			remotes = append(remotes, Remote{Repository: parse(b, fmt.Sprintf("%s/app%d.git", server.URL, i))})
		}
		thousandStacks(b, remotes, func() (int64, int64) { return server.connections.Load(), int64(server.requests()) })
	})
	f := newForge(b, gittest.HTTPOptions{})
	remotes := map[string][]Remote{}
	for i := range 10 {
		name := fmt.Sprintf("app%d.git", i)
		repo, err := gittest.NewRepo(filepath.Join(f.root, name))
		must(b, err)
		_, err = repo.Commit(map[string]string{"a": name}, "One")
		must(b, err)
		for transport, remote := range f.transports(b) {
			remote.Repository = parse(b, strings.Replace(remote.Repository.String(), "app.git", name, 1))
			remotes[transport] = append(remotes[transport], remote)
		}
	}
	b.Run("HTTP", func(b *testing.B) {
		thousandStacks(b, remotes["HTTP"], func() (int64, int64) { return f.web.Connections(), f.web.Listings() })
	})
	b.Run("HTTPS", func(b *testing.B) {
		thousandStacks(b, remotes["HTTPS"], func() (int64, int64) { return f.tls.Connections(), f.tls.Listings() })
	})
	b.Run("SSH", func(b *testing.B) {
		thousandStacks(b, remotes["SSH"], func() (int64, int64) { return f.shell.Connections(), f.shell.Listings() })
	})
}

// thousandStacks runs rounds of checks. Count tells the connections and
// listings so far.
func thousandStacks(b *testing.B, remotes []Remote, count func() (connections, listings int64)) {
	w := newHeads(b, HeadsOptions{})
	before := cpuTime(b)
	connections, listings := count()
	for b.Loop() {
		w.clock.advance(5 * time.Minute)
		for stack := range 1000 {
			w.Get(remotes[stack%10], "main", time.Minute)
		}
		for range 10 {
			w.next(b)
		}
		for stack := range 1000 {
			if head, ok := w.Get(remotes[stack%10], "main", time.Minute); !ok || head.Err != nil {
				b.Fatalf("stack %d has no answer: %v", stack, head.Err)
			}
		}
	}
	connected, listed := count()
	rounds := float64(b.N)
	b.ReportMetric(1000*rounds/b.Elapsed().Seconds(), "checks/s")
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/rounds/1000, "cpu-µs/stack")
	b.ReportMetric(float64(connected-connections)/rounds, "connections/round")
	b.ReportMetric(float64(connected-connections), "connections")
	b.ReportMetric(float64(listed-listings)/rounds, "listings/round")
}

// BenchmarkCheckout measures a checkout of 500 files: of a commit that the
// mirror holds, and into a new mirror.
func BenchmarkCheckout(b *testing.B) {
	f := newForge(b, gittest.HTTPOptions{})
	files := map[string]string{"lib/stack.ts": "many\n"}
	for i := range 500 {
		files[fmt.Sprintf("src/d%d/f%d.ts", i%20, i)] = strings.Repeat(fmt.Sprintf("line %d\n", i), 150)
	}
	hash, err := f.repo.Commit(files, "Many")
	must(b, err)
	b.Run("warm", func(b *testing.B) {
		m := openMirrors(b, 0)
		checkout(b, m, f.http(b), hash, "many")
		for b.Loop() {
			checkout(b, m, f.http(b), hash, "many")
		}
	})
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			checkout(b, openMirrors(b, 0), f.http(b), hash, "many")
		}
	})
}

// replay is a server that repeats what a real git answered.
type replay struct {
	*httptest.Server
	connections atomic.Int64

	mu      sync.Mutex
	answers map[string]recorded
	count   int
}

type recorded struct {
	header http.Header
	body   []byte
}

// manyRefs serves every path as a repository with n refs.
func manyRefs(b *testing.B, n int) *replay {
	b.Helper()
	f := newForge(b, gittest.HTTPOptions{})
	refs := make([]string, 0, n)
	for i := range n {
		refs = append(refs, fmt.Sprintf("refs/heads/feature/number-%05d", i))
	}
	must(b, f.repo.ForceUpdateAll(f.first, refs...))
	r := &replay{answers: map[string]recorded{}}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer := r.answer(b, f.web, q)
		for k, v := range answer.header {
			w.Header()[k] = v
		}
		_, _ = w.Write(answer.body)
	}))
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.connections.Add(1)
		}
	}
	r.Start()
	b.Cleanup(r.Close)
	return r
}

func (r *replay) answer(_ *testing.B, real http.Handler, q *http.Request) recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	body, _ := io.ReadAll(q.Body)
	key := q.Method + q.Header.Get("Git-Protocol") + string(body)
	if a, ok := r.answers[key]; ok {
		return a
	}
	path := "/app.git/git-upload-pack"
	if q.Method == http.MethodGet {
		path = "/app.git/info/refs?service=git-upload-pack"
	}
	first := httptest.NewRequest(q.Method, path, bytes.NewReader(body))
	first.Header.Set("Git-Protocol", q.Header.Get("Git-Protocol"))
	recorder := httptest.NewRecorder()
	real.ServeHTTP(recorder, first)
	r.answers[key] = recorded{recorder.Header(), recorder.Body.Bytes()}
	return r.answers[key]
}

func (r *replay) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	runtime.GC()
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func reportCPU(b *testing.B, before time.Duration, unit string) {
	b.ReportAllocs()
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/"+unit)
}
