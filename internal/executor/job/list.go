package job

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// List names the runs; see executor.Executor. It asks the API server, so that a
// manager may call it before its cache is started.
func (e *Executor) List(ctx context.Context) ([]string, error) {
	jobs, err := e.listLive(ctx)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var names []string
	for i := range jobs {
		if j := &jobs[i]; j.Name == j.Labels[LabelRun] && e.ours(j) && j.DeletionTimestamp.IsZero() && !e.removed[j.UID] {
			names = append(names, j.Name)
		}
	}
	for name, en := range e.entries {
		if !en.doomed && (en.state == queued || en.state == making) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// liveJob asks the API server for a Job by its name; nil when there is none.
func (e *Executor) liveJob(ctx context.Context, namespace, name string) (*batchv1.Job, error) {
	var all batchv1.JobList
	err := e.o.Live.List(ctx, &all, client.InNamespace(namespace), client.MatchingFields{"metadata.name": name})
	if err != nil || len(all.Items) == 0 {
		return nil, refusedBy(err, namespace)
	}
	return &all.Items[0], nil
}

// listLive lists the Jobs of runs, of one name or, with none, of all.
func (e *Executor) listLive(ctx context.Context, names ...string) ([]batchv1.Job, error) {
	options := []client.ListOption{client.MatchingLabelsSelector{Selector: Selector()}}
	if len(names) > 0 {
		options = []client.ListOption{client.MatchingLabels{labelManagedBy: managedBy, LabelRun: names[0]}}
	}
	namespaces := e.o.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var found []batchv1.Job
	for _, ns := range namespaces {
		var all batchv1.JobList
		if err := e.o.Live.List(ctx, &all, append(slices.Clone(options), client.InNamespace(ns))...); err != nil {
			return nil, refusedBy(err, ns)
		}
		found = append(found, all.Items...)
	}
	return found, nil
}
