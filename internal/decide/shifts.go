package decide

import (
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// ShiftsTraffic says whether a property, by its path in a drift report such as
// /Actions/0/ForwardConfig/TargetGroups/0/Weight, is one by which ECS and CodeDeploy
// move traffic: where a listener or a rule of one forwards to, and which version an
// alias names. To put such a property back moves live traffic.
func ShiftsTraffic(resourceType, path string) bool {
	actions := map[string]string{typeListener: "DefaultActions", typeListenerRule: "Actions"}[resourceType]
	at := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case resourceType == typeAlias:
		return at[0] == "RoutingConfig" || at[0] == "FunctionVersion"
	case actions == "" || at[0] != actions || len(at) < 3:
		return false
	}
	return at[2] == "ForwardConfig" || at[2] == "TargetGroupArn"
}

// withoutShifts leaves out of what drift detection found what is none: where the
// listeners and rules of d.Shifted forward to.
func withoutShifts(d Drift) Drift {
	if len(d.Shifted) == 0 || !d.Drifted {
		return d
	}
	var kept []v1alpha1.DriftedResource
	for _, r := range d.Resources {
		if slices.Contains(d.Shifted, r.LogicalID) {
			properties := slices.DeleteFunc(slices.Clone(r.Properties), func(q v1alpha1.DriftedProperty) bool { return ShiftsTraffic(r.Type, q.Path) })
			if len(properties) == 0 && len(r.Properties) > 0 && r.PropertiesOmitted == 0 {
				continue
			}
			r.Properties = properties
		}
		kept = append(kept, r)
	}
	d.Resources, d.Drifted = kept, len(kept) > 0 || d.Omitted > 0
	return d
}
