package cfn

import (
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// Hook is a hook that says no, to the next operations of a stack. Their code would
// have to run, so that somebody has to say.
type Hook struct {
	// Stack is the name of the stack, Resource the logical ID of what it judges, ""
	// for the change set as a whole.
	Stack    string `json:"stack"`
	Resource string `json:"resource,omitempty"`
	// Type is the hook's name, such as Org::Security::Hook.
	Type string `json:"type"`
	// Mode is FAIL or WARN.
	Mode   string `json:"failureMode,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Annotations are AWS's: AnnotationName, Status, StatusMessage,
	// RemediationMessage, RemediationLink, SeverityLevel.
	Annotations []map[string]any `json:"annotations,omitempty"`
	// Count is how often it says so, 0 for once, -1 for ever.
	Count int `json:"count,omitempty"`
}

// hookResult is one verdict of a hook.
type hookResult struct {
	Hook
	id, target, targetType, kind string
	place                        cloud.Place
	at                           time.Time
}

// AddHook has a hook say no.
func (s *Service) AddHook(h Hook) error {
	if h.Mode == "" {
		h.Mode = "FAIL"
	}
	if h.Stack == "" || h.Type == "" || h.Mode != "FAIL" && h.Mode != "WARN" {
		return fmt.Errorf("a hook needs a stack and a type, and the failureMode FAIL or WARN")
	}
	if h.Count == 0 {
		h.Count = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, &h)
	return nil
}

// judgedBy is the verdict of the hook that judges a target, nil without one; s.mu
// is held. resource is "" for a change set.
func (s *Service) judgedBy(st *Stack, resource, kind, target, targetType string) *hookResult {
	for _, h := range s.hooks {
		if h.Stack != st.Name || h.Resource != resource || h.Count == 0 {
			continue
		}
		if h.Count > 0 {
			h.Count--
		}
		r := &hookResult{Hook: *h, id: cloud.UUID(), target: target, targetType: targetType, kind: kind, place: st.Place, at: s.cloud.Now()}
		s.hookResults = append(s.hookResults, r)
		return r
	}
	return nil
}

// refusedBy has the hook of a resource judge it, and is its refusal.
func (s *Service) refusedBy(op *operation, r *StackResource, status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	verdict := s.judgedBy(op.stack, r.Logical, r.Type, op.stack.ID, "RESOURCE")
	if verdict == nil {
		return nil
	}
	s.record(op.stack, op, Event{
		Logical: r.Logical, Physical: r.Physical, Type: r.Type, Status: status,
		HookType: verdict.Type, HookStatus: "HOOK_COMPLETE_FAILED", HookReason: verdict.said(), HookMode: verdict.Mode, HookID: verdict.id,
	})
	if verdict.Mode == "WARN" {
		return nil
	}
	return plainReason("The following hook(s) failed: [" + verdict.Type + "]")
}

func (r *hookResult) said() string {
	if r.Reason != "" {
		return r.Reason
	}
	return "Hook failed with message: see its annotations"
}

// plainReason is an error that CloudFormation tells as it is, without the words of
// a resource's handler around it.
type plainReason string

func (e plainReason) Error() string { return string(e) }

func listHookResults(s *Service, c *wire.Call) (any, error) {
	kind, target := c.Params.String("TargetType"), c.Params.String("TargetId")
	if (kind == "") != (target == "") {
		return nil, wire.Invalid("TargetType and TargetId must be specified together")
	}
	if kind != "" && kind != "CHANGE_SET" && kind != "CLOUD_CONTROL" {
		return nil, wire.Invalid("Unsupported TargetType %s", kind)
	}
	list := []any{}
	for _, r := range s.hookResults {
		if r.validates() || r.place != place(c) || target != "" && (r.target != target || r.targetType != kind) {
			continue
		}
		list = append(list, map[string]any{
			"HookResultId": r.id, "InvocationPoint": "PRE_PROVISION", "FailureMode": r.Mode, "TypeName": r.Type, "TypeVersionId": "00000001",
			"Status": "HOOK_COMPLETE_FAILED", "HookStatusReason": r.said(), "TargetType": r.targetType, "TargetId": r.target,
		})
	}
	return map[string]any{"TargetType": orNil(kind), "TargetId": orNil(target), "HookResults": list}, nil
}

func getHookResult(s *Service, c *wire.Call) (any, error) {
	for _, r := range s.hookResults {
		if r.id != c.Params.String("HookResultId") || r.place != place(c) {
			continue
		}
		annotations := []any{}
		for _, a := range r.Annotations {
			annotations = append(annotations, a)
		}
		return map[string]any{
			"HookResultId": r.id, "InvocationPoint": "PRE_PROVISION", "FailureMode": r.Mode, "TypeName": r.Type, "OriginalTypeName": r.Type,
			"Status": "HOOK_COMPLETE_FAILED", "HookStatusReason": r.said(), "Annotations": annotations, "InvokedAt": r.at,
			"Target": map[string]any{"TargetType": "RESOURCE", "TargetTypeName": r.kind, "TargetId": r.target, "Action": "CREATE"},
		}, nil
	}
	return nil, wire.NotFound("HookResultNotFound", "Hook result %s not found", c.Params.String("HookResultId"))
}

// validates says whether a verdict is of CloudFormation's early validation, which
// is no hook that can be listed: its events tell of it.
func (r *hookResult) validates() bool { return strings.HasPrefix(r.Type, "AWS::EarlyValidation::") }

// validationEvents are what early validation found in a change set: one event for
// each annotation.
func (s *Service) validationEvents(st *Stack, changeSet string) []any {
	list := []any{}
	for _, r := range s.hookResults {
		if !r.validates() || r.target != changeSet {
			continue
		}
		for _, a := range r.Annotations {
			list = append(list, map[string]any{
				"EventId": cloud.UUID(), "StackId": st.ID, "OperationType": "CREATE_CHANGESET", "EventType": "VALIDATION_ERROR",
				"LogicalResourceId": a["AnnotationName"], "Timestamp": r.at, "ValidationName": strings.TrimPrefix(r.Type, "AWS::EarlyValidation::"),
				"ValidationStatus": "FAILED", "ValidationFailureMode": r.Mode, "ValidationStatusReason": a["StatusMessage"], "ValidationPath": a["RemediationLink"],
			})
		}
	}
	return list
}

// customFailure is the failure of a custom resource as CloudFormation tells it.
func customFailure(typ string, err error) error {
	if err == nil || !strings.HasPrefix(typ, "Custom::") {
		return err
	}
	return plainReason("Received response status [FAILED] from custom resource. Message returned: " + message(err) + " (RequestId: " + cloud.UUID() + ")")
}
