package cloudformation

import (
	"context"
	"time"
)

// turn is what one pass over an object knows of its turns. Only the first
// request to an account and region is put off: when its turn has come, those
// that follow go at once, and what comes after them waits that much longer. So
// no pass is stopped half-way, and none that was put off loses its place.
type turn struct {
	// who names the object, the same in every pass.
	who string
	// insists is true for what must not be put off.
	insists bool
	granted map[*bucket]bool
	wait    time.Duration
}

type turnKey struct{}

// InTurn makes the requests of one pass over an object take turns with those
// over others without ever waiting: a pass whose turn has not come gets
// ErrThrottled at once, and Wait says when to come again. The requests of a pass
// are made one after the other; who names the object.
func InTurn(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, turnKey{}, &turn{who: who, granted: map[*bucket]bool{}})
}

// Wait is how long it is until the pass has its turn, 0 when it was not put off.
func Wait(ctx context.Context) time.Duration {
	if t := turnOf(ctx); t != nil {
		return t.wait
	}
	return 0
}

// Insisting is for requests of a pass that are not made again when they are
// put off: they go at once, and others wait for them.
func Insisting(ctx context.Context) context.Context {
	return context.WithValue(ctx, turnKey{}, &turn{insists: true})
}

func turnOf(ctx context.Context) *turn {
	t, _ := ctx.Value(turnKey{}).(*turn)
	return t
}

// admit lets a request of a pass go, or puts the pass off and keeps its place.
func (b *bucket) admit(t *turn) error {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recover(now)
	if t.insists || t.granted[b] {
		b.limiter.ReserveN(now, 1)
		return nil
	}
	at, known := b.turns[t.who]
	if !known {
		at = now.Add(b.limiter.ReserveN(now, 1).DelayFrom(now))
	}
	if now.Before(at) {
		b.keep(t.who, at, now)
		t.wait = max(t.wait, at.Sub(now))
		return putOff()
	}
	delete(b.turns, t.who)
	t.granted[b] = true
	return nil
}

// keep notes when an object has its turn, and forgets those that did not come.
func (b *bucket) keep(who string, at, now time.Time) {
	if b.turns == nil {
		b.turns = map[string]time.Time{}
	}
	b.turns[who] = at
	if now.Sub(b.swept) < time.Minute {
		return
	}
	b.swept = now
	for other, had := range b.turns {
		if now.Sub(had) > time.Minute {
			delete(b.turns, other)
		}
	}
}
