package cloudformation

import (
	"context"
	"errors"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
)

func fixed() func() time.Time {
	return func() time.Time { return time.Unix(1_700_000_000, 0) }
}

func TestClientsAreSharedByTargetAndBounded(t *testing.T) {
	clients := NewClients(Options{Now: fixed(), MaxClients: 2})
	a := Target{Credentials: testKeys, Region: "eu-west-1"}
	b := Target{Credentials: testKeys, Region: "eu-west-2"}
	first := clients.For(a)
	if clients.For(a) != first {
		t.Error("the same target has two clients")
	}
	for name, other := range map[string]Target{
		"region":      b,
		"credentials": {Region: "eu-west-1"},
		"role":        {Credentials: testKeys, Region: "eu-west-1", Role: awsconfig.Role{ARN: "arn:aws:iam::1:role/r"}},
		"session":     {Credentials: testKeys, Region: "eu-west-1", Role: awsconfig.Role{ARN: "arn:aws:iam::1:role/r", Session: &v1alpha1.RoleSession{Tags: []v1alpha1.SessionTag{{Key: "team", Value: "a"}}}}},
		"external id": {Credentials: testKeys, Region: "eu-west-1", Role: awsconfig.Role{ExternalID: "x"}},
	} {
		if NewClients(Options{Now: fixed()}).For(other) == first || clients.For(a) == clients.For(other) {
			t.Errorf("another %s has the same client", name)
		}
		clients.For(a)
	}
	clients.For(b)
	clients.For(Target{Region: "eu-west-3"})
	if len(clients.clients.entries) != 2 || clients.clients.order.Len() != 2 {
		t.Errorf("%d clients are kept", len(clients.clients.entries))
	}
	if clients.For(a) == first {
		t.Error("the client that was not used for longest is still kept")
	}
}

// clock is moved by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestABucketGivesUpWhatWouldWaitTooLong(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	b := newBucket(1, 3, c.now)
	for i := range 3 {
		if err := b.wait(t.Context()); err != nil {
			t.Fatalf("request %d of the burst: %v", i, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that may wait: %v", err)
	}
	b.limiter.ReserveN(c.at, 1)
	b.limiter.ReserveN(c.at, 1)
	if err := b.wait(t.Context()); !errors.Is(err, ErrThrottled) {
		t.Errorf("a request that would wait three seconds: %v", err)
	}
	c.at = c.at.Add(5 * time.Second)
	if err := b.wait(t.Context()); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

func TestAPassThatIsPutOffWaitsForNothingAndKeepsItsPlace(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	b := newBucket(1, 2, c.now)
	// pass makes three requests, and tells when to come again.
	pass := func(who string) (went int, wait time.Duration) {
		ctx := InTurn(t.Context(), who)
		for range 3 {
			if err := b.wait(ctx); err != nil {
				if !errors.Is(err, ErrThrottled) {
					t.Fatalf("a pass that was put off: %v", err)
				}
				return went, Wait(ctx)
			}
			went++
		}
		return went, Wait(ctx)
	}
	expect := func(who string, want time.Duration) {
		t.Helper()
		switch went, wait := pass(who); {
		case want == 0 && (went != 3 || wait != 0):
			t.Errorf("%s: %d requests went, then it was put off for %s; want all to go", who, went, wait)
		case want > 0 && (went != 0 || wait != want):
			t.Errorf("%s: %d requests went, and it was put off for %s; want none and %s", who, went, wait, want)
		}
	}
	expect("a", 0) // one more than there were tokens
	expect("b", 2*time.Second)
	expect("c", 3*time.Second)
	expect("c", 3*time.Second)
	c.at = c.at.Add(2 * time.Second)
	expect("c", time.Second) // it came first, and it is not its turn
	expect("b", 0)
	c.at = c.at.Add(time.Second)
	expect("c", 0)
	// Each of them has made two requests more than it had turns for.
	expect("d", 5*time.Second)
	if err := b.wait(Insisting(InTurn(t.Context(), "e"))); err != nil {
		t.Errorf("a request that must not be put off: %v", err)
	}
}

func TestThrottlingSlowsABucketAndQuietRestoresIt(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	b := newBucket(8, 8, c.now)
	rateIs := func(when string, want float64) {
		t.Helper()
		if got := float64(b.limiter.Limit()); got != want {
			t.Errorf("%s: the rate is %v, want %v", when, got, want)
		}
	}
	for range 5 {
		b.throttled()
	}
	rateIs("one burst of refusals", 4)
	for range 6 {
		c.at = c.at.Add(time.Second)
		b.throttled()
	}
	rateIs("refusals without end", minRate)
	c.at = c.at.Add(3 * time.Second)
	_ = b.wait(t.Context())
	rateIs("three quiet seconds", 4)
	c.at = c.at.Add(time.Hour)
	_ = b.wait(t.Context())
	rateIs("a quiet hour", 8)
}
