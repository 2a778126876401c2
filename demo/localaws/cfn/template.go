package cfn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// Template is a parsed template.
type Template struct {
	Body        string
	Description string
	Parameters  map[string]any
	Mappings    map[string]any
	Conditions  map[string]any
	Resources   map[string]*Definition
	Outputs     map[string]any
	Rules       map[string]any
	Metadata    any
	Root        map[string]any
}

// Definition is a resource as a template defines it.
type Definition struct {
	Type                string
	Properties          map[string]any
	DependsOn           []string
	Condition           string
	DeletionPolicy      string
	UpdateReplacePolicy string
	UpdatePolicy        map[string]any
	Metadata            any
}

var sections = []string{
	"AWSTemplateFormatVersion", "Description", "Parameters", "Mappings", "Conditions", "Resources",
	"Outputs", "Rules", "Metadata", "Transform", "Hooks",
}

// parse reads a template and refuses what CloudFormation would refuse before
// it looks at values; errors are CloudFormation's ValidationErrors.
func parse(body string) (*Template, error) {
	root, err := decode(body)
	if err != nil {
		return nil, wire.Invalid("Template format error: %s", err)
	}
	for _, name := range slices.Sorted(maps.Keys(root)) {
		if !slices.Contains(sections, name) {
			return nil, wire.Invalid("Invalid template property or properties [%s]", name)
		}
	}
	if root["Transform"] != nil {
		return nil, wire.Errorf("NotImplemented", "the local AWS does not run template transforms (%s)", wire.Text(root["Transform"]))
	}
	t := &Template{
		Body: body, Root: root, Description: wire.Text(root["Description"]), Metadata: root["Metadata"],
		Parameters: section(root, "Parameters"), Mappings: section(root, "Mappings"),
		Conditions: section(root, "Conditions"), Outputs: section(root, "Outputs"), Rules: section(root, "Rules"),
		Resources: map[string]*Definition{},
	}
	resources := section(root, "Resources")
	if len(resources) == 0 {
		return nil, wire.Invalid("Template format error: At least one Resources member must be defined.")
	}
	for logical, raw := range resources {
		if t.Resources[logical], err = define(logical, raw); err != nil {
			return nil, err
		}
	}
	return t, t.check()
}

func section(root map[string]any, name string) map[string]any {
	m, _ := root[name].(map[string]any)
	return m
}

func define(logical string, raw any) (*Definition, error) {
	m, ok := raw.(map[string]any)
	if !ok {
		return nil, wire.Invalid("Template format error: [/Resources/%s] resource definition is malformed", logical)
	}
	d := &Definition{
		Type: wire.Text(m["Type"]), Condition: wire.Text(m["Condition"]), Metadata: m["Metadata"],
		DeletionPolicy: wire.Text(m["DeletionPolicy"]), UpdateReplacePolicy: wire.Text(m["UpdateReplacePolicy"]),
		Properties: section(m, "Properties"), UpdatePolicy: section(m, "UpdatePolicy"),
	}
	if d.Type == "" {
		return nil, wire.Invalid("Template format error: [/Resources/%s] Every Resources object must contain a Type member.", logical)
	}
	switch deps := m["DependsOn"].(type) {
	case string:
		d.DependsOn = []string{deps}
	case []any:
		for _, v := range deps {
			d.DependsOn = append(d.DependsOn, wire.Text(v))
		}
	}
	return d, nil
}

func (t *Template) check() error {
	var unknown []string
	for _, logical := range slices.Sorted(maps.Keys(t.Resources)) {
		typ := t.Resources[logical].Type
		if cloud.Types[typ] == nil && isCustom(typ) {
			return wire.Errorf("NotImplemented", "the local AWS runs no code, so it cannot make the custom resource %s of type %s", logical, typ)
		}
		if cloud.Types[typ] == nil && !slices.Contains(unknown, typ) {
			unknown = append(unknown, typ)
		}
	}
	if len(unknown) > 0 {
		return wire.Invalid("Template format error: Unrecognized resource types: [%s]", strings.Join(unknown, ", "))
	}
	for _, logical := range slices.Sorted(maps.Keys(t.Resources)) {
		for _, name := range t.unresolved(t.Resources[logical]) {
			return wire.Invalid("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", name)
		}
	}
	for _, raw := range t.Outputs {
		for _, name := range references(raw) {
			if !t.knows(name) {
				return wire.Invalid("Template format error: Unresolved resource dependencies [%s] in the Outputs block of the template", name)
			}
		}
	}
	if cycle := t.cycle(); len(cycle) > 0 {
		return wire.Invalid("Circular dependency between resources: [%s]", strings.Join(cycle, ", "))
	}
	return nil
}

func isCustom(typ string) bool {
	return strings.HasPrefix(typ, "Custom::") || typ == "AWS::CloudFormation::CustomResource"
}

func (t *Template) unresolved(d *Definition) []string {
	var out []string
	for _, name := range slices.Concat(references(d.Properties), references(d.UpdatePolicy), d.DependsOn) {
		if !t.knows(name) {
			out = append(out, name)
		}
	}
	return out
}

func (t *Template) knows(name string) bool {
	return t.Resources[name] != nil || t.Parameters[name] != nil || strings.HasPrefix(name, "AWS::")
}

// dependencies are the resources that logical refers to or depends on.
func (t *Template) dependencies(logical string) []string {
	d := t.Resources[logical]
	var out []string
	for _, name := range slices.Concat(references(d.Properties), references(d.UpdatePolicy), d.DependsOn) {
		if t.Resources[name] != nil && name != logical && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// cycle returns resources that wait for each other, nil if there are none.
func (t *Template) cycle() []string {
	left := map[string][]string{}
	for logical := range t.Resources {
		left[logical] = t.dependencies(logical)
	}
	for range t.Resources {
		for logical, deps := range left {
			if !slices.ContainsFunc(deps, func(d string) bool { _, waiting := left[d]; return waiting }) {
				delete(left, logical)
			}
		}
	}
	return slices.Sorted(maps.Keys(left))
}

// order lists the resources so that each follows what it depends on.
func (t *Template) order() []string {
	var out []string
	var visit func(string)
	visit = func(logical string) {
		if slices.Contains(out, logical) {
			return
		}
		for _, d := range t.dependencies(logical) {
			visit(d)
		}
		out = append(out, logical)
	}
	for _, logical := range slices.Sorted(maps.Keys(t.Resources)) {
		visit(logical)
	}
	return out
}

// capabilities lists what a caller must acknowledge, and for which types.
func (t *Template) capabilities() (needed string, types []string) {
	for _, logical := range slices.Sorted(maps.Keys(t.Resources)) {
		d := t.Resources[logical]
		kind := cloud.Types[d.Type]
		if !kind.IAM {
			continue
		}
		if needed == "" {
			needed = "CAPABILITY_IAM"
		}
		if kind.Named != "" && d.Properties[kind.Named] != nil {
			needed = "CAPABILITY_NAMED_IAM"
		}
		types = append(types, d.Type)
	}
	return needed, slices.Compact(slices.Sorted(slices.Values(types)))
}

func requireCapabilities(t *Template, given []string) error {
	needed, _ := t.capabilities()
	enough := map[string][]string{
		"CAPABILITY_IAM":       {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"},
		"CAPABILITY_NAMED_IAM": {"CAPABILITY_NAMED_IAM"},
	}
	if needed == "" || slices.ContainsFunc(given, func(c string) bool { return slices.Contains(enough[needed], c) }) {
		return nil
	}
	return wire.Errorf("InsufficientCapabilitiesException", "Requires capabilities : [%s]", needed)
}

// references lists every name that v refers to by Ref, Fn::GetAtt or Fn::Sub.
func references(v any) []string {
	switch v := v.(type) {
	case []any:
		var out []string
		for _, child := range v {
			out = append(out, references(child)...)
		}
		return out
	case map[string]any:
		return referencesOfMap(v)
	}
	return nil
}

func referencesOfMap(m map[string]any) []string {
	if len(m) == 1 {
		switch {
		case m["Ref"] != nil:
			return []string{wire.Text(m["Ref"])}
		case m["Fn::GetAtt"] != nil:
			logical, _ := attribute(m["Fn::GetAtt"])
			return append([]string{logical}, references(m["Fn::GetAtt"])...)
		case m["Fn::Sub"] != nil:
			return append(subReferences(m["Fn::Sub"]), references(m["Fn::Sub"])...)
		}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, references(m[k])...)
	}
	return out
}

// attribute splits the argument of Fn::GetAtt, a list or "A.B".
func attribute(v any) (logical, name string) {
	switch v := v.(type) {
	case string:
		logical, name, _ = strings.Cut(v, ".")
	case []any:
		if len(v) == 2 {
			return wire.Text(v[0]), wire.Text(v[1])
		}
	}
	return logical, name
}

func subReferences(v any) []string {
	text, own := subArguments(v)
	var out []string
	for _, name := range subNames(text) {
		if _, local := own[name]; !local {
			logical, _, _ := strings.Cut(name, ".")
			out = append(out, logical)
		}
	}
	return out
}

func subArguments(v any) (string, map[string]any) {
	if list, ok := v.([]any); ok && len(list) == 2 {
		own, _ := list[1].(map[string]any)
		return fmt.Sprint(list[0]), own
	}
	return wire.Text(v), nil
}
