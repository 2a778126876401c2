package decide

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// The bounds of status.changes, which is in every object for ever.
const (
	maxChanges          = 30
	maxChangedPlaces    = 5
	maxChangedPlaceText = 200
	maxChangedName      = 512
	// maxChangesDetail is for how many bytes the resources are told in detail.
	maxChangesDetail = 24 << 10
)

// noteChanges records what the change set of an operation does.
func (p *pass) noteChanges(op *v1alpha1.Operation, cs ChangeSet) {
	was := p.st.Changes
	p.st.Changes = changesOf(op, cs.Changes, p.obj.Spec.Protect)
	p.st.Changes.Digest = planDigest(op.Plan, cs.Changes, p.seen.Stack)
	p.st.Changes.StackDigest = stackDigest(p.seen.Stack)
	p.st.Changes.DetailsConfigMap = DetailsConfigMap(p.obj)
	p.st.Changes.Validation = fitValidation(op.Plan.Validation)
	p.st.Changes.ProtectDigest = protectDigest(p.obj.Spec.Protect)
	p.st.Changes.Policies = p.policyResults(op, was)
	p.st.Changes.Traffic = p.trafficOf(op, was)
	if p.st.Changes.Unseen = cs.Unseen; cs.Unseen {
		p.st.Changes.Summary += "; not all nested stacks could be looked into"
	}
	if on := p.protectionMoves(op); on != nil {
		p.st.Changes.Summary += "; termination protection " + map[bool]string{true: "on", false: "off"}[*on]
	}
}

// planDigest names what a plan would do: two plans of one digest are the same to
// whoever approves them. Assets are in it by the template, which names them by
// the hashes of their content, as it does the templates of nested stacks.
func planDigest(plan *v1alpha1.Plan, all []Change, stack Stack) string {
	core := *plan
	// These say where the plan came from, not what it does.
	core.TemplateURL, core.Commit, core.Inputs, core.ConstructPaths, core.DependsOn, core.Validation = "", nil, nil, nil, nil, nil
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Change) int { return strings.Compare(a.LogicalID, b.LogicalID) })
	return digest(core, sorted, live(stack))
}

// live tells states of a stack apart, nil for one that is not there yet, or is
// made anew with every plan.
func live(stack Stack) []any {
	if !stack.Exists || stack.Status == statusReview {
		return nil
	}
	return []any{stack.ID, stack.Status, stack.UpdatedAt.UTC()}
}

// stackDigest is of the state of a stack, "" for one that is not there yet.
func stackDigest(stack Stack) string {
	if state := live(stack); state != nil {
		return digest(state...)
	}
	return ""
}

// protectDigest is of spec.protect, "" for none.
func protectDigest(protect []string) string {
	if len(protect) == 0 {
		return ""
	}
	return digest(protect)
}

// protectionMoves is the termination protection that a plan would give the stack,
// nil when that has it already or the plan says nothing.
func (p *pass) protectionMoves(op *v1alpha1.Operation) *bool {
	return protectionMoves(op.Plan, p.seen.Stack)
}

func protectionMoves(plan *v1alpha1.Plan, stack Stack) *bool {
	on := plan.TerminationProtection
	if on == nil || stack.Exists && stack.TerminationProtection == *on || !stack.Exists && !*on {
		return nil
	}
	return on
}

// protects says whether a change concerns a protected resource: itself, or one in
// the nested stack that it is.
func protects(protect []string, id string) bool {
	return slices.ContainsFunc(protect, func(one string) bool { return one == id || strings.HasPrefix(one, id+"/") })
}

// changesOf sums up what a change set does, the worst first.
func changesOf(op *v1alpha1.Operation, all []Change, protect []string) *v1alpha1.Changes {
	sum := &v1alpha1.Changes{Operation: op.ID}
	list := judged(op.Plan, all, protect)
	kept := make([]v1alpha1.ResourceChange, 0, maxChanges)
	for _, one := range list {
		count(sum, one.told)
		if len(kept) < maxChanges {
			kept = append(kept, one.told)
		}
	}
	sum.Summary = summary(sum)
	sum.Resources, sum.Omitted = fitChanges(kept), int32(len(list)-len(kept))
	return sum
}

// judgedChange is a change as it was read and as it is told.
type judgedChange struct {
	read Change
	told v1alpha1.ResourceChange
}

// judged is what becomes of all resources, the worst first.
func judged(plan *v1alpha1.Plan, all []Change, protect []string) []judgedChange {
	list := make([]judgedChange, 0, len(all))
	for _, c := range all {
		one := resourceChange(c, plan)
		one.Protected = destructive(one.Action) && protects(protect, c.LogicalID)
		list = append(list, judgedChange{c, one})
	}
	slices.SortStableFunc(list, func(a, b judgedChange) int {
		return cmp.Or(cmp.Compare(weight(b.told), weight(a.told)), strings.Compare(a.told.LogicalID, b.told.LogicalID))
	})
	return list
}

// fitChanges leaves out the detail of those for which there is no room. All stay
// by name: people acknowledge them by it.
func fitChanges(list []v1alpha1.ResourceChange) []v1alpha1.ResourceChange {
	size := 0
	for i := range list {
		if size += jsonSize(list[i]); size > maxChangesDetail {
			list[i].Path, list[i].MovedFrom, list[i].Properties, list[i].Because, list[i].Allows = "", "", nil, nil, nil
		}
	}
	return list
}

func resourceChange(c Change, plan *v1alpha1.Plan) v1alpha1.ResourceChange {
	properties, because := c.places()
	one := v1alpha1.ResourceChange{
		Action:     actionOf(c),
		LogicalID:  problem.CutMiddle(c.LogicalID, maxChangedName),
		Type:       problem.CutMiddle(c.Type, maxChangedName),
		Path:       problem.CutMiddle(constructPath(c, plan), maxChangedName),
		Properties: places(properties),
		Kept:       strings.HasSuffix(c.PolicyAction, "Retain") || strings.HasSuffix(c.PolicyAction, "Snapshot"),
	}
	switch one.Action {
	case v1alpha1.ChangeReplace, v1alpha1.ChangeMayReplace:
		one.Because = places(because)
		one.CustomName = problem.CutMiddle(customName(c), maxChangedName)
	case v1alpha1.ChangeRemove:
	default:
		one.Kept = false
	}
	one.DataLoss = destructive(one.Action) && !one.Kept && holdsData[c.Type]
	classify(&one, c)
	return one
}

// actionOf says in one word what becomes of a resource. Of a nested stack, whose
// own changes are listed too, it is said that it is modified.
func actionOf(c Change) v1alpha1.ChangeAction {
	switch {
	case c.Action == "Add":
		return v1alpha1.ChangeAdd
	case c.Action == "Remove":
		return v1alpha1.ChangeRemove
	case c.Action == "Import":
		return v1alpha1.ChangeImport
	case c.Replacement == "True":
		return v1alpha1.ChangeReplace
	case (c.Replacement == "Conditional" || c.Action == "Dynamic") && c.Type != "AWS::CloudFormation::Stack":
		return v1alpha1.ChangeMayReplace
	}
	return v1alpha1.ChangeModify
}

// destructive says whether a resource is gone after a change, or may be.
func destructive(action v1alpha1.ChangeAction) bool {
	return action == v1alpha1.ChangeRemove || action == v1alpha1.ChangeReplace || action == v1alpha1.ChangeMayReplace
}

func count(sum *v1alpha1.Changes, c v1alpha1.ResourceChange) {
	switch c.Action {
	case v1alpha1.ChangeAdd:
		sum.Add++
	case v1alpha1.ChangeRemove:
		sum.Remove++
	case v1alpha1.ChangeImport:
		sum.Import++
	case v1alpha1.ChangeReplace, v1alpha1.ChangeMayReplace:
		sum.Replace++
	default:
		sum.Modify++
	}
	if c.DataLoss {
		sum.DataLoss++
	}
	if c.Protected {
		sum.Protected++
	}
	if len(c.Allows) > 0 {
		sum.Security++
	}
	if c.Class == v1alpha1.ChangeMoved {
		sum.Moved++
	}
	if c.CustomName != "" {
		sum.CustomNamed++
	}
}

// weight orders changes by how much they concern a person.
func weight(c v1alpha1.ResourceChange) int {
	order := []v1alpha1.ChangeAction{
		v1alpha1.ChangeAdd, v1alpha1.ChangeModify, v1alpha1.ChangeImport,
		v1alpha1.ChangeMayReplace, v1alpha1.ChangeReplace, v1alpha1.ChangeRemove,
	}
	w := 2 * slices.Index(order, c.Action)
	if c.Class == v1alpha1.ChangeMoved {
		w--
	}
	if len(c.Allows) > 0 {
		w += 5 // before what adds and modifies
	}
	if c.DataLoss {
		w += 4 * len(order)
	}
	if c.Protected {
		w += 8 * len(order)
	}
	return w
}

func summary(sum *v1alpha1.Changes) string {
	var parts []string
	for _, part := range []struct {
		n    int32
		what string
	}{
		{sum.Remove, "to remove"}, {sum.Replace, "to replace"}, {sum.Import, "to import"}, {sum.Modify, "to modify"}, {sum.Add, "to add"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if len(parts) == 0 {
		return "no resource changes"
	}
	text := strings.Join(parts, ", ")
	for _, part := range []struct {
		n    int32
		what string
	}{
		{sum.DataLoss, "of them with data that is not kept"}, {sum.CustomNamed, "cannot be replaced under the name that the template gives"},
		{sum.Security, "newly allow something"}, {sum.Moved, "only moved in the app"},
	} {
		if part.n > 0 {
			text += fmt.Sprintf("; %d %s", part.n, part.what)
		}
	}
	return text
}

// places bounds a list of properties.
func places(all []string) []string {
	var kept []string
	for _, place := range all[:min(len(all), maxChangedPlaces)] {
		kept = append(kept, problem.CutMiddle(place, maxChangedPlaceText))
	}
	return kept
}
