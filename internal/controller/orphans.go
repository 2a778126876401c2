package controller

import (
	"context"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// listRuns lists the runs that there are when this manager begins to work, before
// its first pass, and has those cleared that no object knows. A standby begins
// long after it was started.
func (r *Reconciler) listRuns(ctx context.Context, objects cache.Cache) error {
	left, err := r.Executor.List(ctx)
	if err != nil {
		return fmt.Errorf("list the runs: %w", err)
	}
	go func() {
		if !objects.WaitForCacheSync(ctx) {
			return // told to stop
		}
		if err := r.clearOrphans(ctx, left); err != nil {
			r.Log.Warn("clear the runs that an earlier manager left", "error", err) // the next one does
		}
	}()
	return nil
}

// clearOrphans removes those of the given runs that no object knows: a manager
// was killed between the end of an operation and the removal of its run. The
// runs must have been listed before the first pass; the cache must be filled.
// What the cache does not know, the API server is asked for: the manager before
// this one may have begun a run just before it ended.
func (r *Reconciler) clearOrphans(ctx context.Context, runs []string) error {
	unknown, err := r.unknownRuns(ctx, r.Client, runs)
	if err != nil || len(unknown) == 0 {
		return err
	}
	if unknown, err = r.unknownRuns(ctx, r.Live, unknown); err != nil {
		return err
	}
	for _, run := range unknown {
		if err := r.Executor.Remove(ctx, run); err != nil {
			return fmt.Errorf("remove the orphaned run %s: %w", run, err)
		}
	}
	return nil
}

// unknownRuns are those of the given runs that no object has in flight, of any
// shard. Objects of this one are woken when their runs have news.
func (r *Reconciler) unknownRuns(ctx context.Context, objects client.Reader, runs []string) ([]string, error) {
	known := map[string]bool{}
	for _, namespace := range r.watched() {
		var all v1alpha1.CdkTsStackList
		if err := objects.List(ctx, &all, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("list the stacks: %w", err)
		}
		for i := range all.Items {
			// A step that is no runner's has left its run behind: nobody else removes it.
			op := all.Items[i].Status.Operation
			if op == nil || !decide.Runs(op) {
				continue
			}
			run := decide.RunName(op)
			known[run] = true
			if takes(r.Shard, &all.Items[i]) {
				r.wake.onRun(run, client.ObjectKeyFromObject(&all.Items[i]))
			}
		}
	}
	var unknown []string
	for _, run := range runs {
		if !known[run] {
			unknown = append(unknown, run)
		}
	}
	return unknown, nil
}

// watched are the namespaces that are watched, "" for all.
func (r *Reconciler) watched() []string {
	if len(r.Namespaces) == 0 {
		return []string{""}
	}
	return r.Namespaces
}
