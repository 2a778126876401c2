package cfn

import (
	"context"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
)

// rollBack returns a stack whose update failed to its last complete state:
// old values are restored, replaced resources reinstated, new ones deleted.
func (s *Service) rollBack(ctx context.Context, op *operation, skip []string) {
	st := op.stack
	s.mu.Lock()
	before := st.stable
	if before == nil {
		s.mu.Unlock()
		s.undoCreate(ctx, op)
		return
	}
	st.Config = before.config
	order := before.config.Template.order()
	s.mu.Unlock()
	var failed []string
	for _, logical := range order {
		old := before.resources[logical]
		if old == nil || old.Physical == "" {
			continue
		}
		if !s.restore(ctx, op, old, slices.Contains(skip, logical)) {
			failed = append(failed, logical)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(failed) > 0 {
		s.finish(st, op, "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: ["+strings.Join(failed, ", ")+"]. ")
		return
	}
	s.setStatus(st, op, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")
	s.collectNew(st, before)
	s.mu.Unlock()
	s.cleanUp(ctx, op)
	s.mu.Lock()
	st.Outputs, st.Imports, st.stable = before.outputs, before.imports, nil
	s.finish(st, op, "UPDATE_ROLLBACK_COMPLETE", "")
}

// restore brings one resource back to old; false if that failed.
func (s *Service) restore(ctx context.Context, op *operation, old *StackResource, skip bool) bool {
	st := op.stack
	s.mu.Lock()
	current := st.Resources[old.Logical]
	restored := *old
	switch {
	case current == nil, skip:
		st.Resources[old.Logical] = &restored
		if skip {
			s.setResource(st, op, &restored, "UPDATE_COMPLETE", "Resource rollback skipped")
		}
		s.mu.Unlock()
		return true
	case current.Physical != old.Physical:
		st.dropLeftover(old.Physical)
		st.cleanup = append(st.cleanup, leftover{resource: *current})
		st.Resources[old.Logical] = &restored
		s.setResource(st, op, &restored, "UPDATE_COMPLETE", "")
		s.mu.Unlock()
		return true
	case current.Status != "UPDATE_FAILED" && decideChange(current, old) == changeNone:
		st.Resources[old.Logical] = &restored
		s.mu.Unlock()
		return true
	}
	s.setResource(st, op, current, "UPDATE_IN_PROGRESS", "")
	s.mu.Unlock()
	err := s.change(ctx, op, cloud.RollingBack, &restored)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.setResource(st, op, current, "UPDATE_FAILED", s.reason(ctx, op, err, "Resource update cancelled"))
		return false
	}
	st.Resources[old.Logical] = &restored
	s.setResource(st, op, &restored, "UPDATE_COMPLETE", "")
	return true
}

// dropLeftover takes a physical resource off the cleanup list: it is needed again.
func (st *Stack) dropLeftover(physical string) {
	st.cleanup = slices.DeleteFunc(st.cleanup, func(l leftover) bool { return l.resource.Physical == physical })
}

// collectNew moves resources that the failed update had made to the cleanup
// list; s.mu is held.
func (s *Service) collectNew(st *Stack, before *state) {
	var fresh []*StackResource
	for logical, r := range st.Resources {
		if before.resources[logical] == nil {
			fresh = append(fresh, r)
		}
	}
	for _, r := range dependentsFirst(fresh) {
		delete(st.Resources, r.Logical)
		if r.Physical != "" {
			st.cleanup = append(st.cleanup, leftover{resource: *r, retain: r.Definition.DeletionPolicy == "Retain"})
		}
	}
}

// startRollback serves RollbackStack and ContinueUpdateRollback; s.mu is held.
func (s *Service) startRollback(st *Stack, op *operation, skip []string) *operation {
	op.id = cloud.UUID()
	status := "UPDATE_ROLLBACK_IN_PROGRESS"
	if st.stable == nil {
		status = "ROLLBACK_IN_PROGRESS"
	}
	s.setStatus(st, op, status, "User Initiated")
	return s.begin(st, op, func(ctx context.Context, op *operation) { s.rollBack(ctx, op, skip) })
}
