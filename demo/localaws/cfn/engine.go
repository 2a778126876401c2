package cfn

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"awscdk.dev/operator/demo/localaws/cloud"
)

// operation is one running operation on a stack.
type operation struct {
	id, kind, token string
	caller          string // the access key of who began it
	stack           *Stack
	noRollback      bool
	onFailure       string // of CREATE: "DELETE", "DO_NOTHING", "" to roll back
	retainNew       bool   // RetainExceptOnCreate
	userCancelled   bool
	settled         bool   // nothing rolls it back any more
	alarm           string // why its rollback triggers roll it back, "" while they do not
	abandoned       bool   // a deletion took over
	changeSet       *ChangeSet
	cancel          context.CancelFunc
	done            chan struct{}
	failed          map[string]string // logical ID → "create" or "update"
	handled         map[string]bool   // resources that reached their new state
	imports         map[string]bool
}

// begin registers an operation and runs it in the background; s.mu is held.
func (s *Service) begin(st *Stack, op *operation, run func(ctx context.Context, op *operation)) *operation {
	op.stack, op.done = st, make(chan struct{})
	if op.caller == "" {
		op.caller = s.caller
	}
	op.failed, op.handled, op.imports = map[string]string{}, map[string]bool{}, map[string]bool{}
	st.current = op
	st.LastOperations = append(st.LastOperations, lastOperation{op.kind, op.id})
	var ctx context.Context
	ctx, op.cancel = context.WithCancel(s.ctx)
	if op.kind == "CREATE_STACK" || op.kind == "UPDATE_STACK" {
		s.watchAlarms(ctx, op)
	}
	s.running.Go(func() {
		defer close(op.done)
		defer op.cancel()
		run(ctx, op)
	})
	return op
}

// create brings a new stack up; s.mu is held and the status already set.
func (s *Service) startCreate(st *Stack, op *operation, config Config) *operation {
	op.kind, op.id = "CREATE_STACK", cloud.UUID()
	st.Config, st.DisableRollback = config, op.noRollback
	s.setStatus(st, op, "CREATE_IN_PROGRESS", "User Initiated")
	return s.begin(st, op, s.runCreate)
}

func (s *Service) runCreate(ctx context.Context, op *operation) {
	err := s.converge(ctx, op)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := op.stack
	if err == nil {
		s.complete(st, op, "CREATE_COMPLETE")
		return
	}
	if op.abandoned || ctx.Err() != nil && !op.userCancelled && op.alarm == "" {
		return
	}
	if op.alarm != "" {
		err = errors.New(op.alarm)
	}
	switch {
	case op.noRollback || op.onFailure == "DO_NOTHING":
		s.finish(st, op, "CREATE_FAILED", err.Error())
	case op.onFailure == "DELETE":
		s.setStatus(st, op, "DELETE_IN_PROGRESS", err.Error()+"Delete requested by user.")
		s.mu.Unlock()
		s.runDelete(s.ctx, op, nil)
		s.mu.Lock()
	default:
		s.setStatus(st, op, "ROLLBACK_IN_PROGRESS", err.Error()+"Rollback requested by user.")
		s.mu.Unlock()
		s.undoCreate(s.ctx, op)
		s.mu.Lock()
	}
}

// undoCreate deletes all that a failed creation made.
func (s *Service) undoCreate(ctx context.Context, op *operation) {
	failed := s.deleteResources(ctx, op, func(r *StackResource) bool {
		return retained(r.Definition.DeletionPolicy, true, op.retainNew)
	}, cloud.Undoing)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(failed) > 0 {
		s.finish(op.stack, op, "ROLLBACK_FAILED", "The following resource(s) failed to delete: ["+strings.Join(failed, ", ")+"]. ")
		return
	}
	s.finish(op.stack, op, "ROLLBACK_COMPLETE", "")
}

// retained says whether a policy keeps a resource. created is true for one
// that the failing operation itself had made.
func retained(policy string, created, exceptOnCreate bool) bool {
	switch policy {
	case "Retain":
		return !created || !exceptOnCreate
	case "RetainExceptOnCreate":
		return !created
	}
	return false
}

// startUpdate changes a stack; s.mu is held.
func (s *Service) startUpdate(st *Stack, op *operation, config Config) *operation {
	op.kind, op.id = "UPDATE_STACK", cloud.UUID()
	if strings.HasSuffix(st.Status, "_COMPLETE") {
		st.stable = st.snapshot()
	}
	st.Config, st.DisableRollback, st.Updated = config, op.noRollback, s.cloud.Now()
	s.setStatus(st, op, "UPDATE_IN_PROGRESS", "User Initiated")
	return s.begin(st, op, s.runUpdate)
}

func (s *Service) runUpdate(ctx context.Context, op *operation) {
	err := s.converge(ctx, op)
	st := op.stack
	s.mu.Lock()
	if err == nil {
		s.setStatus(st, op, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")
		s.collectRemoved(st)
		s.mu.Unlock()
		s.cleanUp(ctx, op)
		s.mu.Lock()
		s.complete(st, op, "UPDATE_COMPLETE")
		s.mu.Unlock()
		return
	}
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	if op.noRollback && !op.userCancelled {
		s.finish(st, op, "UPDATE_FAILED", cmp.Or(op.alarm, err.Error()))
		s.mu.Unlock()
		return
	}
	reason := cmp.Or(op.alarm, err.Error())
	if op.userCancelled {
		reason = "User Initiated"
	}
	s.setStatus(st, op, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
	s.mu.Unlock()
	s.rollBack(s.ctx, op, nil)
}

// complete ends an operation that succeeded; s.mu is held.
func (s *Service) complete(st *Stack, op *operation, status string) {
	st.Imports, st.stable, st.cleanup = op.imports, nil, nil
	s.finish(st, op, status, "")
}

// finish ends an operation; s.mu is held.
func (s *Service) finish(st *Stack, op *operation, status, reason string) {
	if op.changeSet != nil {
		op.changeSet.Execution = "EXECUTE_FAILED"
		if status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE" {
			op.changeSet.Execution = "EXECUTE_COMPLETE"
		}
	}
	s.setStatus(st, op, status, reason)
	s.signalled.Broadcast()
}

// converge makes every resource of the stack's template what it should be,
// each as soon as those it depends on are ready, and then computes the outputs.
func (s *Service) converge(ctx context.Context, op *operation) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	t := op.stack.Template
	ready, active := map[string]chan struct{}{}, []string{}
	for _, logical := range t.order() {
		if s.isActive(op.stack.Config, logical) {
			ready[logical] = make(chan struct{})
			active = append(active, logical)
		}
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, logical := range active {
		wg.Go(func() {
			defer close(ready[logical])
			if !s.await(ctx, op, t.dependencies(logical), ready) {
				return
			}
			if err := s.apply(ctx, op, logical); err != nil && !op.noRollback {
				cancel()
			}
		})
	}
	wg.Wait()
	outputs, err := s.conclude(ctx, op)
	if err != nil {
		return err
	}
	return s.settle(ctx, op, outputs)
}

func (s *Service) isActive(c Config, logical string) bool {
	condition := c.Template.Resources[logical].Condition
	return condition == "" || c.Conditions[condition]
}

// await waits for the dependencies; false if one of them failed or ctx ended.
func (s *Service) await(ctx context.Context, op *operation, deps []string, ready map[string]chan struct{}) bool {
	for _, d := range deps {
		if ready[d] == nil {
			continue
		}
		select {
		case <-ready[d]:
		case <-ctx.Done():
			return false
		}
		s.mu.Lock()
		ok := op.handled[d]
		s.mu.Unlock()
		if !ok {
			return false
		}
	}
	return ctx.Err() == nil
}

// conclude reports what failed, or computes the outputs if nothing did.
func (s *Service) conclude(ctx context.Context, op *operation) ([]Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(op.failed) > 0 {
		return nil, errors.New(failureReason(op.failed))
	}
	if op.userCancelled || op.abandoned || ctx.Err() != nil {
		return nil, awsErrorf("Resource operation cancelled. ")
	}
	return s.outputs(op)
}

func failureReason(failed map[string]string) string {
	var out strings.Builder
	for _, verb := range []string{"create", "update", "delete"} {
		var names []string
		for _, logical := range slices.Sorted(maps.Keys(failed)) {
			if failed[logical] == verb {
				names = append(names, logical)
			}
		}
		if len(names) > 0 {
			out.WriteString("The following resource(s) failed to " + verb + ": [" + strings.Join(names, ", ") + "]. ")
		}
	}
	return out.String()
}
