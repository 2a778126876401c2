package cfn

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// ChangeSet is a plan for a stack, waiting to be executed.
type ChangeSet struct {
	ID, Name, Token, Description string
	Status, Reason, Execution    string
	Kind, OnFailure, Mode        string
	Nested, Import               bool
	Created                      time.Time
	ExecuteToken                 string
	Changes                      []planned
	config                       Config
	parent                       string // the change set of the parent stack that this one is part of
}

var changeSetHandlers = map[string]handler{
	"CreateChangeSet":   createChangeSet,
	"DescribeChangeSet": describeChangeSet,
	"ExecuteChangeSet":  executeChangeSet,
	"DeleteChangeSet":   deleteChangeSet,
	"ListChangeSets":    listChangeSets,
}

// maxChangeSets is AWS's bound for one stack; a failed one counts until it is
// deleted, or another is executed.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxChangeSets = 1000

const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

func createChangeSet(s *Service, c *wire.Call) (any, error) {
	name, kind := c.Params.String("ChangeSetName"), c.Params.String("ChangeSetType")
	if kind == "" {
		kind = "UPDATE"
	}
	if !nameShape.MatchString(name) {
		return nil, wire.Invalid("1 validation error detected: Value '%s' at 'changeSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/]*", name)
	}
	st, err := s.changeSetTarget(c, kind, name)
	if err != nil {
		return nil, err
	}
	if st != nil {
		if existing, ok := st.changeSet(name); ok {
			if existing.Token != "" && existing.Token == c.Params.String("ClientToken") {
				return map[string]any{"Id": existing.ID, "StackId": st.ID}, nil
			}
			return nil, wire.Errorf("AlreadyExistsException", "ChangeSet %s already exists", name)
		}
		if len(st.ChangeSets) >= maxChangeSets {
			return nil, wire.Errorf("LimitExceededException", "ChangeSet limit exceeded for stack %s", st.ID)
		}
	}
	r, err := s.readRequest(c, st)
	if err != nil {
		return nil, err
	}
	config, err := s.prepare(r)
	if err != nil {
		return nil, err
	}
	if st == nil {
		st = s.newStack(r.place, r.name)
		s.setStatus(st, nil, "REVIEW_IN_PROGRESS", "User Initiated")
	}
	cs := s.newChangeSet(c, st, name, kind)
	cs.config = config
	s.background(func(ctx context.Context) { s.computeChangeSet(ctx, st, cs) })
	return map[string]any{"Id": cs.ID, "StackId": st.ID}, nil
}

func (s *Service) newChangeSet(c *wire.Call, st *Stack, name, kind string) *ChangeSet {
	cs := &ChangeSet{
		ID:   cloud.ARN("cloudformation", st.Place, "changeSet/%s/%s", name, cloud.UUID()),
		Name: name, Token: c.Params.String("ClientToken"), Description: c.Params.String("Description"),
		Status: "CREATE_PENDING", Execution: "UNAVAILABLE", Kind: kind, Created: s.cloud.Now(),
		OnFailure: c.Params.String("OnStackFailure"), Mode: c.Params.String("DeploymentMode"),
		Nested: c.Params.Bool("IncludeNestedStacks"), Import: c.Params.Bool("ImportExistingResources"),
	}
	st.ChangeSets[cs.ID] = cs
	return cs
}

// changeSetTarget finds the stack that a change set is for, nil if it is to be
// created, and refuses stacks whose state does not allow it.
func (s *Service) changeSetTarget(c *wire.Call, kind, name string) (*Stack, error) {
	ref := c.Params.String("StackName")
	st, ok := s.find(place(c), ref)
	switch kind {
	case "CREATE":
		if ok && st.Status != "REVIEW_IN_PROGRESS" {
			return nil, wire.Invalid("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.Name, name)
		}
		if !ok && !nameShape.MatchString(ref) {
			return nil, badStackName(ref)
		}
		return st, nil
	case "UPDATE":
		if !ok || st.Status == "DELETE_COMPLETE" {
			return nil, wire.Invalid("Stack [%s] does not exist", ref)
		}
		return st, updatable(st)
	}
	return nil, wire.NotImplemented("cloudformation", "CreateChangeSet with ChangeSetType "+kind)
}

// updatable refuses the update of a stack in the wrong state.
func updatable(st *Stack) error {
	switch st.Status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED", "IMPORT_COMPLETE":
		return nil
	}
	return wire.Invalid("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
}

// computeChangeSet finds the changes, some time after the request as AWS does.
func (s *Service) computeChangeSet(ctx context.Context, st *Stack, cs *ChangeSet) {
	if !s.pause(ctx, 80*time.Millisecond, 0) {
		return
	}
	s.mu.Lock()
	cs.Status = "CREATE_IN_PROGRESS"
	s.mu.Unlock()
	if !s.pause(ctx, 150*time.Millisecond, 0) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.ChangeSets[cs.ID] == nil {
		return
	}
	changes, err := s.planFor(st, cs)
	if err == nil && cs.Nested {
		err = s.planNested(st, cs, changes)
	}
	verdict := s.judgedBy(st, "", "", cs.ID, "CHANGE_SET")
	switch {
	case err != nil:
		cs.Status, cs.Reason = "FAILED", message(err)
	case verdict != nil && verdict.Mode == "FAIL":
		cs.Status, cs.Reason = "FAILED", "The following hook(s)/validation failed: ["+verdict.Type+"]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information."
	case len(changes) == 0 && !s.otherwiseChanged(st, cs.config) && cs.Kind == "UPDATE":
		cs.Status, cs.Reason = "FAILED", noChanges
	default:
		cs.Status, cs.Execution, cs.Changes = "CREATE_COMPLETE", "AVAILABLE", changes
	}
}

// otherwiseChanged says whether something beside resources differs: outputs,
// tags, notification topics, rollback triggers, or a failed state that an update
// would repair.
func (s *Service) otherwiseChanged(st *Stack, config Config) bool {
	if st.Template == nil || strings.HasSuffix(st.Status, "_FAILED") {
		return true
	}
	p := &planner{service: s, stack: st, config: config, next: map[string]map[string]any{}, fresh: map[string]bool{}}
	outputs, err := p.outputs()
	if err != nil {
		return true
	}
	slices.SortFunc(outputs, func(a, b Output) int { return strings.Compare(a.Key, b.Key) })
	return !slices.Equal(outputs, st.Outputs) || !maps.Equal(config.Tags, st.Tags) ||
		!slices.Equal(config.NotifyARNs, st.NotifyARNs) || !reflect.DeepEqual(config.Rollback, st.Rollback)
}

// changeSet finds a change set of the stack by name or ARN.
func (st *Stack) changeSet(ref string) (*ChangeSet, bool) {
	if cs, ok := st.ChangeSets[ref]; ok {
		return cs, true
	}
	for _, cs := range st.ChangeSets {
		if cs.Name == ref {
			return cs, true
		}
	}
	return nil, false
}

func (s *Service) locateChangeSet(c *wire.Call) (*Stack, *ChangeSet, error) {
	name, ref := c.Params.String("ChangeSetName"), c.Params.String("StackName")
	if ref != "" {
		st, ok := s.find(place(c), ref)
		if !ok {
			return nil, nil, wire.NotFound("ChangeSetNotFound", "Stack [%s] does not exist", ref)
		}
		if cs, ok := st.changeSet(name); ok {
			return st, cs, nil
		}
		return st, nil, wire.NotFound("ChangeSetNotFound", "ChangeSet [%s] does not exist", name)
	}
	for _, st := range s.inPlace(place(c)) {
		if cs, ok := st.ChangeSets[name]; ok {
			return st, cs, nil
		}
	}
	return nil, nil, wire.NotFound("ChangeSetNotFound", "ChangeSet [%s] does not exist", name)
}

func executeChangeSet(s *Service, c *wire.Call) (any, error) {
	st, cs, err := s.locateChangeSet(c)
	if err != nil {
		return nil, err
	}
	token := c.Params.String("ClientRequestToken")
	if cs.parent != "" {
		return nil, wire.Errorf("InvalidChangeSetStatus", "ChangeSet [%s] cannot be executed: execute the root change set instead", cs.ID)
	}
	if cs.Execution != "AVAILABLE" {
		if token != "" && cs.ExecuteToken == token {
			return map[string]any{}, nil
		}
		return nil, wire.Errorf("InvalidChangeSetStatus", "ChangeSet [%s] cannot be executed in its current execution status of [%s]", cs.ID, cs.Execution)
	}
	if st.Status != "REVIEW_IN_PROGRESS" {
		if err := updatable(st); err != nil {
			return nil, err
		}
	}
	noRollback := c.Params.Bool("DisableRollback") || cs.OnFailure == "DO_NOTHING"
	if err := paused(st, noRollback); err != nil {
		return nil, err
	}
	cs.Execution, cs.ExecuteToken, st.ChangeSetID = "EXECUTE_IN_PROGRESS", token, cs.ID
	for _, other := range st.ChangeSets {
		s.dropNested(other.ID)
	}
	maps.DeleteFunc(st.ChangeSets, func(id string, _ *ChangeSet) bool { return id != cs.ID })
	op := &operation{
		token: token, noRollback: noRollback, onFailure: cs.OnFailure, changeSet: cs,
		retainNew: c.Params.Bool("RetainExceptOnCreate"),
	}
	if cs.Mode == "REVERT_DRIFT" {
		s.forgetDrifted(st, cs.Changes)
	}
	if st.Status == "REVIEW_IN_PROGRESS" {
		s.startCreate(st, op, cs.config)
	} else {
		s.startUpdate(st, op, cs.config)
	}
	return map[string]any{}, nil
}

func deleteChangeSet(s *Service, c *wire.Call) (any, error) {
	st, cs, err := s.locateChangeSet(c)
	if st == nil {
		return nil, err
	}
	if cs == nil {
		return map[string]any{}, nil
	}
	if cs.Status == "CREATE_PENDING" || cs.Status == "CREATE_IN_PROGRESS" {
		return nil, wire.Errorf("InvalidChangeSetStatus", "ChangeSet [%s] cannot be deleted in its current status of [%s]", cs.ID, cs.Status)
	}
	if cs.Execution == "EXECUTE_IN_PROGRESS" {
		return nil, wire.Errorf("InvalidChangeSetStatus", "ChangeSet [%s] cannot be deleted in its current execution status of [%s]", cs.ID, cs.Execution)
	}
	delete(st.ChangeSets, cs.ID)
	s.dropNested(cs.ID)
	return map[string]any{}, nil
}

func listChangeSets(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, id := range slices.Sorted(maps.Keys(st.ChangeSets)) {
		cs := st.ChangeSets[id]
		list = append(list, map[string]any{
			"ChangeSetId": cs.ID, "ChangeSetName": cs.Name, "StackId": st.ID, "StackName": st.Name,
			"Status": cs.Status, "StatusReason": orNil(cs.Reason), "ExecutionStatus": cs.Execution, "CreationTime": cs.Created,
			"Description": orNil(cs.Description), "IncludeNestedStacks": cs.Nested,
		})
	}
	return map[string]any{"Summaries": list}, nil
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
