package cfn

import (
	"slices"
	"strconv"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var readHandlers = map[string]handler{
	"DescribeStacks":         describeStacks,
	"ListStacks":             listStacks,
	"DescribeStackEvents":    describeStackEvents,
	"DescribeEvents":         describeEvents,
	"ListHookResults":        listHookResults,
	"GetHookResult":          getHookResult,
	"DescribeStackResources": describeStackResources,
	"DescribeStackResource":  describeStackResource,
	"ListStackResources":     listStackResources,
	"ListExports":            listExports,
	"ListImports":            listImports,
}

// page cuts one page out of a list; the token is the index of its first item.
func page[T any](list []T, token string, size int) ([]T, any) {
	first, _ := strconv.Atoi(token)
	first = min(max(first, 0), len(list))
	last := min(first+size, len(list))
	if last < len(list) {
		return list[first:last], strconv.Itoa(last)
	}
	return list[first:last], nil
}

func describeStacks(s *Service, c *wire.Call) (any, error) {
	list := []any{}
	if ref := c.Params.String("StackName"); ref != "" {
		st, err := s.mustFind(place(c), ref)
		if err != nil {
			return nil, err
		}
		return map[string]any{"Stacks": append(list, st.describe())}, nil
	}
	for _, st := range s.inPlace(place(c)) {
		if st.Status != "DELETE_COMPLETE" {
			list = append(list, st.describe())
		}
	}
	list, next := page(list, c.Params.String("NextToken"), 100)
	return map[string]any{"Stacks": list, "NextToken": next}, nil
}

func (st *Stack) describe() map[string]any {
	outputs, operations := []any{}, []any{}
	for _, o := range st.Outputs {
		outputs = append(outputs, map[string]any{
			"OutputKey": o.Key, "OutputValue": o.Value, "Description": orNil(o.Description), "ExportName": orNil(o.Export),
		})
	}
	for _, op := range slices.Backward(st.LastOperations[max(0, len(st.LastOperations)-3):]) {
		operations = append(operations, map[string]any{"OperationType": op.kind, "OperationId": op.id})
	}
	out := map[string]any{
		"StackId": st.ID, "StackName": st.Name, "StackStatus": st.Status, "StackStatusReason": orNil(st.Reason),
		"CreationTime": st.Created, "LastUpdatedTime": st.Updated, "DeletionTime": st.Deleted,
		"DisableRollback": st.DisableRollback, "EnableTerminationProtection": st.Protected,
		"Outputs": outputs, "Capabilities": st.Capabilities, "NotificationARNs": st.NotifyARNs,
		"Tags": cloud.TagList(st.Tags), "RoleARN": orNil(st.RoleARN), "ChangeSetId": orNil(st.ChangeSetID),
		"ParentId": orNil(st.Parent), "RootId": orNil(st.Root), "RollbackConfiguration": st.Rollback,
		"DriftInformation": map[string]any{"StackDriftStatus": st.DriftStatus, "LastCheckTimestamp": st.DriftChecked},
		"LastOperations":   operations,
	}
	if st.Template != nil {
		out["Parameters"], out["Description"] = parameterList(st.Config), orNil(st.Template.Description)
	}
	return out
}

func listStacks(s *Service, c *wire.Call) (any, error) {
	filter, list := c.Params.Strings("StackStatusFilter"), []any{}
	for _, st := range s.inPlace(place(c)) {
		if len(filter) > 0 && !slices.Contains(filter, st.Status) {
			continue
		}
		summary := st.describe()
		for _, k := range []string{"Outputs", "Parameters", "Tags", "Capabilities", "NotificationARNs", "RoleARN", "RollbackConfiguration"} {
			delete(summary, k)
		}
		if st.Template != nil {
			summary["TemplateDescription"] = orNil(st.Template.Description)
		}
		list = append(list, summary)
	}
	list, next := page(list, c.Params.String("NextToken"), 100)
	return map[string]any{"StackSummaries": list, "NextToken": next}, nil
}

func describeStackEvents(s *Service, c *wire.Call) (any, error) {
	ref := c.Params.String("StackName")
	st, ok := s.find(place(c), ref)
	if !ok {
		return nil, wire.Invalid("Stack [%s] does not exist", ref)
	}
	newest := slices.Clone(st.Events)
	slices.Reverse(newest)
	events, next := newestPage(newest, c.Params.String("NextToken"), 100)
	list := []any{}
	for _, e := range events {
		list = append(list, map[string]any{
			"StackId": st.ID, "StackName": st.Name, "EventId": e.ID, "OperationId": orNil(e.OperationID),
			"LogicalResourceId": e.Logical, "PhysicalResourceId": e.Physical, "ResourceType": e.Type, "Timestamp": e.At,
			"ResourceStatus": e.Status, "ResourceStatusReason": orNil(e.Reason),
			"ResourceProperties": orNil(e.Properties), "ClientRequestToken": orNil(e.Token),
			"HookType": orNil(e.HookType), "HookStatus": orNil(e.HookStatus), "HookStatusReason": orNil(e.HookReason),
			"HookFailureMode": orNil(e.HookMode), "HookInvocationId": orNil(e.HookID), "HookInvocationPoint": hookPoint(e),
		})
	}
	return map[string]any{"StackEvents": list, "NextToken": next}, nil
}

// hookPoint is when the hook of an event was called.
func hookPoint(e Event) any {
	if e.HookType == "" {
		return nil
	}
	return "PRE_PROVISION"
}

// newestPage pages through events newest first. The token is the ID of the
// last event seen, so that new events don't shift the pages.
func newestPage(events []Event, token string, size int) ([]Event, any) {
	first := 1 + slices.IndexFunc(events, func(e Event) bool { return e.ID == token })
	last := min(first+size, len(events))
	if last < len(events) {
		return events[first:last], events[last-1].ID
	}
	return events[first:last], nil
}

// describeEvents is the newer view: events of one operation, or of a stack,
// or of a change set, with only the failed ones if asked.
func describeEvents(s *Service, c *wire.Call) (any, error) {
	operation, failedOnly := c.Params.String("OperationId"), c.Params.Map("Filters").Bool("FailedEvents")
	var stacks []*Stack
	switch {
	case c.Params.Has("ChangeSetName"):
		st, cs, err := s.locateChangeSet(c)
		if err != nil {
			return nil, err
		}
		return map[string]any{"OperationEvents": s.validationEvents(st, cs.ID)}, nil
	case c.Params.Has("StackName"):
		st, err := s.mustFind(place(c), c.Params.String("StackName"))
		if err != nil {
			return nil, err
		}
		stacks = append(stacks, st)
	default:
		stacks = s.inPlace(place(c))
	}
	list := []any{}
	for _, st := range stacks {
		for _, e := range slices.Backward(st.Events) {
			if (operation == "" || e.OperationID == operation) && (!failedOnly || strings.HasSuffix(e.Status, "_FAILED")) {
				list = append(list, e.asOperationEvent(st))
			}
		}
	}
	list, next := page(list, c.Params.String("NextToken"), 100)
	return map[string]any{"OperationEvents": list, "NextToken": next}, nil
}

func (e *Event) asOperationEvent(st *Stack) map[string]any {
	kind := "PROGRESS_EVENT"
	if e.Type == nestedType && e.Physical == st.ID {
		kind = "STACK_EVENT"
	} else if strings.HasSuffix(e.Status, "_FAILED") {
		kind = "PROVISIONING_ERROR"
	}
	return map[string]any{
		"EventId": e.ID, "StackId": st.ID, "OperationId": orNil(e.OperationID), "OperationType": orNil(e.OperationType),
		"EventType": kind, "LogicalResourceId": e.Logical, "PhysicalResourceId": e.Physical, "ResourceType": e.Type,
		"Timestamp": e.At, "StartTime": e.At, "EndTime": e.At, "ResourceStatus": e.Status, "ResourceStatusReason": orNil(e.Reason),
		"ResourceProperties": orNil(e.Properties), "ClientRequestToken": orNil(e.Token),
	}
}

func listExports(s *Service, c *wire.Call) (any, error) {
	list := []any{}
	for _, st := range s.inPlace(place(c)) {
		for _, o := range st.Outputs {
			if o.Export != "" && st.Status != "DELETE_COMPLETE" {
				list = append(list, map[string]any{"ExportingStackId": st.ID, "Name": o.Export, "Value": o.Value})
			}
		}
	}
	list, next := page(list, c.Params.String("NextToken"), 100)
	return map[string]any{"Exports": list, "NextToken": next}, nil
}

func listImports(s *Service, c *wire.Call) (any, error) {
	name := c.Params.String("ExportName")
	users := s.importers(place(c), name)
	if len(users) == 0 {
		return nil, wire.Invalid("Export '%s' is not imported by any stack.", name)
	}
	return map[string]any{"Imports": users}, nil
}
