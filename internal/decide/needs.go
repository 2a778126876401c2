package decide

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// Needs is what has to be looked at before Decide can be asked about an
// object. A steady state needs nothing of AWS.
type Needs struct {
	// Head asks for the commit of the tracked ref; a look older than
	// HeadNotBefore does not count.
	Head          bool
	HeadNotBefore time.Time
	// Run asks for the run of that name.
	Run string
	// Stack asks for the stack of that ARN or name.
	Stack string
	// ChangeSet asks for the change set of that name, of the stack above, and
	// Changes for what it does.
	ChangeSet string
	Changes   bool
	// Events asks for the events of the stack under that token, since then.
	Events      string
	EventsSince time.Time
	// Drift asks for the drift detection of that id.
	Drift string
	// Reader asks as whoever may only read: nothing is going to be changed.
	Reader bool
	// Bootstrap asks for the version in that SSM parameter, which is to be at
	// least BootstrapLeast.
	Bootstrap      string
	BootstrapLeast int
	// Rival asks for other objects of the stack above or, while that is not
	// there, of the one that will be in Place.
	Rival bool
	Place Place
	// Inputs asks for what spec.contextFrom and spec.parametersFrom read.
	Inputs bool
	// Others asks for the objects that this one waits for, and for those that
	// wait for it.
	Others bool
	// Policies asks for the policies of the object and, while a plan stands at the
	// gates, for what they say of it; a look older than PoliciesNotBefore does not
	// count.
	Policies          bool
	PoliciesNotBefore time.Time
	// Credentials are to be read, for one of the above or for what follows.
	Credentials bool
	// Freezes asks for what the endpoints of spec.freeze say.
	Freezes bool
	// Checks asks for answers of checks of spec.verification.
	Checks []NeededCheck
}

// Look says what has to be looked at before the next decision about obj.
func Look(obj *v1alpha1.CdkTsStack, now time.Time, cfg Settings) Needs {
	var n Needs
	switch op := obj.Status.Operation; {
	case op != nil:
		n = lookAtOperation(op)
	case !obj.DeletionTimestamp.IsZero():
		n = Needs{Stack: stackRef(obj), Rival: true, Credentials: true}
	case awaitsARN(&obj.Status):
		n = Needs{Stack: stackRef(obj), Credentials: true}
	default:
		// A check that is due begins with the stack, or with its hook.
		before := hookNamed(&obj.Spec, BeforeDriftDetection)
		if due := driftDue(obj, &obj.Status, cfg); before.Script == "" && !obj.Spec.Suspend && !due.IsZero() && !now.Before(due) {
			n = Needs{Stack: stackRef(obj), Reader: true, Credentials: true}
		}
	}
	n.Policies, n.PoliciesNotBefore = needPolicies(obj, now, cfg)
	if place, waits := awaited(&obj.Status); waits && obj.Status.Operation == nil && obj.DeletionTimestamp.IsZero() {
		n.Rival, n.Place = true, place
	}
	if n.Checks = neededChecks(obj, now); len(n.Checks) > 0 && n.Stack == "" {
		n.Reader = true // they change nothing
	}
	n.Freezes = len(obj.Spec.Freeze) > 0 && standsAtGates(obj)
	if obj.DeletionTimestamp.IsZero() && !pinned(&obj.Spec) {
		n.Head = true
		n.HeadNotBefore = headNotBefore(obj, now, cfg)
	}
	deleting := !obj.DeletionTimestamp.IsZero()
	n.Inputs = HasInputs(&obj.Spec) && !deleting && !obj.Spec.Suspend
	n.Others = deleting || len(DependsOn(&obj.Spec)) > 0 || len(Importers(&obj.Status)) > 0
	return n
}

// headNotBefore is the last moment at which a git check was due. What a user
// ordered since then makes an older look too old.
func headNotBefore(obj *v1alpha1.CdkTsStack, now time.Time, cfg Settings) time.Time {
	due := lastDue(schedule(obj, cfg, now), now)
	if at := obj.Status.Orders; at != nil && at.At != nil && at.At.After(due) {
		return at.At.Time
	}
	return due
}
