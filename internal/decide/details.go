package decide

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// The bounds of what the details of a plan have of one resource.
const (
	maxDetailValues = 50
	maxDetailValue  = 1 << 10
	// maxFindings is how many findings status.changes has.
	maxFindings = 10
)

// DetailsConfigMap names the ConfigMap that has the plan of an object as a
// whole, "" when the object keeps its outputs in one of that name.
func DetailsConfigMap(obj *v1alpha1.CdkTsStack) string { return companion(obj, "-plan") }

// companion names a ConfigMap of an object after it, "" when the object keeps its
// outputs in one of that name.
func companion(obj *v1alpha1.CdkTsStack, suffix string) string {
	const longest = 253
	name := obj.Name + suffix
	if len(name) > longest {
		// What is cut off still tells two objects apart.
		tail := "-" + digest(obj.Name) + suffix
		name = strings.TrimRight(obj.Name[:longest-len(tail)], "-.") + tail
	}
	if o := obj.Spec.Outputs; o != nil && o.ConfigMapName == name {
		return ""
	}
	return name
}

// fitValidation is what status.changes has of the findings.
func fitValidation(v *v1alpha1.Validation) *v1alpha1.Validation {
	if v == nil {
		return nil
	}
	fit := *v
	fit.Findings = v.Findings[:min(len(v.Findings), maxFindings)]
	return &fit
}

// Details are the readable whole of the plan that status.changes sums up: of the
// operation and of its change set, which was read with what it does. They take
// no more than so many bytes of JSON: all resources are told before the values of
// any, the worst first.
func Details(op *v1alpha1.Operation, sum *v1alpha1.Changes, cs ChangeSet, protect []string, most int) *v1alpha1.PlanDetails {
	d := &v1alpha1.PlanDetails{
		Operation: sum.Operation, Digest: sum.Digest, Summary: sum.Summary, NoValues: cs.NoValues,
		Stack: op.Plan.StackName, Validation: op.Plan.Validation,
	}
	if op.Target != nil {
		d.Revision = op.Target.Revision
	}
	list := judged(op.Plan, cs.Changes, protect)
	room := most - jsonSize(d) - roomForCounts
	for _, one := range list {
		size := jsonSize(one.told) + len(`,"moreValues":00000,`)
		if size > room {
			break
		}
		room -= size
		d.Resources = append(d.Resources, v1alpha1.ResourceDetails{ResourceChange: one.told})
	}
	d.Omitted = int32(len(list) - len(d.Resources))
	for i := range d.Resources {
		r := &d.Resources[i]
		values, more := changedValues(list[i].read)
		size := jsonSize(values) + len(`"values":,`)
		if size > room {
			r.MoreValues = more + int32(len(values))
			d.WithoutValues++
			continue
		}
		room -= size
		r.Values, r.MoreValues = values, more
	}
	return d
}

// roomForCounts is for the numbers of what was left out, in bytes.
const roomForCounts = 100

// changedValues are the values that one change is about, without secrets: of a
// resource that comes or goes, its properties.
func changedValues(c Change) (kept []v1alpha1.ChangedValue, more int32) {
	var all []v1alpha1.ChangedValue
	for _, d := range c.Details {
		all = append(all, v1alpha1.ChangedValue{Path: d.Path, Before: c.shownValue(d.Path, d.Before), After: c.shownValue(d.Path, d.After), Cause: d.Cause})
	}
	if c.Action == "Add" || c.Action == "Remove" || c.Action == "Import" {
		was, is := propertiesIn(c.Before), propertiesIn(c.After)
		for _, name := range slices.Sorted(maps.Keys(was)) {
			all = append(all, v1alpha1.ChangedValue{Path: "/Properties/" + name, Before: shown(name, was[name])})
		}
		for _, name := range slices.Sorted(maps.Keys(is)) {
			all = append(all, v1alpha1.ChangedValue{Path: "/Properties/" + name, After: shown(name, is[name])})
		}
	}
	n := min(len(all), maxDetailValues)
	return all[:n:n], int32(len(all) - n)
}

// shownValue is the value of one place, cut and without secrets.
func (c Change) shownValue(path string, value *string) *string {
	if value == nil {
		return nil
	}
	segments := strings.Split(path, "/")
	if slices.ContainsFunc(segments, secretName) || c.namedSecret(segments) {
		return cutValue(hiddenValue)
	}
	return cutValue(withoutSecretsText(*value))
}

// shown is a property as text, cut and without secrets.
func shown(name string, value any) *string {
	if secretName(name) {
		return cutValue(hiddenValue)
	}
	value = withoutSecrets(value)
	if text, ok := value.(string); ok {
		return cutValue(text)
	}
	data, _ := json.Marshal(value) // it was decoded from JSON
	return cutValue(string(data))
}

func cutValue(text string) *string {
	text = problem.CutMiddle(text, maxDetailValue)
	return &text
}
