package cfn

import "maps"

// StackSummary is a stack as the state dump shows it.
type StackSummary struct {
	ID, Name, Status, Reason string
	Account, Region          string
	Resources                map[string]string // logical ID → status
	Events                   int
}

// Stacks lists all stacks of all accounts and regions, deleted ones too.
func (s *Service) Stacks() []StackSummary {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []StackSummary{}
	for _, id := range sortedNames(maps.Clone(s.stacks)) {
		st := s.stacks[id]
		sum := StackSummary{
			ID: st.ID, Name: st.Name, Status: st.Status, Reason: st.Reason, Account: st.Place.Account,
			Region: st.Place.Region, Resources: map[string]string{}, Events: len(st.Events),
		}
		for logical, r := range st.Resources {
			sum.Resources[logical] = r.Status
		}
		out = append(out, sum)
	}
	return out
}
