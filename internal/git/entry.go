package git

import (
	mathrand "math/rand/v2"
	"time"
)

// entry is what is known about one remote. Heads.mu guards it, except for
// session, which belongs to the look in flight.
type entry struct {
	key     Key
	session *session
	used    time.Time
	asked   map[Selector]time.Time // what is followed, and when it was last asked for
	answers map[Selector]answer

	looking  bool
	epoch    int   // counts Expire; answers of looks that began in an earlier one are old
	err      error // of the latest look
	failed   time.Time
	failures int // in a row
	retry    time.Time
}

type answer struct {
	head  Head
	epoch int // of its entry, when the look began
}

// current returns an answer that may be given without looking.
func (e *entry) current(selector Selector, maxAge time.Duration, now time.Time) (Head, bool) {
	a, known := e.answers[selector]
	if e.err != nil && now.Before(e.retry) {
		a.head.Err, a.head.Failed, a.head.Retry = e.err, e.failed, e.retry
		return a.head, true
	}
	fresh := known && e.err == nil && now.Sub(a.seen()) <= maxAge && a.epoch == e.epoch
	return a.head, fresh
}

// seen is when the answer was had, good or bad.
func (a answer) seen() time.Time {
	if a.head.Err != nil {
		return a.head.Failed
	}
	return a.head.Seen
}

// record takes up what a look brought that began and ended at these times.
func (e *entry) record(list *listing, err error, epoch int, began, now time.Time) {
	e.err = err
	if err != nil {
		e.failures++
		e.failed, e.retry = now, now.Add(backoff(e.failures))
		return
	}
	e.failures = 0
	for _, selector := range list.asked {
		if _, followed := e.asked[selector]; !followed {
			continue
		}
		head := list.resolve(selector, e.session.remote.Repository)
		if head.Err != nil {
			last := e.answers[selector].head
			last.Err, last.Failed = head.Err, now
			e.answers[selector] = answer{head: last, epoch: epoch}
			continue
		}
		head.Seen = began
		e.answers[selector] = answer{head: head, epoch: epoch}
	}
}

// backoff doubles from firstRetry to lastRetry, less up to a fifth, so that
// remotes that failed together are not asked together.
func backoff(failures int) time.Duration {
	wait := lastRetry
	if failures < 6 {
		wait = firstRetry << (failures - 1)
	}
	return time.Duration(float64(wait) * (0.8 + 0.2*mathrand.Float64())) //nolint:gosec // it only spreads the load
}
