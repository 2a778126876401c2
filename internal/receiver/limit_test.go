package receiver_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/internal/receiver"
)

func TestAnAddressThatFailsAgainAndAgainIsTurnedAwayForAWhile(t *testing.T) {
	w := start(t, through)
	wrong := githubHook("not-a-secret-of-this-receiver", "push", "id", "{}").with("X-Forwarded-For", "203.0.113.7")
	right := githubHook(secret, "push", "id", githubPush("org/app", 1)).with("X-Forwarded-For", "203.0.113.7")
	for range 20 {
		w.expect(wrong, http.StatusUnauthorized, "does not match")
	}
	status, text, header := w.request(http.MethodPost, "/hooks/github", right, strings.NewReader(right.body))
	if status != http.StatusTooManyRequests || text != "too many failures" {
		t.Fatalf("answered with %d %q, want 429", status, text)
	}
	wait, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 60 {
		t.Fatalf("Retry-After is %q, want seconds, a minute at most", header.Get("Retry-After"))
	}
	w.expect(right.with("X-Forwarded-For", "203.0.113.8").with("X-GitHub-Event", "ping"), http.StatusOK, "pong")
	w.advance(time.Duration(wait) * time.Second)
	w.expect(right, http.StatusAccepted, "accepted")
	w.expect(wrong, http.StatusUnauthorized, "does not match")
	w.expect(right, http.StatusTooManyRequests, "too many failures")
	w.advance(time.Hour)
	for range 20 {
		w.expect(wrong, http.StatusUnauthorized, "does not match")
	}
	w.expect(wrong, http.StatusTooManyRequests, "too many failures")
}

func TestRightDeliveriesDoNotCountAsFailures(t *testing.T) {
	w := start(t)
	for i := range 100 {
		w.expect(githubHook(secret, "push", "id", githubPush("org/app", int64(i))), http.StatusAccepted, "accepted")
		w.expect(githubHook(secret, "push", "id", githubPush("org/app", int64(i))), http.StatusOK, "already seen")
		w.expect(githubHook(secret, "push", "id", fmt.Sprintf("no JSON %d", i)), http.StatusBadRequest, "not the JSON")
	}
}

func TestWhoSentARequestIsBelievedOfTrustedProxiesOnly(t *testing.T) {
	cases := map[string]struct {
		trust func(*receiver.Options, *http.Server)
		// chain is X-Forwarded-For of the n-th request.
		chain   func(n int) string
		limited bool
	}{
		"a sender that makes up addresses, no proxy trusted": {func(*receiver.Options, *http.Server) {}, func(n int) string { return fmt.Sprintf("198.51.100.%d", n) }, true},
		"one that makes them up before a trusted proxy":      {through, func(n int) string { return fmt.Sprintf("198.51.100.%d, 203.0.113.7", n) }, true},
		"one behind two trusted proxies":                     {through, func(n int) string { return fmt.Sprintf("198.51.100.%d, 203.0.113.7, 10.0.0.1", n) }, true},
		"one that names itself a trusted proxy":              {through, func(n int) string { return fmt.Sprintf("198.51.100.%d, 10.9.9.9, 203.0.113.7", n) }, true},
		"one that writes no addresses":                       {through, func(n int) string { return fmt.Sprintf("unknown-%d", n) }, true},
		"one with all of a /64":                              {through, func(n int) string { return fmt.Sprintf("2001:db8::%x:%x", n, n) }, true},
		"many senders through a trusted proxy":               {through, func(n int) string { return fmt.Sprintf("198.51.100.%d", n) }, false},
		"many with a /64 each":                               {through, func(n int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:4711", n) }, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t, c.trust)
			limited := false
			for n := range 40 {
				status, _ := w.send(githubHook("not-a-secret-of-this-receiver", "push", "id", "{}").with("X-Forwarded-For", c.chain(n)))
				limited = limited || status == http.StatusTooManyRequests
			}
			if limited != c.limited {
				t.Errorf("limited: %v, want %v", limited, c.limited)
			}
		})
	}
}

func TestManyAddressesThatFailDoNotMakeRoomForTheWorst(t *testing.T) {
	w := start(t, through)
	wrong := githubHook("not-a-secret-of-this-receiver", "push", "id", "{}")
	worst := wrong.with("X-Forwarded-For", "203.0.113.7")
	for range 20 {
		w.expect(worst, http.StatusUnauthorized, "does not match")
	}
	for n := range 4200 {
		w.expect(wrong.with("X-Forwarded-For", fmt.Sprintf("10.%d.%d.9, 198.18.%d.%d", n/250, n%250, n/250, n%250)), http.StatusUnauthorized, "does not match")
	}
	w.expect(worst, http.StatusTooManyRequests, "too many failures")
}

func TestTenThousandPushesAtOnceAreAllTold(t *testing.T) {
	w := start(t)
	const n = 10_000
	var all sync.WaitGroup
	var failed atomic.Int32
	for i := range n {
		all.Go(func() {
			h := githubHook(secret, "push", "id", githubPush(fmt.Sprintf("org/app-%d", i), 1))
			if i%2 == 1 {
				h = genericHook(secret, w.now, fmt.Sprintf(`{"repository":"git@h:org/app-%d.git"}`, i))
			}
			if status, text := w.send(h); status != http.StatusAccepted {
				t.Logf("push %d was answered with %d %s", i, status, text)
				failed.Add(1)
			}
		})
	}
	all.Wait()
	told := map[string]bool{}
	for _, repository := range w.pushes() {
		told[repository] = true
	}
	if failed.Load() > 0 || len(told) != n || len(w.pushes()) != n {
		t.Errorf("%d failed; told of %d pushes to %d repositories, want %d", failed.Load(), len(w.pushes()), len(told), n)
	}
}

// TestSlowBodiesOfOneAddressLeaveRoomForOthers has one address send more bodies
// than there are places, each without its last byte.
func TestSlowBodiesOfOneAddressLeaveRoomForOthers(t *testing.T) {
	w := start(t, through, func(_ *receiver.Options, s *http.Server) { s.ReadTimeout = time.Hour })
	ping := githubHook(secret, "ping", "id", "{}")
	for n := range 200 {
		conn := dial(t, w.address)
		fmt.Fprintf(conn, "POST /hooks/github HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n"+
			"X-Hub-Signature-256: sha256=%064d\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: %d\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{", n, n)
	}
	deadline := time.Now().Add(time.Minute)
	for w.counted("github", "busy") < 100 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond) // until all places of that address are taken
	}
	for n := range 20 {
		w.expect(ping.with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", n)), http.StatusOK, "pong")
	}
}
