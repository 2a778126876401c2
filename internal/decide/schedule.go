package decide

import (
	"fmt"
	"hash/fnv"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// Schedule gives the first due time after t, as a cron expression does, and
// the zero time when there is none.
type Schedule interface {
	Next(t time.Time) time.Time
}

// schedule is when the object's repository is read; nil for never. All objects
// of one repository and interval have the same due times, so that one listing
// serves them all; other repositories have others.
func schedule(obj *v1alpha1.CdkTsStack, cfg Settings, now time.Time) Schedule {
	git := obj.Spec.Source.Git
	if git.Interval != nil && git.Interval.Duration > 0 {
		return interval{max(git.Interval.Duration, shortest), git.Repository}
	}
	return anchored(cfg.GitSync, git.Repository, now)
}

// shortest is the least spec.source.git.interval, as its schema says.
const shortest = 10 * time.Second

// anchored gives a schedule whose due times do not move. That of "@every 1m"
// counts from whenever it is asked: its last due time would always be now.
func anchored(s Schedule, seed string, now time.Time) Schedule {
	if s == nil {
		return nil
	}
	now = now.Truncate(time.Second)
	next, later := s.Next(now), s.Next(now.Add(time.Second))
	if next.IsZero() || later.Sub(next) != time.Second {
		return s
	}
	return interval{next.Sub(now), seed}
}

// interval is a Schedule of equal pauses of at least a second, which begin at
// a moment that seed chooses.
type interval struct {
	every time.Duration
	seed  string
}

// Next implements Schedule.
func (i interval) Next(t time.Time) time.Time {
	every := max(i.every, time.Second)
	shift := share(every, jitter(i.seed, 2))
	return t.Add(-shift).Truncate(every).Add(shift).Add(every)
}

// farthest is how far back a due time is searched for: what is rarer than any
// cron expression.
const farthest = 8 * 366 * 24 * time.Hour

// lastDue is the newest due time of s that is not after now, the zero time
// when there is none. It stays the same until the next one has come.
func lastDue(s Schedule, now time.Time) time.Time {
	if s == nil || s.Next(now).IsZero() {
		return time.Time{}
	}
	wasDue := func(ago time.Duration) bool { return !s.Next(now.Add(-ago)).After(now) }
	far := time.Second
	for !wasDue(far) {
		if far *= 2; far > farthest {
			return time.Time{}
		}
	}
	// Something was due since far, and nothing since near.
	for near := far / 2; far-near > time.Second; {
		if middle := near + (far-near)/2; wasDue(middle) {
			far = middle
		} else {
			near = middle
		}
	}
	return s.Next(now.Add(-far))
}

// spread is over which time the work that is due at one moment is distributed:
// at most that part of the pause until the next, and no more than most.
func spread(s Schedule, due time.Time, part, of time.Duration, most time.Duration) time.Duration {
	next := s.Next(due)
	if next.IsZero() {
		return most
	}
	return min(next.Sub(due)/of*part, most)
}

// share is a part of a duration, of 0 to 1.
func share(d time.Duration, part float64) time.Duration {
	return time.Duration(part * float64(d))
}

// Settings are the operator's own.
type Settings struct {
	// Drift and GitSync say when the next check after a moment is due.
	Drift, GitSync Schedule
	// Fleet is how many objects have a stack in the account and region of the
	// one that is decided about; 0 when that is not known.
	Fleet int
	// PoliciesForAll says that there may be policies which hold for all objects.
	PoliciesForAll bool
	// CauseSources are those that may be asked for the causes of a failure; none
	// keeps AWS from being asked at all.
	CauseSources []v1alpha1.CauseSource
}

// jitter is a number from 0 to 1 that looks random and is not: decisions are
// functions of their arguments.
func jitter(seed string, n int) float64 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", seed, n)
	return float64(h.Sum32()) / (1 << 32)
}

// backoff doubles first with every failure up to longest, and takes up to a
// fifth off, by seed, so that what failed together is not retried together.
func backoff(first, longest time.Duration, n int, seed string) time.Duration {
	pause := first
	for i := 1; i < n && pause < longest; i++ {
		pause *= 2
	}
	pause = min(pause, longest)
	return pause - time.Duration(jitter(seed, n)*float64(pause)/5)
}
