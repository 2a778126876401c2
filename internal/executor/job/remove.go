package job

import (
	"context"
	"errors"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/internal/executor"
)

// Remove ends and deletes a run; see executor.Executor. Its Job keeps its name
// until its pods have ended; Secret and pods go with it.
func (e *Executor) Remove(ctx context.Context, name string) error {
	if err := executor.CheckName(name); err != nil {
		return err
	}
	e.forget(name)
	j, err := e.cached(ctx, name)
	if err != nil {
		return err
	}
	namespace, uid, done, err := e.takeBack(name)
	switch {
	case err != nil || done:
		return err
	case uid != "":
		return e.delete(ctx, namespace, name, uid, metav1.DeletePropagationForeground)
	case j != nil:
		return e.delete(ctx, j.Namespace, name, j.UID, e.deletion(ctx, j))
	}
	return e.removeLive(ctx, name)
}

// deletion is how a Job is deleted: one whose pod is at work keeps its name until
// that has ended, so that no other takes its place before.
func (e *Executor) deletion(ctx context.Context, j *batchv1.Job) metav1.DeletionPropagation {
	if seen, err := e.look(ctx, j); err == nil && seen.state != alive {
		return metav1.DeletePropagationBackground
	}
	return metav1.DeletePropagationForeground
}

// takeBack takes a run out of what this process is about; uid is that of a Job
// that it has made. Done says that nothing is left to be deleted here.
func (e *Executor) takeBack(name string) (namespace string, uid types.UID, done bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return "", "", false, executor.ErrClosed.New("the executor is closed")
	}
	en := e.entries[name]
	if en == nil {
		return "", "", false, nil
	}
	switch en.state {
	case making:
		en.doomed = true
		return "", "", true, nil
	case queued:
		e.queue.Remove(en)
	}
	delete(e.entries, name)
	return en.request.Namespace, en.job, false, nil
}

// Withdraw drops a run that waits for its turn here, or that could not be made,
// with its secrets. It is for runs that another manager takes from now on: one
// that is being made or has a Job is left alone, since anybody sees its Job.
func (e *Executor) Withdraw(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	en := e.entries[name]
	if en == nil || en.state != queued && en.state != refused {
		return
	}
	e.queue.Remove(en)
	delete(e.entries, name)
}

// removeLive deletes what the cache does not show.
func (e *Executor) removeLive(ctx context.Context, name string) error {
	jobs, err := e.listLive(ctx, name)
	for i := range jobs {
		if j := &jobs[i]; j.Name == name && e.ours(j) {
			err = errors.Join(err, e.delete(ctx, j.Namespace, name, j.UID, metav1.DeletePropagationForeground))
		}
	}
	return err
}

// delete deletes a Job, and no other one that has its name by now.
func (e *Executor) delete(ctx context.Context, namespace, name string, uid types.UID, how metav1.DeletionPropagation) error {
	e.mu.Lock()
	e.removed[uid] = true
	e.mu.Unlock()
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err := e.o.Client.Delete(ctx, j, client.Preconditions{UID: &uid}, client.PropagationPolicy(how))
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		e.poke()
		return nil
	}
	e.mu.Lock()
	delete(e.removed, uid)
	e.mu.Unlock()
	return refusedBy(err, namespace)
}
