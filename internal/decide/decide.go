// Package decide decides, without looking, what the operator does next about
// one CdkTsStack. Everything it needs is passed in: the object, what was
// observed and the time. Nothing in it talks to anybody, so that whole lives
// of a stack can be read and replayed: see testdata.
//
// One pass is: Needs says what to look at; Decide gives the new status and
// one action; the caller saves the status under an optimistic lock and only
// then acts. When the action brings something back (an id, an error), Decide
// is asked once more with Observed.Acted set, and saved again.
package decide

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Action is something to be done after the status was saved. Each may be
// repeated safely, since everything it does is named after the operation.
type Action string

// The actions.
const (
	ActNothing          Action = ""
	ActStartRun         Action = "StartRun"
	ActCreateChangeSet  Action = "CreateChangeSet"
	ActExecute          Action = "ExecuteChangeSet"
	ActProtect          Action = "SetTerminationProtection"
	ActContinueRollback Action = "ContinueUpdateRollback"
	ActDeleteStack      Action = "DeleteStack"
	ActDetectDrift      Action = "DetectDrift"
	// ActDeleteChangeSet deletes the first of the discarded change sets.
	ActDeleteChangeSet Action = "DeleteChangeSet"
	// ActLetGo removes the finalizer: nothing is left to do for a deleted
	// object.
	ActLetGo Action = "LetGo"
)

// Tells says whether the success of an action is itself to be recorded, by
// another decision in the same pass.
func (a Action) Tells() bool {
	return a == ActExecute || a == ActDetectDrift || a == ActDeleteChangeSet
}

// Settings are the operator's own.
type Settings struct {
	// Drift and GitSync say when the next check after a moment is due.
	Drift, GitSync Schedule
	// Fleet is how many objects have a stack in the account and region of the
	// one that is decided about; 0 when that is not known.
	Fleet int
}

// Decision is what Decide gives back.
type Decision struct {
	// Status is the whole new status.
	Status v1alpha1.CdkTsStackStatus
	Action Action
	// After is when to look again, 0 to wait until woken.
	After time.Duration
}

// pass is one decision in the making.
type pass struct {
	obj  *v1alpha1.CdkTsStack
	st   *v1alpha1.CdkTsStackStatus
	seen Observed
	now  time.Time
	cfg  Settings

	// told: this is the second decision of a pass, about what came of the first.
	told bool

	action  Action
	after   time.Duration
	verdict verdict
}

// rules are asked in this order, and the first that speaks ends the pass. The
// order is the documentation.
var rules = []struct {
	name  string
	apply func(*pass) bool
}{
	{"orders and edits are taken up, whatever is going on", takeOrders},
	{"an operation in flight is followed to its end", followOperation},
	{"a suspended object only waits", suspended},
	{"a deleted object takes its stack along, or lets it go", destroy},
	{"a stack of the earlier operator is adopted as it stands", adopt},
	{"a spec that cannot be built is said so", refuseSpec},
	{"news of the repository is read and told", checkGit},
	{"a new target is deployed", deploy},
	{"a target that failed is tried again, in time", retry},
	{"drift is looked for when it is due", checkDrift},
	{"otherwise wait", wait},
}

// Decide gives the next status of obj and the one thing to do about it. It
// changes nothing that it is given and is a function of its arguments alone.
func Decide(obj *v1alpha1.CdkTsStack, seen Observed, now time.Time, cfg Settings) Decision {
	p := &pass{obj: obj, st: obj.Status.DeepCopy(), seen: seen, now: now, cfg: cfg, told: seen.Acted != nil}
	p.cleared()
	for _, r := range rules {
		if r.apply(p) {
			break
		}
	}
	p.clearAway()
	record(p)
	return Decision{Status: *p.st, Action: p.action, After: p.after}
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
	return min(max(p.now.Sub(since.Time), 200*time.Millisecond), 30*time.Second)
}
