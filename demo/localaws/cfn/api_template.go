package cfn

import (
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var templateHandlers = map[string]handler{
	"GetTemplate":        getTemplate,
	"GetTemplateSummary": getTemplateSummary,
	"ValidateTemplate":   validateTemplate,
}

func getTemplate(s *Service, c *wire.Call) (any, error) {
	stages := []any{"Original", "Processed"}
	if c.Params.Has("ChangeSetName") {
		_, cs, err := s.locateChangeSet(c)
		if err != nil {
			return nil, err
		}
		return map[string]any{"TemplateBody": cs.config.Template.Body, "StagesAvailable": stages}, nil
	}
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	if st.Template == nil {
		return map[string]any{"TemplateBody": "{}", "StagesAvailable": stages}, nil
	}
	return map[string]any{"TemplateBody": st.Template.Body, "StagesAvailable": stages}, nil
}

func getTemplateSummary(s *Service, c *wire.Call) (any, error) {
	var t *Template
	if ref := c.Params.String("StackName"); ref != "" {
		st, err := s.mustFind(place(c), ref)
		if err != nil {
			return nil, err
		}
		if t = st.Template; t == nil {
			t = &Template{}
		}
	} else {
		body, err := s.templateBody(c, nil)
		if err != nil {
			return nil, err
		}
		if t, err = parse(body); err != nil {
			return nil, err
		}
	}
	types := []string{}
	for _, d := range t.Resources {
		types = append(types, d.Type)
	}
	slices.Sort(types)
	out := t.summary("ParameterType")
	out["ResourceTypes"] = types
	out["Version"] = orNil(wire.Text(t.Root["AWSTemplateFormatVersion"]))
	out["ResourceIdentifierSummaries"] = t.identifiers()
	if t.Metadata != nil {
		out["Metadata"] = wire.Text(t.Metadata)
	}
	return out, nil
}

func (t *Template) identifiers() []any {
	byType := map[string][]any{}
	for _, logical := range sortedNames(t.Resources) {
		typ := t.Resources[logical].Type
		byType[typ] = append(byType[typ], logical)
	}
	list := []any{}
	for _, typ := range sortedNames(byType) {
		if named := cloud.Types[typ].Named; named != "" {
			list = append(list, map[string]any{
				"ResourceType": typ, "LogicalResourceIds": byType[typ], "ResourceIdentifiers": []any{named},
			})
		}
	}
	return list
}

func (t *Template) summary(typeField string) map[string]any {
	parameters := []any{}
	for _, name := range sortedNames(t.Parameters) {
		d, _ := t.Parameters[name].(map[string]any)
		p := map[string]any{
			"ParameterKey": name, "NoEcho": wire.Params(d).Bool("NoEcho"), "Description": orNil(wire.Text(d["Description"])),
		}
		if d["Default"] != nil {
			p["DefaultValue"] = wire.Text(d["Default"])
		}
		if typeField != "" {
			p[typeField] = wire.Text(d["Type"])
			p["ParameterConstraints"] = map[string]any{"AllowedValues": wire.Params(d).Strings("AllowedValues")}
		}
		parameters = append(parameters, p)
	}
	out := map[string]any{"Parameters": parameters, "Description": orNil(t.Description)}
	if needed, types := t.capabilities(); needed != "" {
		out["Capabilities"] = []any{needed}
		out["CapabilitiesReason"] = "The following resource(s) require capabilities: [" + strings.Join(types, ", ") + "]"
	}
	return out
}

func validateTemplate(s *Service, c *wire.Call) (any, error) {
	body, err := s.templateBody(c, nil)
	if err != nil {
		return nil, err
	}
	t, err := parse(body)
	if err != nil {
		return nil, err
	}
	return t.summary(""), nil
}
