package cfn

import (
	"maps"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// planned is one change of a change set.
type planned struct {
	action, logical, physical, typ string
	replacement                    string // "True", "False", "Conditional" or ""
	policy                         string
	scope                          []string
	details                        []detail
	props                          map[string]any // as they will be
	before, after                  *side          // as they are shown
	drift                          string
	changeSet                      string // of the nested stack that this resource is
}

// detail is one property or attribute that changes.
type detail struct {
	attribute, name, path    string
	before, after            any
	recreation, kind, source string
	cause, evaluation        string
}

// plan says what it takes to turn a stack into config; s.mu is held.
func (s *Service) plan(st *Stack, config Config) ([]planned, error) {
	p := &planner{service: s, stack: st, config: config, next: map[string]map[string]any{}, fresh: map[string]bool{}}
	var out []planned
	for _, logical := range config.Template.order() {
		if !s.isActive(config, logical) {
			continue
		}
		change, err := p.resource(logical)
		if err != nil {
			return nil, err
		}
		if change != nil {
			out = append(out, *change)
		}
	}
	if _, err := p.outputs(); err != nil {
		return nil, err
	}
	for _, logical := range slices.Sorted(maps.Keys(st.Resources)) {
		r := st.Resources[logical]
		if r.Physical != "" && (config.Template.Resources[logical] == nil || !s.isActive(config, logical)) {
			out = append(out, st.removal(r))
		}
	}
	slices.SortStableFunc(out, func(a, b planned) int { return strings.Compare(a.logical, b.logical) })
	return out, nil
}

func (st *Stack) removal(r *StackResource) planned {
	policy := "Delete"
	if strings.HasPrefix(r.Definition.DeletionPolicy, "Retain") {
		policy = "Retain"
	}
	return planned{action: "Remove", logical: r.Logical, physical: r.Physical, typ: r.Type, policy: policy, before: st.Config.shown(r.Definition, r.Props)}
}

type planner struct {
	service *Service
	stack   *Stack
	config  Config
	next    map[string]map[string]any // properties to come of those that change in place
	fresh   map[string]bool           // resources that will have a new physical ID
}

func (p *planner) scope() *scope {
	sc := p.service.baseScope(p.stack, p.config)
	sc.plans = true
	sc.ref = func(logical string) (any, error) {
		if p.fresh[logical] || p.stack.Resources[logical] == nil {
			return unknown, nil
		}
		return p.stack.Resources[logical].Physical, nil
	}
	sc.att = p.attribute
	return sc
}

func (p *planner) attribute(logical, name string) (any, error) {
	d := p.config.Template.Resources[logical]
	if d == nil {
		return nil, wire.Invalid("Template error: instance of Fn::GetAtt references undefined resource %s", logical)
	}
	r := p.stack.Resources[logical]
	if p.fresh[logical] || r == nil {
		if d.Type != nestedType && !knownAttribute(d.Type, name) {
			return nil, wire.Invalid("Template error: resource %s does not support attribute type %s in Fn::GetAtt", logical, name)
		}
		return unknown, nil
	}
	if d.Type == nestedType {
		if p.next[logical] != nil {
			return unknown, nil
		}
		return p.service.nestedOutput(r.Physical, name)
	}
	changed := *r
	if p.next[logical] != nil {
		changed.Props = p.next[logical]
		resource, _ := p.service.cloud.Get(p.stack.Place, r.Type, r.Physical)
		resource.Type, resource.ID, resource.Place, resource.Props = r.Type, r.Physical, p.stack.Place, changed.Props
		if v, ok := cloud.Attribute(resource, name); ok {
			return v, nil
		}
	}
	return p.service.readAttribute(p.stack, &changed, name)
}

func knownAttribute(typ, name string) bool {
	_, ok := cloud.Attribute(cloud.Resource{Type: typ, ID: ":", Props: map[string]any{}, Attrs: map[string]any{}}, name)
	return ok
}

func (p *planner) outputs() ([]Output, error) {
	var out []Output
	sc := p.scope()
	for key := range p.config.Template.Outputs {
		o, active, err := p.service.output(sc, key)
		if err != nil {
			return nil, err
		}
		if active {
			out = append(out, o)
		}
	}
	return out, nil
}

// resource plans one resource; nil means that nothing changes.
func (p *planner) resource(logical string) (*planned, error) {
	d := p.config.Template.Resources[logical]
	v, err := p.scope().eval(anyMap(d.Properties))
	if err != nil {
		return nil, err
	}
	props, r := v.(map[string]any), p.stack.Resources[logical]
	if r == nil || r.Physical == "" {
		p.fresh[logical] = true
		return &planned{action: "Add", logical: logical, typ: d.Type, props: props, after: p.config.shown(d, props)}, nil
	}
	change := &planned{
		action: "Modify", logical: logical, physical: r.Physical, typ: d.Type, replacement: "False",
		props: props, before: p.stack.Config.shown(r.Definition, r.Props), after: p.config.shown(d, props),
	}
	p.properties(change, r, d)
	p.attributes(change, r, d)
	if r.Type != d.Type {
		change.replacement = "True"
	}
	if len(change.details) == 0 && r.Type == d.Type && r.Status != "UPDATE_FAILED" {
		return nil, nil
	}
	if change.replacement == "True" {
		p.fresh[logical] = true
		change.policy = "ReplaceAndDelete"
		if r.Definition.UpdateReplacePolicy == "Retain" {
			change.policy = "ReplaceAndRetain"
		}
	}
	p.next[logical] = props
	return change, nil
}

func (p *planner) properties(change *planned, r *StackResource, d *Definition) {
	for _, diff := range differences("", r.Props, change.props) {
		name := diff.top()
		det := detail{
			attribute: "Properties", name: name, path: "/Properties" + diff.path,
			before: change.before.mask(diff.path, diff.before), after: change.after.mask(diff.path, diff.after),
			recreation: "Never", kind: changeKind(diff.before, diff.after), evaluation: "Static",
		}
		det.source, det.cause = p.source(r.Definition.Properties[name], d.Properties[name])
		if holdsUnknown(diff.after) {
			det.evaluation = "Dynamic"
		}
		if slices.Contains(cloud.Types[d.Type].Replace, name) {
			det.recreation, change.replacement = "Always", "True"
		}
		change.details = append(change.details, det)
		change.addScope("Properties")
	}
}

// attributes plans what changes beside the properties: tags, metadata, policies.
func (p *planner) attributes(change *planned, r *StackResource, d *Definition) {
	add := func(attribute string, before, after any) {
		change.details = append(change.details, detail{
			attribute: attribute, path: "/" + attribute, before: before, after: after, kind: changeKind(before, after),
			recreation: "Never", source: "DirectModification", evaluation: "Static",
		})
		change.addScope(attribute)
	}
	if !cloud.Types[d.Type].NoTags && !maps.Equal(r.Tags, p.config.Tags) {
		add("Tags", cloud.TagList(r.Tags), cloud.TagList(p.config.Tags))
	}
	if !same(orNothing(r.Definition.Metadata), orNothing(d.Metadata)) {
		add("Metadata", r.Definition.Metadata, d.Metadata)
	}
	if r.Definition.DeletionPolicy != d.DeletionPolicy {
		add("DeletionPolicy", r.Definition.DeletionPolicy, d.DeletionPolicy)
	}
	if r.Definition.UpdateReplacePolicy != d.UpdateReplacePolicy {
		add("UpdateReplacePolicy", r.Definition.UpdateReplacePolicy, d.UpdateReplacePolicy)
	}
}

func orNothing(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

func (c *planned) addScope(attribute string) {
	if !slices.Contains(c.scope, attribute) {
		c.scope = append(c.scope, attribute)
	}
}

func changeKind(before, after any) string {
	switch {
	case before == nil:
		return "Add"
	case after == nil:
		return "Remove"
	}
	return "Modify"
}

// source says what made a property change: the template itself, a parameter,
// or another resource.
func (p *planner) source(before, after any) (source, cause string) {
	if !same(orNothing(before), orNothing(after)) {
		return "DirectModification", ""
	}
	for _, name := range references(after) {
		if p.config.Template.Parameters[name] != nil {
			source, cause = "ParameterReference", name
		}
		if p.next[name] == nil && !p.fresh[name] {
			continue
		}
		if attribute := firstAttribute(after, name); attribute != "" {
			return "ResourceAttribute", name + "." + attribute
		}
		return "ResourceReference", name
	}
	if source == "" {
		return "DirectModification", ""
	}
	return source, cause
}

// firstAttribute finds which attribute of a resource v reads, "" for none.
func firstAttribute(v any, logical string) string {
	switch v := v.(type) {
	case []any:
		for _, child := range v {
			if name := firstAttribute(child, logical); name != "" {
				return name
			}
		}
	case map[string]any:
		if target, name := attribute(v["Fn::GetAtt"]); target == logical && len(v) == 1 {
			return name
		}
		for _, child := range v {
			if name := firstAttribute(child, logical); name != "" {
				return name
			}
		}
	}
	return ""
}
