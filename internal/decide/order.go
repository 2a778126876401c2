package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
)

// Others are the other objects of the namespace that one waits for, and those
// that wait for it.
type Others struct {
	// Seen is true when they were looked at.
	Seen bool
	Err  error
	// Dependencies are those of spec.dependsOn, in its order.
	Dependencies []Neighbour
	// Cycle leads from the object to itself, by what each depends on; nil for
	// none.
	Cycle []string
	// Dependents are those that depend on an object that is deleted.
	Dependents []Dependent
	// First says that the object is the first, by name, of all that have a stack
	// and depend on one another in a circle with it.
	First bool
	// Importers are those whose stacks import an export that the object could
	// not change or remove.
	Importers []Neighbour
}

// Neighbour is what an object has to know of another one that it waits for.
type Neighbour struct {
	Name string
	// Exists is false when there is no such object; all else is zero then.
	Exists bool
	// Leaving is true when it is being deleted.
	Leaving   bool
	Suspended bool
	// Current says that its status is of its present spec.
	Current bool
	// Ready is its condition, Reason that of the condition.
	Ready  metav1.ConditionStatus
	Reason string
	// Revision is what it has deployed, At when that ended.
	Revision string
	At       time.Time
	// SameSource says that both follow one ref of one repository.
	SameSource bool
	// Irrelevant is the newest commit that it has seen and that changes nothing
	// of what it deploys.
	Irrelevant string
	// Pending is a commit that it has seen and that waits for a person.
	Pending string
	// WaitsForUs says that it has an export to change or to remove that the
	// object's own stack still imports.
	WaitsForUs bool
}

// NeighbourOf is what obj has to know of another object; other is nil when
// there is none of that name.
func NeighbourOf(obj *v1alpha1.CdkTsStack, name string, other *v1alpha1.CdkTsStack) Neighbour {
	n := Neighbour{Name: name}
	if other == nil {
		return n
	}
	st := &other.Status
	n.Exists, n.Leaving, n.Suspended = true, !other.DeletionTimestamp.IsZero(), other.Spec.Suspend
	n.Current = st.ObservedGeneration == other.Generation
	n.SameSource = sameSource(&obj.Spec, &other.Spec)
	if c := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady); c != nil {
		n.Ready, n.Reason = c.Status, c.Reason
	}
	if d := st.Deployed; d != nil {
		n.Revision, n.At = d.Target.Revision, d.At.Time
	}
	if s := st.Source; s != nil {
		n.Irrelevant, n.Pending = s.IrrelevantRevision, s.PendingRevision
	}
	own, ours := PlaceOf(obj.Status.StackID)
	theirs, ok := PlaceOf(st.StackID)
	n.WaitsForUs = ours && ok && own.Account == theirs.Account && own.Region == theirs.Region && slices.Contains(Importers(st), own.StackName)
	return n
}

func sameSource(a, b *v1alpha1.CdkTsStackSpec) bool {
	x, y := a.Source, b.Source
	if x.SourceRef != nil || y.SourceRef != nil {
		return x.SourceRef != nil && y.SourceRef != nil && *x.SourceRef == *y.SourceRef
	}
	return x.Git.Repository == y.Git.Repository && Tracked(a) == Tracked(b)
}

// awaitsOthers says what a deployment of a revision waits for, and whether it
// waits for anything; "" is for one that was begun with the revision before.
func (p *pass) awaitsOthers(revision string) bool {
	if len(p.obj.Spec.DependsOn) == 0 {
		return false
	}
	switch unready := p.unready(revision); {
	case p.seen.Others.Err != nil:
		p.unseen(p.seen.Others.Err)
	case !p.seen.Others.Seen:
		p.wakeAt(p.now)
	case len(unready) == 0:
		return false
	default:
		p.say(waiting, stateDependencyNotReady, "waits for "+strings.Join(unready, ", "))
	}
	p.awaiting = true
	return true
}

// unready are the dependencies that are not ready for a revision, each with what
// is wrong with it. What it says of one stays the same while that is at work.
func (p *pass) unready(revision string) []string {
	var all []string
	for _, n := range p.seen.Others.Dependencies {
		if why := n.unready(revision); why != "" {
			all = append(all, n.Name+" ("+why+")")
		}
	}
	return all
}

func (n Neighbour) unready(revision string) string {
	behind := revision != "" && n.SameSource && n.Revision != revision && n.Irrelevant != revision
	switch {
	case !n.Exists:
		return "does not exist"
	case n.Leaving:
		return "is being deleted"
	case n.WaitsForUs:
		return "" // it goes on when we are done
	case n.Suspended && (n.Ready != metav1.ConditionTrue || !n.Current || behind):
		return "is suspended"
	case !n.Current:
		return "was edited"
	case n.Ready == metav1.ConditionFalse:
		return "is not ready: " + n.Reason
	case n.Ready != metav1.ConditionTrue:
		return "is not ready yet: " + orUnknown(n.Reason)
	case behind && n.Pending == revision:
		return fmt.Sprintf("is at revision %s, and %s waits there for a person: request its deployment, or set its actions.autoRedeploy", short(n.Revision), short(revision))
	case behind:
		return fmt.Sprintf("is at revision %s and not yet at %s", short(n.Revision), short(revision))
	}
	return ""
}

// dependenciesReady holds a plan while something that it was made with is no
// longer as it was. The revisions were compared when the build began, and a
// dependency moves on only.
func dependenciesReady(p *pass, _ *v1alpha1.Operation) *hold {
	if p.seen.Others.Err != nil || p.seen.Inputs.Err != nil {
		return &hold{after: problemPoll}
	}
	if missing := p.seen.Inputs.Missing; missing != nil {
		return &hold{reason: stateDependencyNotReady, message: missing.Message, parks: true}
	}
	if unready := p.unready(""); len(unready) > 0 {
		return &hold{reason: stateDependencyNotReady, message: "it needs " + strings.Join(unready, ", "), parks: true}
	}
	return nil
}

// newRevision is the revision of a target, "" when the object has deployed it
// already, so that its dependencies had it, too.
func (p *pass) newRevision(t *v1alpha1.Target) string {
	if d := p.st.Deployed; d != nil && d.Target.Revision == t.Revision {
		return ""
	}
	return t.Revision
}

// refuseCycle stops an object that depends on itself. An edit of any object of
// the circle wakes it.
func (p *pass) refuseCycle() bool {
	cycle := p.seen.Others.Cycle
	if len(cycle) == 0 {
		return false
	}
	p.say(stalled, errDependencyCycle, fmt.Sprintf(
		"these CdkTsStacks depend on one another: %s. Nothing of them is deployed: take one of these names out of dependsOn, contextFrom or parametersFrom of the object before it", strings.Join(cycle, " → ")))
	return true
}
