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
)

// Decision is what Decide gives back.
type Decision struct {
	// Status is the whole new status.
	Status v1alpha1.CdkTsStackStatus
	Action Action
	// After is when to look again, 0 to wait until woken.
	After time.Duration
}

// rules are asked in this order, and the first that speaks ends the pass. The
// order is the documentation.
var rules = []struct {
	name  string
	apply func(*pass) bool
}{
	{"orders and edits are taken up, whatever is going on", takeOrders},
	{"an operation in flight is followed to its end", followOperation},
	{"a plan that waits at a gate goes on when it may, or is given up", held},
	{"a suspended object only waits", suspended},
	{"a deleted object takes its stack along, or lets it go", destroy},
	{"a stack of the earlier operator is adopted as it stands", adopt},
	{"a rollback that is stuck goes on without what a person names", skipStuck},
	{"the last good deployment is put back when that was decided", putBack},
	{"a spec that cannot be built is said so", refuseSpec},
	{"policies that cannot be applied are said so", tellPolicies},
	{"news of the repository is read and told", checkGit},
	{"a new target is deployed", deploy},
	{"a target that failed is tried again, in time", retry},
	{"drift is looked for when it is due", checkDrift},
	{"drift is put back when that is asked for", revertDrift},
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
