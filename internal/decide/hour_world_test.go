package decide_test

import (
	"slices"
	"time"

	"awscdk.dev/operator/internal/decide"
)

// repository is listed for all objects that follow it: what a listing answers
// wakes them all. It takes a third of a second, or for ever; a failed one is
// repeated no sooner than in five minutes.
type repository struct {
	head     decide.Head
	headErr  error
	headHung bool
	listed   time.Time // when the listing in flight began
	seen     decide.Head
}

// aws is CloudFormation with one stack.
type aws struct {
	credentials error
	// err is the answer to everything; writeErr to writes, detectErr to the
	// beginning of a drift detection.
	err, writeErr, detectErr error
	answerErr                error // to orders for rollouts
	stack                    decide.Stack
	changeSet                decide.ChangeSet
	takes                    time.Duration // an execution, a deletion
	final                    string
	began, deleted           time.Time
	detected                 time.Time
	detects                  time.Duration
	drift                    decide.Drift
	rival                    string
	policies                 decide.Policies
	rollouts                 []decide.Rollout
	traffic                  decide.Traffic
}

// endpoint is what spec.freeze asks: at once when somebody begins to wait, and
// every half minute then. It takes a second to answer.
type endpoint struct {
	frozen    bool
	freezeErr error
	began     time.Time // of the request in flight
	seen      decide.Freeze
}

func (e *endpoint) answering() (at time.Time, asking bool) {
	return e.began.Add(time.Second), !e.began.IsZero()
}

// asked is what is known now.
func (e *endpoint) asked(now time.Time) map[string]decide.Freeze {
	if at, asking := e.answering(); asking && !now.Before(at) {
		e.seen, e.began = decide.Freeze{Known: true, Frozen: e.frozen, Err: e.freezeErr, SeenAt: e.began}, time.Time{}
	}
	if again := now.Sub(e.seen.SeenAt).Truncate(decide.FreezeInterval); e.seen.Known && again > 0 {
		e.seen.SeenAt = e.seen.SeenAt.Add(again)
		e.seen.Frozen, e.seen.Err = e.frozen, e.freezeErr
	}
	if !e.seen.Known && e.began.IsZero() {
		e.began = now
	}
	return map[string]decide.Freeze{"incidents": e.seen}
}

// answered is when the listing in flight will have ended, if one will.
func (r *repository) answered() (at time.Time, listing bool) {
	return r.listed.Add(time.Second / 3), !r.listed.IsZero() && !r.headHung
}

// list gives the newest answer, and has an old one asked for again.
func (r *repository) list(notBefore, now time.Time) decide.Head {
	if at, listing := r.answered(); listing && !now.Before(at) {
		r.seen, r.seen.SeenAt, r.listed = r.head, r.listed, time.Time{}
		if r.headErr != nil {
			r.seen.Err, r.seen.RetryAt = r.headErr, now.Add(5*time.Minute)
		}
	}
	old := r.seen.SeenAt.Before(notBefore) && now.Sub(r.seen.SeenAt) > time.Second/2 && !now.Before(r.seen.RetryAt)
	if (old || r.seen.SeenAt.IsZero()) && r.listed.IsZero() {
		r.listed = now
	}
	return r.seen
}

func (h *hour) observeAWS(n decide.Needs, seen *decide.Observed) {
	a := &h.aws
	count := func(asked bool) bool {
		if asked {
			h.calls++
		}
		return asked
	}
	if count(n.Stack != "") {
		seen.Stack = h.stack()
	}
	if count(n.ChangeSet != "") {
		seen.ChangeSet = a.changeSet
		seen.ChangeSet.Seen, seen.ChangeSet.Err = a.err == nil, a.err
	}
	if count(n.Events != "" && seen.Stack.Exists) {
		seen.Events = decide.Events{Seen: a.err == nil, Err: a.err, Started: !a.began.IsZero() || !a.deleted.IsZero()}
		if !inFlight(a.began, a.takes, h.now) {
			seen.Events.Final = a.final
		}
	}
	if count(n.Drift != "") {
		seen.Drift = a.drift
		if inFlight(a.detected, a.detects, h.now) {
			seen.Drift = decide.Drift{Status: "DETECTION_IN_PROGRESS"}
		}
		seen.Drift.Seen, seen.Drift.Err = a.err == nil, a.err
	}
	if n.Rival {
		seen.Rival = decide.Rival{Seen: true, Name: a.rival}
	}
}

// observeRollouts looks at rollouts and live traffic, a call for each.
func (h *hour) observeRollouts(n decide.Needs, seen *decide.Observed) {
	a := &h.aws
	if inFlight(a.began, a.takes, h.now) {
		for _, r := range a.rollouts {
			seen.Events.Rolling = append(seen.Events.Rolling, r.RollingResource)
		}
	}
	for _, q := range decide.RolloutsToRead(h.obj, seen.Events) {
		if n.Rollouts {
			h.calls++
			r := a.rollouts[slices.IndexFunc(a.rollouts, func(r decide.Rollout) bool { return r.PhysicalID == q.PhysicalID })]
			r.Since = q.Since
			seen.Rollouts = append(seen.Rollouts, r)
		}
	}
	if q := decide.TrafficToRead(h.obj, *seen); n.Traffic && len(q.Forwarders)+len(q.Services) > 0 {
		h.calls += len(q.Forwarders) + len(q.Services)
		seen.Traffic = a.traffic
	}
}

func inFlight(began time.Time, takes time.Duration, now time.Time) bool {
	return !began.IsZero() && now.Sub(began) < takes
}

// stack is what CloudFormation shows of it now.
func (h *hour) stack() decide.Stack {
	a := &h.aws
	switch {
	case a.err != nil:
		return decide.Stack{Err: a.err}
	case inFlight(a.began, a.takes, h.now):
		a.stack.Status = "CREATE_IN_PROGRESS"
	case inFlight(a.deleted, a.takes, h.now):
		a.stack.Status = "DELETE_IN_PROGRESS"
	case !a.deleted.IsZero():
		a.stack.Exists, a.stack.Status = false, "DELETE_COMPLETE"
	case !a.began.IsZero() && a.stack.Status == "CREATE_IN_PROGRESS":
		a.stack.Status = a.final
	}
	a.stack.Seen = true
	return a.stack
}

func (h *hour) act(action decide.Action, seen decide.Observed) (id string, err error) {
	a := &h.aws
	switch action {
	case decide.ActNothing:
		return "", nil
	case decide.ActLetGo:
		h.now = h.now.Add(24 * time.Hour) // nothing comes after it
		return "", nil
	case decide.ActStartRun:
		if h.startErr == nil {
			h.runs[decide.RunName(h.obj.Status.Operation)] = h.now
		}
		return "", h.startErr
	case decide.ActDetectDrift:
		h.calls += 2 // it looks for nested stacks
		if err := firstOf(a.credentials, a.err, a.detectErr); err != nil {
			return "", err
		}
		a.detected = h.now
		return "detection", nil
	}
	h.calls++
	if err := firstOf(a.credentials, a.err, a.writeErr); err != nil {
		return "", err
	}
	switch action {
	case decide.ActAnswerRollout:
		return "", a.answerErr
	case decide.ActCreateChangeSet:
		a.changeSet.Exists = true
		if !seen.Stack.Exists {
			a.stack = decide.Stack{Exists: true, ID: arn, Name: "Web", Status: "REVIEW_IN_PROGRESS"}
		}
	case decide.ActExecute:
		a.began = h.now
		a.changeSet.ExecutionStatus = "EXECUTE_IN_PROGRESS"
	case decide.ActDeleteStack:
		a.deleted = h.now
	}
	return "", nil
}

func firstOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
