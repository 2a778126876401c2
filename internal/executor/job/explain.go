package job

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/internal/problem"
)

// rbacWords are how an authorizer refuses a user.
// k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go
var rbacWords = regexp.MustCompile(`User ".*" cannot \S+ resource`)

const (
	// readAgain is how long what the events of an object said stands.
	readAgain = 20 * time.Second
	// sayAgain is how long a message stands while its reason stays the same: what
	// a scheduler says of its nodes changes with every pod elsewhere.
	sayAgain = 5 * time.Minute
	// mendTime is how long a kubelet may take to find a Secret that was made again.
	mendTime = 3 * time.Minute
	// silence is how long a Job may have no pod and no event before somebody is told.
	silence = 30 * time.Second
)

// memo is what is remembered of a run that waits.
type memo struct {
	// told is what was last said of why it waits.
	told   *problem.Problem
	toldAt time.Time
	// read is what the events said.
	read   *problem.Problem
	readAt time.Time
	// gone says that its Secret was deleted, repairedAt when it was made again.
	gone       bool
	repairedAt time.Time
	// givenAt is when its Secret was filled last, as far as this process knows.
	givenAt time.Time
}

// memos are those of all runs, by name. They only spare questions and writes.
type memos struct {
	mu    *sync.Mutex
	byRun map[string]*memo
}

func newMemos() memos { return memos{mu: &sync.Mutex{}, byRun: map[string]*memo{}} }

func (m memos) with(name string, do func(*memo)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byRun[name] == nil {
		m.byRun[name] = &memo{}
	}
	do(m.byRun[name])
}

func (m memos) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byRun, name)
}

// works notes that a run does not wait.
func (m memos) works(name string) {
	m.with(name, func(n *memo) { *n = memo{givenAt: n.givenAt} })
}

// waits is what is said of why a run waits: what was said of it, for a while,
// as long as the reason is the same.
func (m memos) waits(name string, now *problem.Problem, at time.Time) (said *problem.Problem) {
	m.with(name, func(n *memo) {
		if n.told == nil || n.told.Reason != now.Reason || at.Sub(n.toldAt) > sayAgain {
			n.told, n.toldAt = now, at
		}
		said = n.told
	})
	return said
}

// repaired says whether the Secret of a run was made again a moment ago, and
// otherwise notes that it is gone.
func (m memos) repaired(name string, at time.Time) (recently bool) {
	m.with(name, func(n *memo) {
		recently = !n.repairedAt.IsZero() && at.Sub(n.repairedAt) < mendTime
		n.gone = !recently
	})
	return recently
}

// give notes that the Secret of a run was filled.
func (m memos) give(name string, at time.Time) {
	m.with(name, func(n *memo) {
		if n.gone {
			n.gone, n.repairedAt = false, at
		}
		n.givenAt = at
	})
}

// given is when the Secret of a run was filled, zero when that is not known.
func (m memos) given(name string) (at time.Time) {
	m.with(name, func(n *memo) { at = n.givenAt })
	return at
}

func (m memos) secretGone(name string) (gone bool) {
	m.with(name, func(n *memo) { gone = n.gone })
	return gone
}

// explain says why a run does not begin of which its pod says nothing, by the
// events of its Job or its pod; nil when they say nothing either.
func (e *Executor) explain(ctx context.Context, j *batchv1.Job, seen look) *problem.Problem {
	now, known := e.o.Now(), false
	var said *problem.Problem
	e.memos.with(j.Name, func(n *memo) {
		if known = now.Sub(n.readAt) < readAgain; known {
			said = n.read
		} else {
			n.readAt = now
		}
	})
	if known {
		return said
	}
	message, err := e.lastEvent(ctx, seen.ask)
	switch {
	case err != nil:
		return nil // it only explains; what must be seen is seen elsewhere
	case message != "" && seen.ask.pod:
		said = notStarted(j, message)
	case message != "":
		said = whyNoPod(j, message)
	case !seen.ask.pod && now.Sub(seen.since) > silence:
		said = errNoPod.New("nobody makes a pod for the run's Job %s/%s: see kubectl describe job -n %s %s, and whether the cluster's Job controller runs", j.Namespace, j.Name, j.Namespace, j.Name)
	}
	e.memos.with(j.Name, func(n *memo) { n.read = said })
	return said
}

// telling are the events that say why a Job gets no pod or a pod does not begin.
var telling = []string{"FailedCreate", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedMapVolume"}

// lastEvent is what the newest of the events that tell something says.
func (e *Executor) lastEvent(ctx context.Context, of *asked) (message string, err error) {
	var all corev1.EventList
	err = e.o.Live.List(ctx, &all, client.InNamespace(of.namespace),
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("involvedObject.uid", of.uid)})
	if err != nil {
		return "", err
	}
	var newest time.Time
	for _, ev := range all.Items {
		at := ev.LastTimestamp.Time
		if at.IsZero() {
			at = ev.EventTime.Time
		}
		if ev.Type == corev1.EventTypeWarning && slices.Contains(telling, ev.Reason) && !at.Before(newest) {
			newest, message = at, ev.Message
		}
	}
	return strings.TrimSpace(message), nil
}
