package cfn

import (
	"slices"
	"strconv"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// changesPerPage bounds one page of DescribeChangeSet.
const changesPerPage = 100

func describeChangeSet(s *Service, c *wire.Call) (any, error) {
	st, cs, err := s.locateChangeSet(c)
	if err != nil {
		return nil, err
	}
	first, _ := strconv.Atoi(c.Params.String("NextToken"))
	first = min(max(first, 0), len(cs.Changes))
	last := min(first+changesPerPage, len(cs.Changes))
	changes := []any{}
	for _, ch := range cs.Changes[first:last] {
		changes = append(changes, ch.describe(c.Params.Bool("IncludePropertyValues"), cs))
	}
	var next any
	if last < len(cs.Changes) {
		next = strconv.Itoa(last)
	}
	return map[string]any{
		"ChangeSetName": cs.Name, "ChangeSetId": cs.ID, "StackId": st.ID, "StackName": st.Name,
		"Description": orNil(cs.Description), "Parameters": parameterList(cs.config), "CreationTime": cs.Created,
		"ExecutionStatus": cs.Execution, "Status": cs.Status, "StatusReason": orNil(cs.Reason),
		"NotificationARNs": cs.config.NotifyARNs, "RollbackConfiguration": cs.config.Rollback,
		"Capabilities": cs.config.Capabilities, "Tags": cloud.TagList(cs.config.Tags), "Changes": changes,
		"NextToken": next, "IncludeNestedStacks": cs.Nested, "OnStackFailure": orNil(cs.OnFailure),
		"ImportExistingResources": cs.Import, "DeploymentMode": orNil(cs.Mode),
		"ParentChangeSetId": orNil(cs.parent), "RootChangeSetId": orNil(s.rootChangeSet(cs)),
	}, nil
}

func (p *planned) describe(values bool, cs *ChangeSet) map[string]any {
	details := []any{}
	for i, d := range p.details {
		if values || !p.namedBefore(i) {
			details = append(details, d.describe(values, cs.Mode))
		}
	}
	scope := []any{}
	for _, name := range p.scope {
		scope = append(scope, name)
	}
	change := map[string]any{
		"Action": p.action, "LogicalResourceId": p.logical, "PhysicalResourceId": orNil(p.physical),
		"ResourceType": p.typ, "Replacement": orNil(p.replacement), "PolicyAction": orNil(p.policy),
		"Scope": scope, "Details": details, "ResourceDriftStatus": orNil(p.drift),
		"ChangeSetId": orNil(p.changeSet),
	}
	if values {
		change["BeforeContext"], change["AfterContext"] = p.before.text(), p.after.text()
	}
	return map[string]any{"Type": "Resource", "ResourceChange": change}
}

// namedBefore says whether an earlier detail is of the same property for the
// same cause: without values, AWS tells of each once.
func (p *planned) namedBefore(i int) bool {
	d := p.details[i]
	return slices.ContainsFunc(p.details[:i], func(other detail) bool {
		return other.attribute == d.attribute && other.name == d.name && other.source == d.source && other.cause == d.cause
	})
}

func (d *detail) describe(values bool, mode string) map[string]any {
	target := map[string]any{"Attribute": d.attribute, "Name": orNil(d.name), "RequiresRecreation": d.recreation}
	if values {
		target["Path"], target["AttributeChangeType"] = orNil(d.path), d.kind
		target["BeforeValue"], target["AfterValue"] = valueText(d.before), valueText(d.after)
	}
	if mode == "REVERT_DRIFT" {
		target["BeforeValueFrom"], target["AfterValueFrom"] = "ACTUAL_STATE", "TEMPLATE"
	}
	return map[string]any{
		"Target": target, "Evaluation": d.evaluation, "ChangeSource": d.source, "CausingEntity": orNil(d.cause),
	}
}

func valueText(v any) any {
	if v == nil {
		return nil
	}
	return wire.Text(v)
}

// parameterList writes a stack's parameters; NoEcho values are masked.
func parameterList(c Config) []any {
	out := []any{}
	for _, name := range sortedNames(c.Params) {
		definition, _ := c.Template.Parameters[name].(map[string]any)
		p := map[string]any{"ParameterKey": name, "ParameterValue": c.Params[name]}
		if wire.Params(definition).Bool("NoEcho") {
			p["ParameterValue"] = "****"
		}
		if resolved, ok := c.Resolved[name].(string); ok && resolved != c.Params[name] {
			p["ResolvedValue"] = resolved
		}
		out = append(out, p)
	}
	return out
}
