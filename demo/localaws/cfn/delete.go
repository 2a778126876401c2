package cfn

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"awscdk.dev/operator/demo/localaws/cloud"
)

// startDelete deletes a stack; s.mu is held. A creation in progress is stopped first.
func (s *Service) startDelete(st *Stack, op *operation, keep []string) *operation {
	op.kind, op.id = "DELETE_STACK", cloud.UUID()
	before := st.current
	if before != nil && st.inProgress() {
		before.abandoned = true
		before.cancel()
	}
	s.setStatus(st, op, "DELETE_IN_PROGRESS", "User Initiated")
	return s.begin(st, op, func(ctx context.Context, op *operation) {
		if before != nil {
			<-before.done
		}
		s.runDelete(ctx, op, keep)
	})
}

func (s *Service) runDelete(ctx context.Context, op *operation, keep []string) {
	st := op.stack
	s.mu.Lock()
	for _, o := range st.Outputs {
		if users := s.importers(st.Place, o.Export); o.Export != "" && len(users) > 0 {
			s.finish(st, op, "DELETE_FAILED", "Delete canceled. Cannot delete export "+o.Export+" as it is in use by "+joined(users)+".")
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	failed := s.deleteResources(ctx, op, func(r *StackResource) bool {
		return slices.Contains(keep, r.Logical) || retained(r.Definition.DeletionPolicy, false, false) ||
			r.Definition.DeletionPolicy == "RetainExceptOnCreate"
	}, cloud.Deleting)
	s.cleanUp(ctx, op)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	if len(failed) > 0 {
		s.finish(st, op, "DELETE_FAILED", "The following resource(s) failed to delete: ["+joined(failed)+"]. ")
		return
	}
	st.Deleted, st.Outputs, st.Imports = s.cloud.Now(), nil, nil
	s.finish(st, op, "DELETE_COMPLETE", "")
}

// deleteResources deletes what the stack has, each resource after those that
// depend on it, and returns the logical IDs of those it could not delete.
func (s *Service) deleteResources(ctx context.Context, op *operation, keep func(*StackResource) bool, phase cloud.Phase) []string {
	s.mu.Lock()
	resources := maps.Clone(op.stack.Resources)
	s.mu.Unlock()
	done := map[string]chan struct{}{}
	for logical := range resources {
		done[logical] = make(chan struct{})
	}
	var failed sync.Map
	var wg sync.WaitGroup
	for logical, r := range resources {
		wg.Go(func() {
			defer close(done[logical])
			for other, o := range resources {
				if other != logical && slices.Contains(o.Deps, logical) {
					<-done[other]
					if _, bad := failed.Load(other); bad {
						failed.Store(logical, false)
						return
					}
				}
			}
			if !s.deleteResource(ctx, op, r, keep(r), phase) {
				failed.Store(logical, true)
			}
		})
	}
	wg.Wait()
	var out []string
	failed.Range(func(k, own any) bool {
		if own.(bool) {
			out = append(out, k.(string))
		}
		return true
	})
	slices.Sort(out)
	return out
}

// deleteResource deletes one resource and forgets it; false if it could not.
func (s *Service) deleteResource(ctx context.Context, op *operation, r *StackResource, keep bool, phase cloud.Phase) bool {
	st := op.stack
	s.mu.Lock()
	if r.Physical == "" {
		delete(st.Resources, r.Logical)
		s.mu.Unlock()
		return true
	}
	if keep {
		s.setResource(st, op, r, "DELETE_SKIPPED", "")
		delete(st.Resources, r.Logical)
		s.mu.Unlock()
		return true
	}
	s.setResource(st, op, r, "DELETE_IN_PROGRESS", "")
	s.mu.Unlock()
	err := s.destroy(ctx, op, r, phase)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.setResource(st, op, r, "DELETE_FAILED", s.reason(ctx, op, err, "Resource deletion cancelled"))
		return false
	}
	s.setResource(st, op, r, "DELETE_COMPLETE", "")
	if st.Resources[r.Logical] == r {
		delete(st.Resources, r.Logical)
	}
	return true
}

// destroy removes the physical resource.
func (s *Service) destroy(ctx context.Context, op *operation, r *StackResource, phase cloud.Phase) error {
	if r.Type == nestedType {
		return s.deleteNested(ctx, op, r)
	}
	if !s.pause(ctx, cloud.Types[r.Type].Delay/2, delay(r)) {
		return context.Canceled
	}
	if err := s.fault(r.Type, "Delete"); err != nil {
		s.noteCall(op, r, r.Physical, deleted, err)
		return err
	}
	err := s.cloud.Delete(phase, op.stack.Place, r.Type, r.Physical)
	s.noteCall(op, r, r.Physical, deleted, err)
	return customFailure(r.Type, err)
}

// collectRemoved moves resources that the template no longer has to the
// cleanup list, dependents first; s.mu is held.
func (s *Service) collectRemoved(st *Stack) {
	var gone []*StackResource
	for _, logical := range slices.Sorted(maps.Keys(st.Resources)) {
		if st.Template.Resources[logical] == nil || !s.isActive(st.Config, logical) {
			gone = append(gone, st.Resources[logical])
		}
	}
	for _, r := range dependentsFirst(gone) {
		delete(st.Resources, r.Logical)
		if r.Physical == "" {
			continue
		}
		policy := r.Definition.DeletionPolicy
		st.cleanup = append(st.cleanup, leftover{resource: *r, retain: policy == "Retain" || policy == "RetainExceptOnCreate"})
	}
}

// dependentsFirst orders resources for deletion.
func dependentsFirst(list []*StackResource) []*StackResource {
	var out []*StackResource
	var visit func(r *StackResource)
	visit = func(r *StackResource) {
		if slices.Contains(out, r) {
			return
		}
		for _, other := range list {
			if other != r && slices.Contains(other.Deps, r.Logical) {
				visit(other)
			}
		}
		out = append(out, r)
	}
	for _, r := range list {
		visit(r)
	}
	return out
}

// cleanUp deletes what an operation left behind. What can't be deleted is
// reported as an event and left, as CloudFormation does.
func (s *Service) cleanUp(ctx context.Context, op *operation) {
	s.mu.Lock()
	list := op.stack.cleanup
	op.stack.cleanup = nil
	s.mu.Unlock()
	for i := range list {
		r := &list[i].resource
		if !strings.HasPrefix(r.Status, "DELETE_COMPLETE") {
			s.deleteResource(ctx, op, r, list[i].retain, cloud.Deleting)
		}
	}
}
