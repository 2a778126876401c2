package decide

import (
	"encoding/json"
	"maps"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// An object that is larger than 1.5 MiB is refused by etcd, and its status can
// then no longer be saved: nobody would hear of it. So everything in a status
// that others decide the size of is bounded. A plan is in it three times.
const (
	maxPlan    = 64 << 10
	maxOutputs = 128 << 10
	maxDrift   = 64 << 10
	// maxBeside bounds what is told beside the drift: what could not be looked at,
	// and what is ignored, each.
	maxBeside = 12 << 10
	// maxSpec leaves room for the status and for what kubectl apply adds.
	maxSpec = 512 << 10
	// maxDependsOn and maxTag bound what is for people only.
	maxDependsOn = 100
	maxTag       = 1 << 10
)

// ErrPlanTooLarge is a plan that does not fit into a status.
var ErrPlanTooLarge = problem.Declare("PlanTooLarge", problem.Stalls)

// FitPlan leaves out what a plan can do without, and refuses one that does not
// fit into a status even so.
func FitPlan(plan *v1alpha1.Plan) error {
	plan.DependsOn = plan.DependsOn[:min(len(plan.DependsOn), maxDependsOn)]
	core := *plan
	core.ConstructPaths, core.Inputs, core.Validation = nil, nil, nil // they are bounded where they are made
	size := jsonSize(core)
	if size <= maxPlan {
		return nil
	}
	return ErrPlanTooLarge.New(
		"the plan of the stack takes %d KiB (its parameters %d KiB, its tags %d KiB) and may take %d KiB, since it is kept in the status of the object; keep large values in an asset, in S3 or in Systems Manager, and give the stack their names",
		kib(size), kib(jsonSize(plan.Parameters)), kib(jsonSize(plan.Tags)), kib(maxPlan))
}

// fitOutputs keeps as many outputs as a status may hold, and tells how many it
// left out.
func fitOutputs(all map[string]string) (kept map[string]string, omitted int32) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		one := jsonSize(name) + jsonSize(all[name])
		if size += one; size <= maxOutputs {
			continue
		}
		if kept == nil {
			kept = maps.Clone(all)
		}
		delete(kept, name)
		size -= one
		omitted++
	}
	if kept == nil {
		kept = all
	}
	return kept, omitted
}

// noteOutputs keeps the outputs of a stack.
func (p *pass) noteOutputs(s Stack) { p.st.Outputs, p.st.OutputsOmitted = fitOutputs(s.Outputs) }

// fitDrift keeps as many drifted resources, and properties of each, as a status
// may hold.
func fitDrift(found []v1alpha1.DriftedResource) (kept []v1alpha1.DriftedResource, omitted int) {
	size := 0
	for i := range found {
		r := &found[i]
		if more := len(r.Properties) - maxDriftedProperties; more > 0 {
			r.Properties, r.PropertiesOmitted = r.Properties[:maxDriftedProperties:maxDriftedProperties], r.PropertiesOmitted+int32(more)
		}
		if size += jsonSize(r); size > maxDrift || i >= maxDriftedResources {
			return found[:i], len(found) - i
		}
	}
	return found, 0
}

// fitBeside keeps as many of a list as may be told beside the drift.
func fitBeside[T any](all []T) []T {
	size := 0
	for i := range all {
		if size += jsonSize(all[i]); size > maxBeside {
			return all[:i:i]
		}
	}
	return all
}

func jsonSize(v any) int {
	data, _ := json.Marshal(v) // plain data always encodes
	return len(data)
}

func kib(bytes int) int { return (bytes + 1<<10 - 1) >> 10 }
