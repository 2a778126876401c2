package receiver_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAReplayHasNoEffect(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	g := githubHook(secret, "push", "id-1", githubPush("org/app", 1))
	b := bitbucketHook(secret, "repo:push", "id-1", bitbucketCloudPush)
	l := gitlabHook(secret, "Push Hook", "id-1", gitlabPush)
	cases := map[string]struct{ first, again hook }{
		"GitHub, the very same":                      {g, g},
		"GitHub, under a new delivery id":            {g, g.with("X-GitHub-Delivery", "id-2")},
		"GitHub, the signature in capitals":          {g, g.with("X-Hub-Signature-256", "sha256="+upperHex(g.header["X-Hub-Signature-256"]))},
		"Bitbucket, the very same":                   {b, b},
		"Bitbucket, under a new request id":          {b, b.with("X-Request-UUID", "id-2")},
		"GitLab, the very same":                      {l, l},
		"GitLab, tried again under its key":          {l.with("Idempotency-Key", "key"), l.with("Idempotency-Key", "key").with("X-Gitlab-Event-UUID", "id-2")},
		"GitLab signed, the very same":               {gitlabSigned(signingKey, "msg_1", now, gitlabPush), gitlabSigned(signingKey, "msg_1", now, gitlabPush)},
		"GitLab signed, tried again a minute later":  {gitlabSigned(signingKey, "msg_1", now, gitlabPush), gitlabSigned(signingKey, "msg_1", now.Add(time.Minute), gitlabPush)},
		"generic, the very same":                     {genericHook(secret, now, `{"repository":"https://h/a"}`), genericHook(secret, now, `{"repository":"https://h/a"}`)},
		"generic, signed by another accepted secret": {genericHook(secret, now, `{"repository":"https://h/a"}`), genericHook(another, now, `{"repository":"https://h/a"}`)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.expect(c.first, http.StatusAccepted, "accepted")
			for range 3 {
				w.expect(c.again, http.StatusOK, "already seen")
			}
			if got := w.pushes(); len(got) != 1 {
				t.Errorf("told of %v, want one push", got)
			}
			if n := w.counted(c.first.provider, "replayed"); n != 3 {
				t.Errorf("replayed was counted %v times, want 3", n)
			}
		})
	}
}

func TestAnotherPushIsNoReplay(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	generic := `{"repository":"https://h/a"}`
	cases := map[string]struct{ first, second hook }{
		"GitHub, a moment later":             {githubHook(secret, "push", "id-1", githubPush("org/app", 1)), githubHook(secret, "push", "id-2", githubPush("org/app", 2))},
		"GitLab, the same commits once more": {gitlabHook(secret, "Push Hook", "id-1", gitlabPush), gitlabHook(secret, "Push Hook", "id-2", gitlabPush)},
		"GitLab signed, the same commits":    {gitlabSigned(signingKey, "msg_1", now, gitlabPush), gitlabSigned(signingKey, "msg_2", now, gitlabPush)},
		"generic, a second later":            {genericHook(secret, now, generic), genericHook(secret, now.Add(time.Second), generic)},
		"generic, in the same second":        {genericHook(secret, now, `{"repository":"https://h/a","revision":"1"}`), genericHook(secret, now, `{"repository":"https://h/a","revision":"2"}`)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.expect(c.first, http.StatusAccepted, "accepted")
			w.expect(c.second, http.StatusAccepted, "accepted")
			if got := w.pushes(); len(got) != 2 {
				t.Errorf("told of %v, want two pushes", got)
			}
		})
	}
}

func TestARefusedDeliveryDoesNotSpoilTheRightOne(t *testing.T) {
	w := start(t)
	right := githubHook(secret, "push", "id-1", githubPush("org/app", 1))
	w.expect(right.with("X-Hub-Signature-256", sha256Of("not-a-secret-of-this-receiver", right.body)), http.StatusUnauthorized, "")
	w.expect(right, http.StatusAccepted, "accepted")
}

func TestOfOneDeliverySentByManyAtOnceOneHasAnEffect(t *testing.T) {
	w := start(t)
	h := githubHook(secret, "push", "id", githubPush("org/app", 1))
	var all sync.WaitGroup
	var acceptedOnes, replays atomic.Int32
	for range 200 {
		all.Go(func() {
			switch status, _ := w.send(h); status {
			case http.StatusAccepted:
				acceptedOnes.Add(1)
			case http.StatusOK:
				replays.Add(1)
			}
		})
	}
	all.Wait()
	if acceptedOnes.Load() != 1 || replays.Load() != 199 || len(w.pushes()) != 1 {
		t.Errorf("%d accepted, %d replays, %d pushes; want 1, 199, 1", acceptedOnes.Load(), replays.Load(), len(w.pushes()))
	}
}

func TestDeliveriesAreRememberedForADay(t *testing.T) {
	w := start(t)
	h := githubHook(secret, "push", "id", githubPush("org/app", 1))
	w.expect(h, http.StatusAccepted, "accepted")
	w.advance(23 * time.Hour)
	w.expect(h, http.StatusOK, "already seen")
	w.advance(2 * time.Hour)
	w.expect(h, http.StatusAccepted, "accepted")
}

func TestTheLastTenThousandDeliveriesAreRemembered(t *testing.T) {
	w := start(t)
	nth := func(i int) hook {
		return githubHook(secret, "push", "id", githubPush(fmt.Sprintf("org/app-%d", i), 1))
	}
	send := func(from, to int) {
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for i := from + worker; i < to; i += 8 {
					if status, text := w.send(nth(i)); status != http.StatusAccepted {
						t.Errorf("delivery %d was answered with %d %s", i, status, text)
					}
				}
			})
		}
		all.Wait()
	}
	w.expect(nth(0), http.StatusAccepted, "accepted")
	send(1, 10_000)
	w.expect(nth(0), http.StatusOK, "already seen")
	send(10_000, 10_001) // one too many
	w.expect(nth(9_999), http.StatusOK, "already seen")
	w.expect(nth(0), http.StatusAccepted, "accepted")
}

// upperHex is the hex part of a signature in capitals.
func upperHex(signature string) string {
	out := []byte(signature[len("sha256="):])
	for i, c := range out {
		if c >= 'a' && c <= 'f' {
			out[i] = c - 'a' + 'A'
		}
	}
	return string(out)
}
