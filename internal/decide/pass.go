package decide

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/windows"
)

// pass is one decision in the making.
type pass struct {
	obj  *v1alpha1.CdkTsStack
	st   *v1alpha1.CdkTsStackStatus
	seen Observed
	now  time.Time
	cfg  Settings

	// told: this is the second decision of a pass, about what came of the first.
	told bool
	// lawless: the policies cannot be applied, so that no deployment begins.
	lawless bool

	// awaiting: a new target waits for others, so that the one before it is not
	// tried again.
	awaiting bool
	// breaksCircle: a deleted object does not wait for those that depend on it,
	// since it depends on them, too, and all are deleted.
	breaksCircle bool

	// windowsOf are the parsed windows, and window is how they stand, nil until
	// somebody asks.
	windowsOf windows.Windows
	window    *windows.State

	action  Action
	after   time.Duration
	verdict verdict
}

// act asks for an action and a look after a while; it always speaks.
func (p *pass) act(a Action, after time.Duration) bool {
	p.action, p.after = a, after
	return true
}

// look asks for another look after a while, and speaks.
func (p *pass) look(after time.Duration) bool { return p.act(ActNothing, after) }

// again asks for another look at once, after the status was saved.
func (p *pass) again() bool { return p.look(time.Nanosecond) }

func (p *pass) deleting() bool { return !p.obj.DeletionTimestamp.IsZero() }

func (p *pass) metaNow() metav1.Time { return metav1.NewTime(p.now) }

// poll is how long to wait before looking again at something that began at
// since: a tenth of its age, so that short things are seen quickly and long
// ones cost little.
func (p *pass) poll(since metav1.Time) time.Duration {
	return min(max(p.now.Sub(since.Time)/10, 200*time.Millisecond), 10*time.Second)
}

// seldom is poll for what nobody waits for: it doubles with every look.
func (p *pass) seldom(since metav1.Time) time.Duration {
	return min(max(p.now.Sub(since.Time), time.Second), 30*time.Second)
}

// due says whether a time has come, and otherwise asks to be woken for it.
func (p *pass) due(at time.Time) bool {
	if p.now.Before(at) {
		p.wakeAt(at)
		return false
	}
	return true
}

// wakeAt asks for a look at that time, if none is asked for earlier.
func (p *pass) wakeAt(t time.Time) {
	after := max(t.Sub(p.now), time.Millisecond)
	if p.after == 0 || after < p.after {
		p.after = after
	}
}

// unseen speaks when something that the operation needs could not be looked
// at: a failure to see is never taken for an answer.
func (p *pass) unseen(errs ...error) bool {
	for _, err := range errs {
		if err != nil {
			return p.waitFor(problem.Of(err))
		}
	}
	return false
}

// waitFor shows a passing problem and looks again later.
func (p *pass) waitFor(pr *problem.Problem) bool {
	p.say(waiting, problem.Named(pr.Reason), pr.Message+"; it is tried again by itself")
	return p.look(p.patience(pr.Reason))
}

// patience is how long to wait before looking again at a problem: the longer
// it has lasted, the longer, up to a minute.
func (p *pass) patience(reason string) time.Duration {
	c := meta.FindStatusCondition(p.obj.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Reason != reason {
		return problemPoll
	}
	return min(max(p.now.Sub(c.LastTransitionTime.Time)/10, problemPoll), time.Minute)
}

// edited says whether the spec was edited since the pass before.
func (p *pass) edited() bool { return p.obj.Status.ObservedGeneration != p.obj.Generation }
