package cloudformation

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"awscdk.dev/operator/internal/awsconfig"
)

const (
	// maxWait is for how long a request waits for its turn that is made outside
	// of a pass, see InTurn. One that would have to wait longer is given up as
	// throttled.
	maxWait = 2 * time.Second
	// minRate is how slow throttling can make a bucket, in requests a second.
	minRate = 1.0
	// recovery is by how many requests a second the rate rises again for
	// each second without throttling.
	recovery = 1.0
	// reactEvery is how often throttling slows a bucket: the many answers to
	// one burst are one lesson.
	reactEvery = time.Second
)

// bucket spreads requests over time. AWS's throttling halves its rate, quiet
// time restores it.
type bucket struct {
	now func() time.Time
	max float64

	mu      sync.Mutex
	limiter *rate.Limiter
	changed time.Time
	// turns are when those have their turn that were told to come again.
	turns map[string]time.Time
	swept time.Time
}

func newBucket(perSecond float64, burst int, now func() time.Time) *bucket {
	return &bucket{now: now, max: perSecond, limiter: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// wait returns when it is the caller's turn, or an ErrThrottled at once when
// that would take too long. In a pass it waits for nothing.
func (b *bucket) wait(ctx context.Context) error {
	if t := turnOf(ctx); t != nil {
		return b.admit(t)
	}
	now := b.now()
	b.mu.Lock()
	b.recover(now)
	turn := b.limiter.ReserveN(now, 1)
	b.mu.Unlock()
	delay := turn.DelayFrom(now)
	if delay == 0 {
		return nil
	}
	if !turn.OK() || delay > maxWait {
		turn.CancelAt(now)
		return putOff()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		turn.CancelAt(b.now())
		return ctx.Err()
	}
}

func putOff() error {
	return &awsconfig.Error{
		Kind:    ErrThrottled,
		Message: "too many requests for this account and region are waiting; it is tried again later",
	}
}

// throttled halves the rate.
func (b *bucket) throttled() {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.changed) < reactEvery {
		return
	}
	b.changed = now
	b.setRate(now, float64(b.limiter.Limit())/2)
}

// recover raises the rate by the quiet time since it last changed.
func (b *bucket) recover(now time.Time) {
	limit := float64(b.limiter.Limit())
	quiet := now.Sub(b.changed)
	if limit >= b.max || quiet < reactEvery {
		return
	}
	b.changed = now
	b.setRate(now, limit+recovery*quiet.Seconds())
}

func (b *bucket) setRate(now time.Time, perSecond float64) {
	b.limiter.SetLimitAt(now, rate.Limit(max(min(perSecond, b.max), min(minRate, b.max))))
}

// attempts is what became of the attempts of one call, so that a deadline
// that struck between two of them is told from one that struck within.
type attempts struct {
	throttled bool
	inFlight  bool
}

type attemptsKey struct{}

// pace has every attempt of every request wait for its turn.
func (c *Client) pace(stack *middleware.Stack) error {
	m := middleware.FinalizeMiddlewareFunc("Pace", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		b := c.bucket.Load()
		if err := b.wait(ctx); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, err
		}
		seen, _ := ctx.Value(attemptsKey{}).(*attempts)
		if seen == nil {
			seen = &attempts{}
		}
		seen.inFlight = true
		out, metadata, err := next.HandleFinalize(ctx, in)
		seen.inFlight = ctx.Err() != nil
		seen.throttled = errors.Is(awsconfig.Explain("", Credentials{}, err), ErrThrottled)
		if seen.throttled {
			b.throttled()
		}
		return out, metadata, err
	})
	return stack.Finalize.Insert(m, "Retry", middleware.After)
}
