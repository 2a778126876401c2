package cfn

import (
	"maps"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// Config is what a stack was asked to be: the template and all that goes with it.
type Config struct {
	Template     *Template
	Params       map[string]string
	Resolved     map[string]any
	Conditions   map[string]bool
	Tags         map[string]string
	Capabilities []string
	NotifyARNs   []string
	Rollback     map[string]any // its rollback triggers
	RoleARN      string
}

// Output is one output of a stack.
type Output struct{ Key, Value, Description, Export string }

// StackResource is a resource as its stack remembers it.
type StackResource struct {
	Logical    string
	Physical   string
	Type       string
	Status     string
	Reason     string
	Props      map[string]any
	Tags       map[string]string
	Definition *Definition
	Deps       []string
	Changed    time.Time
	Drift      *resourceDrift
}

// state is what a rollback returns to.
type state struct {
	config    Config
	resources map[string]*StackResource
	outputs   []Output
	imports   map[string]bool
}

// leftover is a physical resource to delete in the cleanup phase.
type leftover struct {
	resource StackResource
	retain   bool
}

// Stack is a stack, from its first change set until after its deletion.
type Stack struct {
	ID, Name string
	Place    cloud.Place
	Status   string
	Reason   string
	Config
	Resources       map[string]*StackResource
	Outputs         []Output
	Imports         map[string]bool
	Events          []Event // oldest first
	Created         time.Time
	Updated         time.Time
	Deleted         time.Time
	Protected       bool
	DisableRollback bool
	ChangeSets      map[string]*ChangeSet // by ARN
	ChangeSetID     string
	Policy          string
	Parent, Root    string
	DriftStatus     string
	DriftChecked    time.Time
	LastOperations  []lastOperation

	stable  *state // where a failed operation rolls back to; nil if the stack never was complete
	cleanup []leftover
	current *operation
	odd     map[string]OddRevert // by logical ID
}

type lastOperation struct{ kind, id string }

// inProgress says whether an operation is running.
func (st *Stack) inProgress() bool {
	return strings.HasSuffix(st.Status, "_IN_PROGRESS") && st.Status != "REVIEW_IN_PROGRESS"
}

func (st *Stack) snapshot() *state {
	resources := map[string]*StackResource{}
	for k, r := range st.Resources {
		c := *r
		resources[k] = &c
	}
	return &state{config: st.Config, resources: resources, outputs: slices.Clone(st.Outputs), imports: maps.Clone(st.Imports)}
}

// find returns the stack with the given name or ARN. A deleted stack is found
// by its ARN only.
func (s *Service) find(place cloud.Place, ref string) (*Stack, bool) {
	if strings.HasPrefix(ref, "arn:") {
		st, ok := s.stacks[ref]
		if !ok || st.Place != place {
			return nil, false
		}
		return st, true
	}
	for _, st := range s.stacks {
		if st.Name == ref && st.Place == place && st.Status != "DELETE_COMPLETE" {
			return st, true
		}
	}
	return nil, false
}

// mustFind is find, with the error that DescribeStacks gives.
func (s *Service) mustFind(place cloud.Place, ref string) (*Stack, error) {
	if ref == "" {
		return nil, wire.Invalid("1 validation error detected: Value null at 'stackName' failed to satisfy constraint: Member must not be null")
	}
	st, ok := s.find(place, ref)
	if !ok {
		return nil, wire.Invalid("Stack with id %s does not exist", ref)
	}
	return st, nil
}

// inPlace lists the stacks of an account and region, newest first.
func (s *Service) inPlace(place cloud.Place) []*Stack {
	var out []*Stack
	for _, st := range s.stacks {
		if st.Place == place {
			out = append(out, st)
		}
	}
	slices.SortFunc(out, func(a, b *Stack) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

func (s *Service) newStack(place cloud.Place, name string) *Stack {
	st := &Stack{
		Name: name, Place: place, Resources: map[string]*StackResource{}, ChangeSets: map[string]*ChangeSet{},
		ID:      cloud.ARN("cloudformation", place, "stack/%s/%s", name, cloud.UUID()),
		Created: s.cloud.Now(), DriftStatus: "NOT_CHECKED", Imports: map[string]bool{},
	}
	s.stacks[st.ID] = st
	return st
}

// exporter finds who exports name in a place.
func (s *Service) exporter(place cloud.Place, name string) (*Stack, Output, bool) {
	for _, st := range s.stacks {
		if st.Place != place || st.Status == "DELETE_COMPLETE" {
			continue
		}
		for _, o := range st.Outputs {
			if o.Export == name && name != "" {
				return st, o, true
			}
		}
	}
	return nil, Output{}, false
}

// importers lists the stacks that import name.
func (s *Service) importers(place cloud.Place, name string) []string {
	var out []string
	for _, st := range s.stacks {
		if st.Place == place && st.Status != "DELETE_COMPLETE" && st.Imports[name] {
			out = append(out, st.Name)
		}
	}
	slices.Sort(out)
	return out
}
