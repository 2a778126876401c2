package cfn

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// resourceDrift is what a drift check found for one resource.
type resourceDrift struct {
	status, reason   string
	expected, actual map[string]any
	differences      []difference
	at               time.Time
}

type detection struct {
	id, status string
	stack      *Stack
	drifted    int
	drift      string
	at         time.Time
}

var driftHandlers = map[string]handler{
	"DetectStackDrift":                  detectStackDrift,
	"DetectStackResourceDrift":          detectStackResourceDrift,
	"DescribeStackDriftDetectionStatus": describeDetection,
	"DescribeStackResourceDrifts":       describeResourceDrifts,
}

func detectStackDrift(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	switch st.Status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "IMPORT_COMPLETE":
	default:
		return nil, wire.Invalid("Drift detection cannot be performed on stack [%s] while it is in %s state.", st.ID, st.Status)
	}
	for _, d := range s.detections {
		if d.stack == st && d.status == "DETECTION_IN_PROGRESS" {
			return nil, wire.Invalid("Drift detection is already in progress for stack [%s]", st.ID)
		}
	}
	d := &detection{id: cloud.UUID(), status: "DETECTION_IN_PROGRESS", stack: st, drift: "NOT_CHECKED", at: s.cloud.Now()}
	s.detections[d.id] = d
	only := c.Params.Strings("LogicalResourceIds")
	s.background(func(ctx context.Context) {
		if !s.pause(ctx, 200*time.Millisecond, 0) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.detect(d, only)
	})
	return map[string]any{"StackDriftDetectionId": d.id}, nil
}

// detect compares every resource with what is there; s.mu is held.
func (s *Service) detect(d *detection, only []string) {
	st := d.stack
	d.drift = "IN_SYNC"
	for logical, r := range st.Resources {
		if len(only) > 0 && !slices.Contains(only, logical) {
			continue
		}
		s.check(st, r)
		switch {
		case r.Drift == nil || r.Drift.status == "IN_SYNC":
		case r.Drift.status != "UNKNOWN":
			d.drift = "DRIFTED"
			d.drifted++
		case d.drift == "IN_SYNC":
			d.drift = "UNKNOWN"
		}
	}
	d.status, d.at = "DETECTION_COMPLETE", s.cloud.Now()
	st.DriftStatus, st.DriftChecked = d.drift, d.at
}

// check compares one resource; those whose type isn't supported stay unchecked.
func (s *Service) check(st *Stack, r *StackResource) {
	r.Drift = nil
	if cloud.Types[r.Type].NoDrift || r.Physical == "" {
		return
	}
	expected := maps.Clone(r.Props)
	for _, secret := range cloud.Types[r.Type].WriteOnly {
		delete(expected, secret)
	}
	r.Drift = &resourceDrift{status: "IN_SYNC", expected: expected, at: s.cloud.Now()}
	if reason, hidden := cloud.Unreadable(r.Type, r.Props); hidden {
		r.Drift.status, r.Drift.reason = "UNKNOWN", reason
		return
	}
	actual, ok := s.cloud.Get(st.Place, r.Type, r.Physical)
	if !ok {
		r.Drift.status = "DELETED"
		return
	}
	// Only properties that the template sets are compared, as in AWS.
	r.Drift.actual = map[string]any{}
	for name := range expected {
		if v, ok := actual.Props[name]; ok {
			r.Drift.actual[name] = v
		}
	}
	r.Drift.differences = differences("", expected, r.Drift.actual)
	if len(r.Drift.differences) > 0 {
		r.Drift.status = "MODIFIED"
	}
}

func describeDetection(s *Service, c *wire.Call) (any, error) {
	id := c.Params.String("StackDriftDetectionId")
	d, ok := s.detections[id]
	if !ok || d.stack.Place != place(c) {
		return nil, wire.Invalid("Drift detection with id %s does not exist", id)
	}
	return map[string]any{
		"StackId": d.stack.ID, "StackDriftDetectionId": d.id, "DetectionStatus": d.status,
		"StackDriftStatus": d.drift, "DriftedStackResourceCount": d.drifted, "Timestamp": d.at,
	}, nil
}

func describeResourceDrifts(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	filter, list := c.Params.Strings("StackResourceDriftStatusFilters"), []any{}
	for _, logical := range sortedNames(st.Resources) {
		r := st.Resources[logical]
		if r.Drift == nil || len(filter) > 0 && !slices.Contains(filter, r.Drift.status) {
			continue
		}
		list = append(list, r.driftView(st))
	}
	list, next := page(list, c.Params.String("NextToken"), c.Params.Int("MaxResults", 100))
	return map[string]any{"StackResourceDrifts": list, "NextToken": next}, nil
}

func (r *StackResource) driftView(st *Stack) map[string]any {
	changes := []any{}
	for _, d := range r.Drift.differences {
		kind := map[string]string{"Add": "ADD", "Remove": "REMOVE", "Modify": "NOT_EQUAL"}[changeKind(d.before, d.after)]
		changes = append(changes, map[string]any{
			"PropertyPath": d.path, "ExpectedValue": orNull(d.before), "ActualValue": orNull(d.after), "DifferenceType": kind,
		})
	}
	view := map[string]any{
		"StackId": st.ID, "LogicalResourceId": r.Logical, "PhysicalResourceId": r.Physical, "ResourceType": r.Type,
		"StackResourceDriftStatus": r.Drift.status, "Timestamp": r.Drift.at, "PropertyDifferences": changes,
		"ExpectedProperties": jsonText(r.Drift.expected),
	}
	switch r.Drift.status {
	case "UNKNOWN":
		view["DriftStatusReason"] = r.Drift.reason
	case "DELETED":
	default:
		view["ActualProperties"] = jsonText(r.Drift.actual)
	}
	return view
}

// orNull writes a value for a drift report; what is absent is "null".
func orNull(v any) string {
	if v == nil {
		return "null"
	}
	return wire.Text(v)
}

func jsonText(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

func detectStackResourceDrift(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	r, ok := st.Resources[c.Params.String("LogicalResourceId")]
	if !ok {
		return nil, wire.Invalid("Resource %s does not exist for stack %s", c.Params.String("LogicalResourceId"), st.Name)
	}
	s.check(st, r)
	if r.Drift == nil {
		return nil, wire.Invalid("Drift detection is not supported for resource type %s", r.Type)
	}
	return map[string]any{"StackResourceDrift": r.driftView(st)}, nil
}
