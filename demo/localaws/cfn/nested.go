package cfn

import (
	"context"
	"maps"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const nestedType = "AWS::CloudFormation::Stack"

// nestedConfig reads what the properties of a nested stack ask for; s.mu is held.
func (s *Service) nestedConfig(parent *Stack, r *StackResource) (Config, error) {
	body, err := s.fetchTemplate(wire.Text(r.Props["TemplateURL"]))
	if err != nil {
		return Config{}, err
	}
	var given []wire.Params
	parameters, _ := r.Props["Parameters"].(map[string]any)
	for _, k := range slices.Sorted(maps.Keys(parameters)) {
		value := wire.Text(parameters[k])
		if list, ok := parameters[k].([]any); ok {
			value = joinList(list)
		}
		given = append(given, wire.Params{"ParameterKey": k, "ParameterValue": value})
	}
	return s.prepare(request{
		place: parent.Place, body: body, parameters: given, tags: parent.Tags, capabilities: parent.Capabilities,
		role: parent.RoleARN, name: r.Logical,
	})
}

func joinList(list []any) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = wire.Text(v)
	}
	return strings.Join(parts, ",")
}

func (s *Service) createNested(ctx context.Context, op *operation, r *StackResource) (string, error) {
	s.mu.Lock()
	config, err := s.nestedConfig(op.stack, r)
	if err != nil {
		s.mu.Unlock()
		return "", err
	}
	child := s.newStack(op.stack.Place, nestedName(op.stack.Name, r.Logical))
	child.Parent, child.Root = op.stack.ID, op.stack.ID
	if op.stack.Root != "" {
		child.Root = op.stack.Root
	}
	run := s.startCreate(child, &operation{token: op.token, caller: op.caller, noRollback: op.noRollback, onFailure: "DO_NOTHING"}, config)
	initiated := *r
	initiated.Physical = child.ID
	s.setResource(op.stack, op, &initiated, "CREATE_IN_PROGRESS", "Resource creation Initiated")
	s.mu.Unlock()
	return child.ID, s.follow(ctx, run, "CREATE_COMPLETE", "created")
}

func nestedName(parent, logical string) string {
	return parent[:min(len(parent), 60)] + "-" + logical[:min(len(logical), 50)] + "-" + cloud.Random(12)
}

// follow waits for a child's operation; a cancelled parent cancels it.
func (s *Service) follow(ctx context.Context, run *operation, want, verb string) error {
	select {
	case <-run.done:
	case <-ctx.Done():
		s.mu.Lock()
		run.userCancelled = true
		run.cancel()
		s.mu.Unlock()
		<-run.done
		return context.Canceled
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if run.stack.Status == want {
		return nil
	}
	reason := run.stack.Reason
	if len(run.failed) > 0 {
		reason = failureReason(run.failed)
	}
	return awsErrorf("Embedded stack %s was not successfully %s: %s", run.stack.ID, verb, reason)
}

func (s *Service) updateNested(ctx context.Context, op *operation, r *StackResource) error {
	s.mu.Lock()
	child, ok := s.stacks[r.Physical]
	if !ok || child.Status == "DELETE_COMPLETE" {
		s.mu.Unlock()
		return awsErrorf("Stack %s %w", r.Physical, cloud.ErrNotFound)
	}
	config, err := s.nestedConfig(op.stack, r)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	run := s.startUpdate(child, &operation{token: op.token, caller: op.caller, noRollback: op.noRollback}, config)
	s.mu.Unlock()
	return s.follow(ctx, run, "UPDATE_COMPLETE", "updated")
}

func (s *Service) deleteNested(ctx context.Context, op *operation, r *StackResource) error {
	s.mu.Lock()
	child, ok := s.stacks[r.Physical]
	if !ok || child.Status == "DELETE_COMPLETE" {
		s.mu.Unlock()
		return nil
	}
	run := s.startDelete(child, &operation{token: op.token, caller: op.caller}, nil)
	s.mu.Unlock()
	return s.follow(ctx, run, "DELETE_COMPLETE", "deleted")
}

// nestedOutput answers Fn::GetAtt Outputs.X of a nested stack; s.mu is held.
func (s *Service) nestedOutput(physical, name string) (any, error) {
	key, ok := strings.CutPrefix(name, "Outputs.")
	child := s.stacks[physical]
	if ok && child != nil {
		for _, o := range child.Outputs {
			if o.Key == key {
				return o.Value, nil
			}
		}
	}
	return nil, wire.Invalid("Template error: nested stack %s has no attribute %s", physical, name)
}

// planNested makes change sets for the nested stacks that a change set
// changes, as IncludeNestedStacks asks. Stacks that are yet to be created have
// none; s.mu is held.
func (s *Service) planNested(st *Stack, cs *ChangeSet, changes []planned) error {
	for i := range changes {
		ch := &changes[i]
		child := s.stacks[ch.physical]
		if ch.typ != nestedType || ch.action != "Modify" || child == nil {
			continue
		}
		config, err := s.nestedConfig(st, &StackResource{Logical: ch.logical, Props: ch.props})
		if err != nil {
			return err
		}
		inner, err := s.plan(child, config)
		if err != nil {
			return err
		}
		name := cs.Name[:min(len(cs.Name), 60)] + "-" + ch.logical[:min(len(ch.logical), 50)] + "-" + cloud.Random(12)
		sub := &ChangeSet{
			ID: cloud.ARN("cloudformation", st.Place, "changeSet/%s/%s", name, cloud.UUID()), Name: name, Kind: "UPDATE",
			Status: "CREATE_COMPLETE", Execution: "AVAILABLE", Created: s.cloud.Now(), Nested: true, Changes: inner,
			config: config, parent: cs.ID,
		}
		child.ChangeSets[sub.ID] = sub
		ch.changeSet = sub.ID
		if err := s.planNested(child, sub, inner); err != nil {
			return err
		}
	}
	return nil
}

// dropNested forgets the change sets that are part of the given one; s.mu is held.
func (s *Service) dropNested(parent string) {
	for _, st := range s.stacks {
		for id, cs := range st.ChangeSets {
			if cs.parent == parent {
				delete(st.ChangeSets, id)
				s.dropNested(id)
			}
		}
	}
}

// rootChangeSet is the change set that cs is a part of, "" if of none.
func (s *Service) rootChangeSet(cs *ChangeSet) string {
	root := cs.parent
	for range 10 {
		for _, st := range s.stacks {
			if up, ok := st.ChangeSets[root]; ok && up.parent != "" {
				root = up.parent
			}
		}
	}
	return root
}
