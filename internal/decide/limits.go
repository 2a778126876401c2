package decide

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
)

// ofLimits is what acknowledges that a plan goes beyond spec.limits.
const ofLimits = "limits"

// acknowledged holds a plan that removes or replaces more than spec.limits
// allow, or what spec.protect names, until a person has acknowledged just that.
func acknowledged(p *pass, op *v1alpha1.Operation) *hold {
	c := p.changesOf(op)
	if c == nil {
		return nil
	}
	if c.Protected > maxChanges {
		return &hold{reason: stateChangesRefused, parks: true, message: fmt.Sprintf(
			"it would remove or replace %d resources that are protected, more than can be acknowledged at once: take some out of spec.protect", c.Protected)}
	}
	concerns, needed := p.concerns(c)
	ids, wrong := p.acknowledgement(c)
	missing := slices.DeleteFunc(needed, func(id string) bool { return slices.Contains(ids, id) })
	if len(missing) == 0 {
		return nil
	}
	message := fmt.Sprintf("%s: look at status.changes, then %s%s='%s %s'%s", strings.Join(concerns, "; "), p.annotate(), v1alpha1.AcknowledgeAnnotation, c.Digest, strings.Join(append(ids, missing...), " "), wrong)
	return &hold{reason: stateChangesRefused, message: message, parks: true}
}

// concerns are what a person has to acknowledge of a plan, in words and by name.
func (p *pass) concerns(c *v1alpha1.Changes) (words, names []string) {
	for _, r := range c.Resources {
		if destructive(r.Action) && protects(p.obj.Spec.Protect, r.LogicalID) {
			words = append(words, fmt.Sprintf("it would %s %s (%s), which is protected", verbs[r.Action], r.LogicalID, r.Type))
			names = append(names, r.LogicalID)
		}
	}
	beyond := c.Unseen && (p.obj.Spec.Limits != nil || len(p.obj.Spec.Protect) > 0)
	if beyond {
		words = append(words, "not all of its nested stacks could be looked into")
	}
	limits := ptr.Deref(p.obj.Spec.Limits, v1alpha1.Limits{})
	for _, limit := range []struct {
		most        *int32
		n           int32
		field, verb string
	}{
		{limits.MaxRemoved, c.Remove, "maxRemoved", "remove"},
		{limits.MaxReplaced, c.Replace, "maxReplaced", "replace"},
	} {
		if limit.most != nil && limit.n > *limit.most {
			words = append(words, fmt.Sprintf("it would %s %d, and limits.%s is %d", limit.verb, limit.n, limit.field, *limit.most))
			beyond = true
		}
	}
	if beyond {
		names = append(names, ofLimits)
	}
	return words, names
}

// verbs say what a plan would do to a resource.
var verbs = map[v1alpha1.ChangeAction]string{
	v1alpha1.ChangeRemove: "remove", v1alpha1.ChangeReplace: "replace", v1alpha1.ChangeMayReplace: "perhaps replace",
}

// acknowledgement is what was acknowledged of a plan, and what is wrong with
// what else was given.
func (p *pass) acknowledgement(c *v1alpha1.Changes) (ids []string, wrong string) {
	words := strings.Fields(p.obj.Annotations[v1alpha1.AcknowledgeAnnotation])
	if len(words) == 0 {
		return nil, ""
	}
	if !names(words[0], c.Digest) {
		return nil, "; the acknowledgement that was given is of another plan"
	}
	var unknown []string
	for _, id := range words[1:] {
		if id == ofLimits || slices.ContainsFunc(c.Resources, func(r v1alpha1.ResourceChange) bool { return r.LogicalID == id }) || ofTraffic(c.Traffic, id) {
			ids = append(ids, id)
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		wrong = "; not in the plan is " + strings.Join(unknown[:min(len(unknown), maxChangedPlaces)], ", ")
	}
	return ids, wrong
}
