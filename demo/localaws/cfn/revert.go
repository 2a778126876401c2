package cfn

import (
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
)

// OddRevert is how change sets in the mode REVERT_DRIFT go wrong with a resource,
// as AWS's are known to do.
type OddRevert struct {
	LogicalID string `json:"logicalId"`
	// How is Phantom: each shows a change of Property that nobody made, and does
	// nothing about it; LeftOut: none shows or undoes its drift; Ineffective: each
	// shows its drift and does not undo it; or "" for none of that.
	// https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2559
	How         string `json:"how"`
	Property    string `json:"property,omitempty"`
	Replacement bool   `json:"replacement,omitempty"` // the phantom change is a replacement
}

// SetOddRevert has reverts of the drift of a resource go wrong from now on, in the
// one stack of that name.
func (s *Service) SetOddRevert(stack string, odd OddRevert) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains([]string{"", "Phantom", "LeftOut", "Ineffective"}, odd.How) || (odd.How == "Phantom") != (odd.Property != "") {
		return fmt.Errorf("how is Phantom, with a property, LeftOut, Ineffective or nothing, not %q", odd.How)
	}
	for _, st := range s.stacks {
		if st.Name == stack && st.Status != "DELETE_COMPLETE" && st.Resources[odd.LogicalID] != nil {
			if st.odd == nil {
				st.odd = map[string]OddRevert{}
			}
			st.odd[odd.LogicalID] = odd
			return nil
		}
	}
	return fmt.Errorf("there is no stack %s with a resource %s", stack, odd.LogicalID)
}

// oddly are the changes of a revert with what goes wrong with them.
func (st *Stack) oddly(changes []planned) []planned {
	changes = slices.DeleteFunc(changes, func(c planned) bool { return st.odd[c.logical].How == "LeftOut" })
	for _, odd := range st.odd {
		if odd.How != "Phantom" || slices.ContainsFunc(changes, func(c planned) bool { return c.logical == odd.LogicalID }) {
			continue
		}
		r := st.Resources[odd.LogicalID]
		change := planned{action: "Modify", logical: r.Logical, physical: r.Physical, typ: r.Type, replacement: "False", props: r.Props}
		change.before, change.after = st.Config.shown(r.Definition, r.Props), st.Config.shown(r.Definition, r.Props)
		det := detail{
			attribute: "Properties", name: odd.Property, path: "/Properties/" + odd.Property, before: r.Props[odd.Property], after: "{{changeSet:KNOWN_AFTER_APPLY}}",
			recreation: "Never", kind: "Modify", source: "DirectModification", evaluation: "Static",
		}
		if odd.Replacement {
			det.recreation, change.replacement, change.policy = "Always", "True", "ReplaceAndDelete"
		}
		change.details = []detail{det}
		change.addScope("Properties")
		changes = append(changes, change)
	}
	slices.SortStableFunc(changes, func(a, b planned) int { return strings.Compare(a.logical, b.logical) })
	return changes
}

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
	changes = st.oddly(changes)
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
		if st.odd[r.Logical].How != "" {
			continue // its drift stays
		}
		s.takeActual(st, r)
	}
	for _, ch := range changes {
		if r := st.Resources[ch.logical]; r != nil && r.Physical == "" {
			delete(st.Resources, ch.logical)
		}
	}
}
