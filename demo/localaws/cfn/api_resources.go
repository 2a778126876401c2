package cfn

import (
	"awscdk.dev/operator/demo/localaws/wire"
)

// resourceView is a resource as the describe calls show it.
func (st *Stack) resourceView(r *StackResource) map[string]any {
	drift := map[string]any{"StackResourceDriftStatus": "NOT_CHECKED"}
	if r.Drift != nil {
		drift = map[string]any{"StackResourceDriftStatus": r.Drift.status, "LastCheckTimestamp": r.Drift.at}
	}
	return map[string]any{
		"StackName": st.Name, "StackId": st.ID, "LogicalResourceId": r.Logical, "PhysicalResourceId": orNil(r.Physical),
		"ResourceType": r.Type, "ResourceStatus": r.Status, "ResourceStatusReason": orNil(r.Reason), "DriftInformation": drift,
	}
}

func (st *Stack) resourceViews(timeName string) []any {
	list := []any{}
	for _, logical := range sortedNames(st.Resources) {
		r := st.Resources[logical]
		if r.Status == "" {
			continue
		}
		view := st.resourceView(r)
		view[timeName] = r.Changed
		list = append(list, view)
	}
	return list
}

func describeStackResources(s *Service, c *wire.Call) (any, error) {
	ref := c.Params.String("StackName")
	if physical := c.Params.String("PhysicalResourceId"); ref == "" && physical != "" {
		for _, st := range s.inPlace(place(c)) {
			for _, r := range st.Resources {
				if r.Physical == physical {
					return map[string]any{"StackResources": st.resourceViews("Timestamp")}, nil
				}
			}
		}
		return nil, wire.Invalid("Stack for %s does not exist", physical)
	}
	st, err := s.mustFind(place(c), ref)
	if err != nil {
		return nil, err
	}
	list := st.resourceViews("Timestamp")
	if logical := c.Params.String("LogicalResourceId"); logical != "" {
		kept := []any{}
		for _, v := range list {
			if v.(map[string]any)["LogicalResourceId"] == logical {
				kept = append(kept, v)
			}
		}
		list = kept
	}
	return map[string]any{"StackResources": list}, nil
}

func describeStackResource(s *Service, c *wire.Call) (any, error) {
	ref, logical := c.Params.String("StackName"), c.Params.String("LogicalResourceId")
	st, ok := s.find(place(c), ref)
	if !ok {
		return nil, wire.Invalid("Stack '%s' does not exist", ref)
	}
	r, ok := st.Resources[logical]
	if !ok {
		return nil, wire.Invalid("Resource %s does not exist for stack %s", logical, st.Name)
	}
	view := st.resourceView(r)
	view["LastUpdatedTimestamp"] = r.Changed
	if r.Definition != nil && r.Definition.Metadata != nil {
		view["Metadata"] = wire.Text(r.Definition.Metadata)
	}
	return map[string]any{"StackResourceDetail": view}, nil
}

func listStackResources(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	list, next := page(st.resourceViews("LastUpdatedTimestamp"), c.Params.String("NextToken"), 100)
	return map[string]any{"StackResourceSummaries": list, "NextToken": next}, nil
}
