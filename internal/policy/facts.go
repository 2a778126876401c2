package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// Plan is what policies judge.
type Plan struct {
	StackName, Account, Region, Revision string
	Parameters, Tags                     map[string]string
	// TerminationProtection is as the app asks, nil when it says nothing.
	TerminationProtection *bool
	// Creates says that there is no stack yet.
	Creates bool
	Changes []Change
	// Unseen says that there are more changes, which could not be read.
	Unseen bool
	// Template is that of the stack, in JSON.
	Template []byte
	Object   *v1alpha1.CdkTsStack
}

// Change is what a plan does to a resource.
type Change struct {
	// LogicalID is led by those of the nested stacks that it is in.
	LogicalID, Path, Type string
	Action                v1alpha1.ChangeAction
	// Changed are the places that change.
	Changed []string
	// Before and After are the resource as CloudFormation shows it: JSON objects
	// with Properties, nil for what it does not show.
	Before, After json.RawMessage
}

// facts are a plan as expressions see it.
type facts struct {
	plan, template, object map[string]any
	// resources are those of the changes, in their order, nil for one of which
	// the properties are not known.
	resources []map[string]any
}

func factsOf(p Plan) (*facts, error) {
	f := &facts{template: map[string]any{}}
	if len(p.Template) > 0 {
		if err := json.Unmarshal(p.Template, &f.template); err != nil {
			return nil, fmt.Errorf("the template of the plan is no JSON object: %w", err)
		}
	}
	var err error
	if f.object, err = objectFacts(p.Object); err != nil {
		return nil, err
	}
	definitions := object(f.template["Resources"])
	values := resolver{template: f.template, plan: p}
	counts := map[string]any{"add": 0, "modify": 0, "replace": 0, "remove": 0, "import": 0}
	all := make([]any, 0, len(p.Changes))
	for _, c := range p.Changes {
		counts[counted[c.Action]] = counts[counted[c.Action]].(int) + 1
		r := resourceFacts(c, object(definitions[c.LogicalID]), &values)
		all = append(all, r)
		f.resources = append(f.resources, r)
	}
	if values.beyond {
		return nil, errors.New("the template of the plan is nested too deeply to be judged")
	}
	f.plan = map[string]any{
		"stackName": p.StackName, "account": p.Account, "region": p.Region, "revision": p.Revision,
		"parameters": texts(p.Parameters), "tags": texts(p.Tags), "changes": all, "counts": counts,
	}
	if on := p.TerminationProtection; on != nil {
		f.plan["terminationProtection"] = *on
	}
	return f, nil
}

// counted are the names of plan.counts.
var counted = map[v1alpha1.ChangeAction]string{
	v1alpha1.ChangeAdd: "add", v1alpha1.ChangeModify: "modify", v1alpha1.ChangeReplace: "replace",
	v1alpha1.ChangeMayReplace: "replace", v1alpha1.ChangeRemove: "remove", v1alpha1.ChangeImport: "import",
}

// resourceFacts are those of one resource. What CloudFormation does not show is
// taken from the template, with what can be told of it filled in.
func resourceFacts(c Change, definition map[string]any, values *resolver) map[string]any {
	changed := make([]any, 0, len(c.Changed))
	for _, place := range c.Changed {
		changed = append(changed, place)
	}
	r := map[string]any{
		"logicalId": c.LogicalID, "path": c.Path, "type": c.Type, "action": string(c.Action), "changed": changed,
		"template": definition, "before": map[string]any{}, "properties": map[string]any{},
	}
	if before, shown := properties(c.Before); shown {
		r["before"] = before
	}
	after, shown := properties(c.After)
	switch {
	case c.Action == v1alpha1.ChangeRemove:
	case shown:
		r["properties"] = after
	case len(definition) > 0:
		r["properties"] = object(values.resolve(definition["Properties"], 0))
	default:
		r["unknown"] = true
	}
	return r
}

// properties are those of a resource as CloudFormation shows it.
func properties(context json.RawMessage) (all map[string]any, shown bool) {
	var seen struct{ Properties map[string]any }
	if len(context) == 0 || json.Unmarshal(context, &seen) != nil {
		return nil, false
	}
	return seen.Properties, seen.Properties != nil
}

// objectFacts are what policies see of an object.
func objectFacts(o *v1alpha1.CdkTsStack) (map[string]any, error) {
	if o == nil {
		return map[string]any{}, nil
	}
	data, err := json.Marshal(o.Spec)
	if err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	spec := map[string]any{}
	if err := json.Unmarshal(data, &spec); err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	annotations := texts(o.Annotations)
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
	return map[string]any{
		"metadata": map[string]any{"name": o.Name, "namespace": o.Namespace, "labels": texts(o.Labels), "annotations": annotations},
		"spec":     spec,
	}, nil
}

func texts(all map[string]string) map[string]any {
	out := make(map[string]any, len(all))
	for k, v := range all {
		out[k] = v
	}
	return out
}

// object is a map of JSON, an empty one for anything else.
func object(v any) map[string]any {
	if m, is := v.(map[string]any); is && m != nil {
		return m
	}
	return map[string]any{}
}

// cut bounds a text of others within a message.
func cut(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
