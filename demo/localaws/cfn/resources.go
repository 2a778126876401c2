package cfn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

func joined(names []string) string { return strings.Join(names, ", ") }

// delay is the time a resource asks for itself, by its property Delay: a Go
// duration or seconds. Only the test type has one.
func delay(r *StackResource) time.Duration {
	if r.Type != "Local::Test::Resource" {
		return 0
	}
	text := wire.Text(r.Props["Delay"])
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	d, _ := time.ParseDuration(text + "s")
	return d
}

// createResource makes a resource, or a replacement for previous.
func (s *Service) createResource(ctx context.Context, op *operation, r, previous *StackResource) error {
	st, verb, prefix := op.stack, "create", "CREATE"
	s.mu.Lock()
	if previous != nil {
		verb, prefix = "update", "UPDATE"
		if err := customNamed(previous, r); err != nil {
			defer s.mu.Unlock()
			op.failed[r.Logical] = verb
			s.setResource(st, op, previous, "UPDATE_FAILED", err.Error())
			return err
		}
		s.setResource(st, op, previous, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; hence creating one.")
		r.Physical = previous.Physical
	} else {
		st.Resources[r.Logical] = r
		s.setResource(st, op, r, "CREATE_IN_PROGRESS", "")
	}
	s.mu.Unlock()
	physical, err := s.provide(ctx, op, r, prefix)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		op.failed[r.Logical] = verb
		if physical != "" && previous != nil {
			st.cleanup = append(st.cleanup, leftover{resource: withPhysical(*r, physical)})
		}
		if previous != nil {
			s.setResource(st, op, previous, "UPDATE_FAILED", s.reason(ctx, op, err, "Resource update cancelled"))
			return err
		}
		r.Physical = physical
		s.setResource(st, op, r, "CREATE_FAILED", s.reason(ctx, op, err, "Resource creation cancelled"))
		return err
	}
	if previous != nil {
		st.cleanup = append(st.cleanup, leftover{resource: *previous, retain: retained(previous.Definition.UpdateReplacePolicy, false, false)})
		st.Resources[r.Logical] = r
	}
	r.Physical = physical
	s.setResource(st, op, r, prefix+"_COMPLETE", "")
	op.handled[r.Logical] = true
	return nil
}

func withPhysical(r StackResource, physical string) StackResource {
	r.Physical = physical
	return r
}

// customNamed refuses the replacement of a resource whose name the template
// fixes and does not change.
func customNamed(previous, next *StackResource) error {
	named := cloud.Types[next.Type].Named
	if named == "" || next.Props[named] == nil || !same(previous.Props[named], next.Props[named]) || previous.Type != next.Type {
		return nil
	}
	return awsErrorf("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", wire.Text(next.Props[named]))
}

// reason is what the event says: the failure, or that another resource's
// failure stopped this one.
func (s *Service) reason(ctx context.Context, op *operation, err error, cancelled string) string {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return cancelled
	}
	text := strings.TrimSuffix(message(err), ".")
	return fmt.Sprintf("Resource handler returned message: %q (RequestToken: %s, HandlerErrorCode: %s)", text, op.id, handlerCode(err))
}

func handlerCode(err error) string {
	switch {
	case errors.Is(err, cloud.ErrExists):
		return "AlreadyExists"
	case errors.Is(err, cloud.ErrNotFound):
		return "NotFound"
	}
	return "GeneralServiceException"
}

// provide makes the physical resource. It may return an ID and an error: then
// something was made and must be deleted.
func (s *Service) provide(ctx context.Context, op *operation, r *StackResource, prefix string) (string, error) {
	if r.Type == nestedType {
		return s.createNested(ctx, op, r)
	}
	if !s.pause(ctx, cloud.Types[r.Type].Delay, delay(r)) {
		return "", context.Canceled
	}
	if err := s.fault(r.Type, "Create"); err != nil {
		return "", err
	}
	resource, err := s.cloud.Create(s.spec(op.stack, r))
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	initiated := *r
	initiated.Physical = resource.ID
	s.setResource(op.stack, op, &initiated, prefix+"_IN_PROGRESS", "Resource creation Initiated")
	s.mu.Unlock()
	if r.Type == "AWS::CloudFormation::WaitCondition" {
		return resource.ID, s.awaitSignals(ctx, r)
	}
	return resource.ID, s.awaitRollout(ctx, op.stack.Place, r.Type, resource.ID, "")
}

func (s *Service) fault(typ, operation string) error {
	if s.Fault == nil {
		return nil
	}
	return s.Fault(typ, operation)
}

func (s *Service) spec(st *Stack, r *StackResource) cloud.Spec {
	return cloud.Spec{
		Type: r.Type, Place: st.Place, Stack: st.Name, StackID: st.ID, Logical: r.Logical, Props: r.Props, Tags: r.Tags,
	}
}

// updateResource changes a resource in place.
func (s *Service) updateResource(ctx context.Context, op *operation, next, previous *StackResource) error {
	st := op.stack
	s.mu.Lock()
	next.Physical = previous.Physical
	s.setResource(st, op, previous, "UPDATE_IN_PROGRESS", "")
	s.mu.Unlock()
	err := s.change(ctx, op, cloud.Updating, next)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		op.failed[next.Logical] = "update"
		s.setResource(st, op, previous, "UPDATE_FAILED", s.reason(ctx, op, err, "Resource update cancelled"))
		return err
	}
	st.Resources[next.Logical] = next
	s.setResource(st, op, next, "UPDATE_COMPLETE", "")
	op.handled[next.Logical] = true
	return nil
}

// change makes the physical resource what r says.
func (s *Service) change(ctx context.Context, op *operation, phase cloud.Phase, r *StackResource) error {
	if r.Type == nestedType {
		return s.updateNested(ctx, op, r)
	}
	if !s.pause(ctx, cloud.Types[r.Type].Delay, delay(r)) {
		return context.Canceled
	}
	if err := s.fault(r.Type, map[cloud.Phase]string{cloud.Updating: "Update", cloud.RollingBack: "Rollback"}[phase]); err != nil {
		return err
	}
	known := s.lastRollout(op.stack.Place, r.Type, r.Physical)
	shift, err := s.aliasShift(op, phase, r)
	if err != nil {
		return err
	}
	if _, err = s.cloud.Update(phase, s.spec(op.stack, r), r.Physical); err != nil {
		return err
	}
	if err := shift(); err != nil {
		return err
	}
	return s.awaitRollout(ctx, op.stack.Place, r.Type, r.Physical, known)
}
