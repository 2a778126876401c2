package cfn

import (
	"encoding/json"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
)

// Event is one line of a stack's history.
type Event struct {
	ID, OperationID, Token     string
	Logical, Physical, Type    string
	Status, Reason, Properties string
	OperationType              string
	// Of a hook's verdict on a resource.
	HookType, HookStatus, HookReason, HookMode, HookID string
	At                                                 time.Time
}

// setStatus moves the stack to a status and records the event.
func (s *Service) setStatus(st *Stack, op *operation, status, reason string) {
	st.Status, st.Reason = status, reason
	s.record(st, op, Event{Logical: st.Name, Physical: st.ID, Type: "AWS::CloudFormation::Stack", Status: status, Reason: reason})
}

// setResource moves a resource to a status and records the event.
func (s *Service) setResource(st *Stack, op *operation, r *StackResource, status, reason string) {
	r.Status, r.Reason, r.Changed = status, reason, s.cloud.Now()
	properties, _ := json.Marshal(r.Props)
	s.record(st, op, Event{
		Logical: r.Logical, Physical: r.Physical, Type: r.Type, Status: status, Reason: reason, Properties: string(properties),
	})
}

func (s *Service) record(st *Stack, op *operation, e Event) {
	e.ID, e.At = e.Logical+"-"+cloud.UUID(), s.cloud.Now()
	// Clients sort events by time, which travels in milliseconds.
	if n := len(st.Events); n > 0 && e.At.Before(st.Events[n-1].At.Add(time.Millisecond)) {
		e.At = st.Events[n-1].At.Add(time.Millisecond)
	}
	if op != nil {
		e.OperationID, e.Token, e.OperationType = op.id, op.token, op.kind
	}
	st.Events = append(st.Events, e)
}
