package git

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
)

// clock is a time that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// watched is a Heads whose ended looks can be waited for.
type watched struct {
	*Heads
	clock   *clock
	changed chan Key
}

func newHeads(t testing.TB, options HeadsOptions) *watched {
	w := &watched{clock: newClock(), changed: make(chan Key, 10_000)}
	options.Now = w.clock.Now
	options.Changed = func(k Key) { w.changed <- k }
	w.Heads = NewHeads(options)
	t.Cleanup(w.Close)
	return w
}

// await asks for a ref until there is an answer, as the controller does: it
// asks again when it is told that a look has ended.
func (w *watched) await(t testing.TB, remote Remote, ref string, maxAge time.Duration) Head {
	t.Helper()
	for range 5 {
		head, ok := w.Get(remote, ref, maxAge)
		if ok {
			return head
		}
		w.next(t)
	}
	t.Fatalf("no answer about %s after five looks", ref)
	return Head{}
}

func (w *watched) next(t testing.TB) Key {
	t.Helper()
	select {
	case k := <-w.changed:
		return k
	case <-time.After(30 * time.Second):
		t.Fatal("no look ended in 30 s")
		return Key{}
	}
}

func TestAMovedRefIsANewRevision(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	must(t, f.repo.AnnotatedTag("v1", f.first, "One"))
	for transport, remote := range f.transports(t) {
		t.Run(transport, func(t *testing.T) {
			must(t, f.repo.AnnotatedTag("v1", f.first, "One"))
			must(t, f.repo.Branch("main", second))
			w := newHeads(t, HeadsOptions{})
			if got := w.await(t, remote, "v1", time.Minute); got.Revision != f.first || got.Err != nil {
				t.Fatalf("v1 = %+v, want %s", got, f.first)
			}
			if got := w.await(t, remote, "main", time.Minute); got.Revision != second {
				t.Fatalf("main = %+v, want %s", got, second)
			}
			must(t, f.repo.AnnotatedTag("v1", second, "Moved"))
			must(t, f.repo.ForceUpdate("refs/heads/main", f.first))
			if got := w.await(t, remote, "v1", time.Minute); got.Revision != f.first {
				t.Errorf("within its age, v1 = %+v, want the remembered %s", got, f.first)
			}
			w.clock.advance(2 * time.Minute)
			if got := w.await(t, remote, "v1", time.Minute); got.Revision != second {
				t.Errorf("after the tag was moved, v1 = %+v, want %s", got, second)
			}
			if got := w.await(t, remote, "main", time.Minute); got.Revision != f.first {
				t.Errorf("after a force-push, main = %+v, want %s", got, f.first)
			}
		})
	}
}

// TestAThousandStacksShareTenListings is the promise that a look costs
// nothing: one listing and one connection per repository.
func TestAThousandStacksShareTenListings(t *testing.T) {
	root := t.TempDir()
	var remotes []Remote
	web, err := gittest.ServeHTTP(root, gittest.HTTPOptions{})
	must(t, err)
	defer web.Close()
	for i := range 10 {
		name := fmt.Sprintf("app%d.git", i)
		repo, err := gittest.NewRepo(filepath.Join(root, name))
		must(t, err)
		_, err = repo.Commit(map[string]string{"a": name}, "One")
		must(t, err)
		remotes = append(remotes, Remote{Repository: parse(t, web.URL+"/"+name)})
	}
	w := newHeads(t, HeadsOptions{})
	for round := range 2 {
		web.Hang(true) // no look ends before everyone has asked
		for stack := range 1000 {
			if head, ok := w.Get(remotes[stack%10], "main", time.Minute); ok {
				t.Fatalf("stack %d got %+v before any look ended", stack, head)
			}
		}
		web.Hang(false)
		for range 10 {
			w.next(t)
		}
		for stack := range 1000 {
			if head, ok := w.Get(remotes[stack%10], "main", time.Minute); !ok || head.Err != nil || len(head.Revision) != 40 {
				t.Fatalf("stack %d got %+v, %v after the looks", stack, head, ok)
			}
		}
		if got, want := web.Listings(), int64(10*(round+1)); got != want {
			t.Errorf("after round %d: %d listings, want %d", round+1, got, want)
		}
		w.clock.advance(5 * time.Minute)
	}
	// Twice per repository to find out what the server speaks, once more each round.
	if got, want := web.Requests(), int64(10*2+10); got != want {
		t.Errorf("%d requests, want %d", got, want)
	}
	if got := web.Connections(); got > 3 {
		t.Errorf("%d connections were made, want at most 3: two per host at a time, kept open", got)
	}
	t.Logf("1,000 stacks, 10 repositories, 2 rounds: %d listings, %d requests, %d connections", web.Listings(), web.Requests(), web.Connections())
}

func TestRefsOfOneRepositoryShareAListing(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	must(t, f.repo.Tag("v1", f.first))
	for transport, remote := range f.transports(t) {
		w := newHeads(t, HeadsOptions{})
		for range 2 {
			f.hang(true) // no look ends before both have asked
			w.Get(remote, "main", time.Minute)
			w.Get(remote, "v1", time.Minute)
			f.hang(false)
			w.next(t)
			for _, ref := range []string{"main", "v1"} {
				if head, ok := w.Get(remote, ref, time.Minute); !ok || head.Revision != f.first {
					t.Errorf("%s: %s = %+v, %v after one look", transport, ref, head, ok)
				}
			}
			w.clock.advance(time.Hour)
		}
	}
	if got := f.shell.Listings(); got != 2 {
		t.Errorf("%d listings over SSH, want 2", got)
	}
}

func TestExpireMakesEveryoneLookAgain(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	w := newHeads(t, HeadsOptions{})
	w.await(t, f.http(t), "main", time.Hour)
	second := f.commit(t, "two")
	w.Expire(f.http(t).Repository)
	if got := w.await(t, f.http(t), "main", time.Hour); got.Revision != second {
		t.Errorf("after Expire, main = %+v, want %s", got, second)
	}
	before := f.web.Listings()
	if got := w.await(t, f.http(t), "main", time.Hour); got.Revision != second || f.web.Listings() != before {
		t.Errorf("one Expire made more than one look")
	}
}

func TestFailuresAreRememberedAndSpacedOut(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	w := newHeads(t, HeadsOptions{})
	good := w.await(t, f.http(t), "main", time.Minute)
	f.web.Fail(503)
	var waits []time.Duration
	for range 8 {
		w.clock.advance(10 * time.Minute)
		head := w.await(t, f.http(t), "main", time.Minute)
		if !errors.Is(head.Err, ErrUnreachable) || head.Revision != good.Revision || !head.Seen.Equal(good.Seen) {
			t.Fatalf("while the server fails, main = %+v, want the last revision beside ErrUnreachable", head)
		}
		waits = append(waits, head.Retry.Sub(head.Failed))
	}
	for i, wait := range waits {
		longest := min(firstRetry<<i, lastRetry)
		if wait > longest || wait < longest*8/10 {
			t.Errorf("after failure %d the wait is %s, want between 80%% and all of %s", i+1, wait, longest)
		}
	}
	before := f.web.Requests()
	if _, ok := w.Get(f.http(t), "main", time.Second); !ok || f.web.Requests() != before {
		t.Error("the server was asked again before the wait was over")
	}
	f.web.Fail(0)
	w.clock.advance(10 * time.Minute)
	if head := w.await(t, f.http(t), "main", time.Minute); head.Err != nil || !head.Seen.Equal(w.clock.Now()) {
		t.Errorf("after the server recovered, main = %+v", head)
	}
}

func TestAMissingRefIsNoFailureOfTheServer(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	for transport, remote := range f.transports(t) {
		w := newHeads(t, HeadsOptions{})
		head := w.await(t, remote, "nope", time.Minute)
		if !errors.Is(head.Err, ErrRefNotFound) || !head.Retry.IsZero() || !strings.Contains(head.Err.Error(), `"nope"`) {
			t.Errorf("%s: a missing ref gives %+v, want ErrRefNotFound and no wait", transport, head)
		}
		if head := w.await(t, remote, "main", time.Minute); head.Err != nil {
			t.Errorf("%s: beside a missing ref, main = %+v", transport, head)
		}
	}
}

func TestAHangingServerHoldsUpNobodyElse(t *testing.T) {
	hanging, healthy := newForge(t, gittest.HTTPOptions{}), newForge(t, gittest.HTTPOptions{})
	hanging.web.Hang(true)
	hanging.shell.Hang(true)
	w := newHeads(t, HeadsOptions{InFlight: 5, PerHost: 2})
	for i := range 50 {
		remote := hanging.http(t)
		remote.Credentials.Username = fmt.Sprint(i) // fifty remotes of one host
		w.Get(remote, "main", time.Minute)
	}
	w.Get(hanging.ssh(t), "main", time.Minute)
	for transport, remote := range healthy.transports(t) {
		if head := w.await(t, remote, "main", time.Minute); head.Revision != healthy.first {
			t.Errorf("beside hanging servers, main over %s = %+v, want %s", transport, head, healthy.first)
		}
	}
}

func TestALookThatTakesTooLongIsGivenUp(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	f.hang(true)
	for transport, remote := range f.transports(t) {
		w := newHeads(t, HeadsOptions{Timeout: 200 * time.Millisecond})
		head := w.await(t, remote, "main", time.Minute)
		if !errors.Is(head.Err, ErrUnreachable) || !strings.Contains(head.Err.Error(), "in time") {
			t.Errorf("%s: a hanging server gives %+v, want ErrUnreachable", transport, head)
		}
	}
}

func TestWhatNobodyAsksForIsForgotten(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	w := newHeads(t, HeadsOptions{})
	for i := range 20 {
		remote := f.http(t)
		remote.Credentials.Username = fmt.Sprint(i)
		w.await(t, remote, "main", time.Minute)
	}
	w.await(t, f.https(t), "main", time.Minute)
	w.await(t, f.https(t), "gone", time.Minute)
	for range 3 {
		w.clock.advance(50 * time.Minute)
		w.await(t, f.https(t), "main", time.Minute)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.entries) != 1 {
		t.Errorf("%d remotes are remembered, want the one that is asked for", len(w.entries))
	}
	for _, e := range w.entries {
		if len(e.asked) != 1 || len(e.answers) != 1 {
			t.Errorf("refs %v are remembered, want main alone", e.asked)
		}
	}
}

func TestCloseEndsLooksInFlight(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	f.web.Hang(true)
	f.shell.Hang(true)
	w := newHeads(t, HeadsOptions{Timeout: time.Hour})
	w.Get(f.http(t), "main", time.Minute)
	w.Get(f.ssh(t), "main", time.Minute)
	w.Close() // would wait an hour
	if _, ok := w.Get(f.http(t), "main", time.Minute); ok {
		t.Error("a closed Heads gave an answer it cannot have")
	}
}
