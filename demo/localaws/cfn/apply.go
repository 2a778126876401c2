package cfn

import (
	"context"
	"errors"
	"maps"
	"slices"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// scope makes the scope in which a running operation's values are computed;
// s.mu is held.
func (s *Service) liveScope(st *Stack, imports map[string]bool) *scope {
	sc := s.baseScope(st, st.Config)
	sc.imports = imports
	sc.ref = func(logical string) (any, error) {
		if r, ok := st.Resources[logical]; ok && r.Physical != "" {
			return r.Physical, nil
		}
		return nil, wire.Invalid("Template error: resource %s does not exist", logical)
	}
	sc.att = func(logical, name string) (any, error) {
		r, ok := st.Resources[logical]
		if !ok {
			return nil, wire.Invalid("Template error: instance of Fn::GetAtt references undefined resource %s", logical)
		}
		return s.readAttribute(st, r, name)
	}
	return sc
}

func (s *Service) baseScope(st *Stack, c Config) *scope {
	return &scope{
		place: st.Place, stackID: st.ID, stackName: st.Name, notify: c.NotifyARNs, template: c.Template,
		params: c.Resolved, conditions: c.Conditions,
		export: func(name string) (string, error) {
			if _, o, ok := s.exporter(st.Place, name); ok {
				return o.Value, nil
			}
			return "", wire.Invalid("No export named %s found", name)
		},
		ssm: func(name string) (string, error) {
			if p, ok := s.cloud.Get(st.Place, "AWS::SSM::Parameter", name); ok {
				return p.Text("Value"), nil
			}
			return "", wire.Invalid("Unable to fetch parameters [%s] from parameter store for this account.", name)
		},
	}
}

func (s *Service) readAttribute(st *Stack, r *StackResource, name string) (any, error) {
	if r.Type == nestedType {
		return s.nestedOutput(r.Physical, name)
	}
	resource, ok := s.cloud.Get(st.Place, r.Type, r.Physical)
	if !ok {
		resource = cloud.Resource{Type: r.Type, ID: r.Physical, Place: st.Place, Props: r.Props, Attrs: map[string]any{}}
	}
	v, ok := cloud.Attribute(resource, name)
	if !ok {
		return nil, wire.Invalid("Template error: resource %s does not support attribute type %s in Fn::GetAtt", r.Logical, name)
	}
	return v, nil
}

// outputs computes the stack's outputs and guards exports; s.mu is held.
func (s *Service) outputs(op *operation) ([]Output, error) {
	st, sc := op.stack, s.liveScope(op.stack, op.imports)
	out := []Output{}
	for _, key := range slices.Sorted(maps.Keys(st.Template.Outputs)) {
		o, active, err := s.output(sc, key)
		if err != nil {
			return nil, err
		}
		if active {
			out = append(out, o)
		}
	}
	return out, s.guardExports(st, out)
}

func (s *Service) output(sc *scope, key string) (Output, bool, error) {
	raw, _ := sc.template.Outputs[key].(map[string]any)
	if condition := wire.Text(raw["Condition"]); condition != "" && !sc.conditions[condition] {
		return Output{}, false, nil
	}
	value, err := sc.text(raw["Value"])
	if err != nil {
		return Output{}, false, err
	}
	o := Output{Key: key, Value: value, Description: wire.Text(raw["Description"])}
	if export, ok := raw["Export"].(map[string]any); ok {
		if o.Export, err = sc.text(export["Name"]); err != nil {
			return Output{}, false, err
		}
	}
	return o, true, nil
}

// guardExports refuses an export that another stack has, and the change or
// loss of one that is in use.
func (s *Service) guardExports(st *Stack, next []Output) error {
	values := map[string]string{}
	for _, o := range next {
		if o.Export == "" {
			continue
		}
		values[o.Export] = o.Value
		if other, _, ok := s.exporter(st.Place, o.Export); ok && other != st {
			return awsErrorf("Export with name %s is already exported by stack %s. ", o.Export, other.Name)
		}
	}
	for _, o := range st.Outputs {
		users := s.importers(st.Place, o.Export)
		if o.Export == "" || len(users) == 0 {
			continue
		}
		if value, kept := values[o.Export]; !kept {
			return awsErrorf("Cannot delete export %s as it is in use by %s. ", o.Export, joined(users))
		} else if value != o.Value {
			return awsErrorf("Cannot update export %s as it is in use by %s. ", o.Export, joined(users))
		}
	}
	return nil
}

// apply brings one resource to its new state and records what happens.
func (s *Service) apply(ctx context.Context, op *operation, logical string) error {
	s.mu.Lock()
	st := op.stack
	d := st.Template.Resources[logical]
	props, err := s.liveScope(st, op.imports).eval(anyMap(d.Properties))
	if err != nil {
		defer s.mu.Unlock()
		return s.refuse(op, logical, d, err)
	}
	next := &StackResource{
		Logical: logical, Type: d.Type, Props: props.(map[string]any), Tags: st.Tags, Definition: d,
		Deps: st.Template.dependencies(logical),
	}
	previous := st.Resources[logical]
	s.mu.Unlock()
	switch decideChange(previous, next) {
	case changeNone:
		s.mu.Lock()
		defer s.mu.Unlock()
		previous.Definition, previous.Deps = next.Definition, next.Deps
		op.handled[logical] = true
		return nil
	case changeCreate:
		return s.createResource(ctx, op, next, nil)
	case changeReplace:
		return s.createResource(ctx, op, next, previous)
	}
	return s.updateResource(ctx, op, next, previous)
}

func anyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// refuse records that a resource's properties could not even be computed.
func (s *Service) refuse(op *operation, logical string, d *Definition, err error) error {
	r, verb, status := op.stack.Resources[logical], "update", "UPDATE_FAILED"
	if r == nil || r.Physical == "" {
		r = &StackResource{Logical: logical, Type: d.Type, Definition: d, Deps: op.stack.Template.dependencies(logical)}
		op.stack.Resources[logical] = r
		verb, status = "create", "CREATE_FAILED"
	}
	s.setResource(op.stack, op, r, status, message(err))
	op.failed[logical] = verb
	return err
}

func message(err error) string {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

type change int

const (
	changeNone change = iota
	changeCreate
	changeUpdate
	changeReplace
)

// decideChange says what next needs, given what is there.
func decideChange(previous, next *StackResource) change {
	switch {
	case previous == nil || previous.Physical == "":
		return changeCreate
	case previous.Type != next.Type || needsReplacement(next.Type, previous.Props, next.Props):
		return changeReplace
	case previous.Status == "UPDATE_FAILED" || !same(previous.Props, next.Props):
		return changeUpdate
	case !cloud.Types[next.Type].NoTags && !maps.Equal(previous.Tags, next.Tags):
		return changeUpdate
	}
	return changeNone
}

func needsReplacement(typ string, before, after map[string]any) bool {
	return slices.ContainsFunc(cloud.Types[typ].Replace, func(p string) bool { return !same(before[p], after[p]) })
}
