package cfn

import (
	"context"
	"fmt"
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
	run := s.startCreate(child, &operation{token: op.token, noRollback: op.noRollback, onFailure: "DO_NOTHING"}, config)
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
	return fmt.Errorf("Embedded stack %s was not successfully %s: %s", run.stack.ID, verb, reason)
}

func (s *Service) updateNested(ctx context.Context, op *operation, r *StackResource) error {
	s.mu.Lock()
	child, ok := s.stacks[r.Physical]
	if !ok || child.Status == "DELETE_COMPLETE" {
		s.mu.Unlock()
		return fmt.Errorf("Stack %s %w", r.Physical, cloud.ErrNotFound)
	}
	config, err := s.nestedConfig(op.stack, r)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	run := s.startUpdate(child, &operation{token: op.token, noRollback: op.noRollback}, config)
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
	run := s.startDelete(child, &operation{token: op.token}, nil)
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
