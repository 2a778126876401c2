package decide

import (
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// Dependent is an object that depends on one that is deleted.
type Dependent struct {
	Name string
	// Stack says that it has a stack, or is making one.
	Stack bool
	// Leaving is true when it is being deleted, Keeps when its stack stays then.
	Leaving, Keeps bool
	Suspended      bool
	// Circle says that the object depends on it, too.
	Circle bool
}

// DependentOf is what a deleted object has to know of one that depends on it.
func DependentOf(other *v1alpha1.CdkTsStack, circle bool) Dependent {
	return Dependent{
		Name: other.Name, Stack: HasStack(other), Leaving: !other.DeletionTimestamp.IsZero(), Keeps: !MayDestroy(&other.Spec),
		Suspended: other.Spec.Suspend, Circle: circle,
	}
}

// HasStack says whether an object has a stack, or is making one.
func HasStack(obj *v1alpha1.CdkTsStack) bool {
	if c := Claim(&obj.Status); c != "" && c != v1alpha1.ClaimReleased {
		return true
	}
	op := obj.Status.Operation
	return obj.Status.Held != nil || obj.Status.Deployed != nil || op != nil && !background(op.Kind)
}

// state says how far the deletion of a dependent is.
func (d Dependent) state() string {
	switch {
	case d.Leaving && d.Suspended:
		return "being deleted, and suspended"
	case d.Leaving:
		return "being deleted"
	}
	return "not deleted"
}

// dependentsExist waits, before a stack is deleted, for the end of the objects
// that depend on it. Each of them wakes this one. Of several that depend on one
// another and are all deleted, the first by name does not wait for the others.
func (p *pass) dependentsExist() bool {
	o := p.seen.Others
	switch {
	case p.obj.Annotations[v1alpha1.DeleteBeforeDependentsAnnotation] == "true":
		return false
	case o.Err != nil:
		return p.unseen(o.Err)
	case !o.Seen:
		p.say(waiting, stateDestroying, "looking for objects that depend on the stack")
		return p.again()
	}
	holds := slices.DeleteFunc(slices.Clone(o.Dependents), func(d Dependent) bool { return !d.Stack || d.Leaving && d.Keeps })
	outside := slices.DeleteFunc(slices.Clone(holds), func(d Dependent) bool { return d.Circle && d.Leaving && o.First })
	switch {
	case len(holds) == 0:
		return false
	case len(outside) == 0:
		p.breaksCircle = true
		return false
	}
	p.say(waiting, stateDependentsExist, fmt.Sprintf(
		"the stack %s is deleted after those that depend on it: %s. To delete it all the same: %s%s=true", stackName(stackRef(p.obj)), listed(outside), p.annotate(), v1alpha1.DeleteBeforeDependentsAnnotation))
	return p.look(0)
}

// maxListed is how many objects a message names.
const maxListed = 10

func listed(all []Dependent) string {
	words := make([]string, 0, len(all))
	for _, d := range all[:min(len(all), maxListed)] {
		words = append(words, fmt.Sprintf("%s (%s)", d.Name, d.state()))
	}
	if more := len(all) - maxListed; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}
