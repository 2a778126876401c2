package cfn

import "awscdk.dev/operator/demo/localaws/cloud"

// planFor plans a change set. One in the mode REVERT_DRIFT compares the new
// template with what is really there instead of with the last deployment.
func (s *Service) planFor(st *Stack, cs *ChangeSet) ([]planned, error) {
	if cs.Mode != "REVERT_DRIFT" {
		return s.plan(st, cs.config)
	}
	actual := *st
	actual.Resources = st.snapshot().resources
	for logical, r := range actual.Resources {
		s.takeActual(st, r)
		if r.Physical == "" {
			delete(actual.Resources, logical)
		}
	}
	changes, err := s.plan(&actual, cs.config)
	for i := range changes {
		changes[i].drift = "IN_SYNC"
		if r := st.Resources[changes[i].logical]; r != nil && !cloud.Types[r.Type].NoDrift {
			s.check(st, r)
			changes[i].drift = r.Drift.status
		}
	}
	return changes, err
}

// takeActual gives a stack's resource the properties it really has; one that
// is gone loses its physical ID.
func (s *Service) takeActual(st *Stack, r *StackResource) {
	if cloud.Types[r.Type].NoDrift || r.Physical == "" {
		return
	}
	there, ok := s.cloud.Get(st.Place, r.Type, r.Physical)
	if !ok {
		r.Physical = ""
		return
	}
	props := map[string]any{}
	for name := range r.Props {
		if v, ok := there.Props[name]; ok {
			props[name] = v
		}
	}
	r.Props = props
}

// forgetDrifted makes the stack take note of what drifted, so that the update
// that follows puts it right; s.mu is held.
func (s *Service) forgetDrifted(st *Stack, changes []planned) {
	if st.Status == "REVIEW_IN_PROGRESS" {
		return
	}
	for _, r := range st.Resources {
		s.takeActual(st, r)
	}
	for _, ch := range changes {
		if r := st.Resources[ch.logical]; r != nil && r.Physical == "" {
			delete(st.Resources, ch.logical)
		}
	}
}
