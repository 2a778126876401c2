package controller

import (
	"context"
	"sync"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/git"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// wake knows which objects wait for which repository and which run, and puts
// them into the queue when there is news.
type wake struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	heads map[git.Key]map[types.NamespacedName]struct{}
	// key is the repository that an object waits for; each waits for one.
	key  map[types.NamespacedName]git.Key
	runs map[string]types.NamespacedName
	// stacks are the places whose stacks objects wait for, and places the one
	// that an object waits for.
	stacks map[decide.Place]map[types.NamespacedName]struct{}
	places map[types.NamespacedName]decide.Place
}

// Start takes the controller's queue; it is a source of events.
func (w *wake) start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = queue
	return nil
}

// onHead has the object woken when a look at the repository has ended.
func (w *wake) onHead(key git.Key, name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.key[name] == key {
		return
	}
	w.leave(name)
	if w.heads == nil {
		w.heads, w.key = map[git.Key]map[types.NamespacedName]struct{}{}, map[types.NamespacedName]git.Key{}
	}
	if w.heads[key] == nil {
		w.heads[key] = map[types.NamespacedName]struct{}{}
	}
	w.heads[key][name] = struct{}{}
	w.key[name] = key
}

// leave ends the object's wait for its repository. The caller holds mu.
func (w *wake) leave(name types.NamespacedName) {
	key, waits := w.key[name]
	if !waits {
		return
	}
	delete(w.key, name)
	delete(w.heads[key], name)
	if len(w.heads[key]) == 0 {
		delete(w.heads, key)
	}
}

// onRun has the object woken when its run has news.
func (w *wake) onRun(run string, name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.runs == nil {
		w.runs = map[string]types.NamespacedName{}
	}
	w.runs[run] = name
}

// runsOf are the runs that an object waits for.
func (w *wake) runsOf(name types.NamespacedName) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for run, waiting := range w.runs {
		if waiting == name {
			all = append(all, run)
		}
	}
	return all
}

func (w *wake) forgetRun(run string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.runs, run)
}

func (w *wake) forget(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leave(name)
	w.leaveStack(name)
	for run, waiting := range w.runs {
		if waiting == name {
			delete(w.runs, run)
		}
	}
}

// HeadChanged wakes every object that waits for the repository.
func (r *Reconciler) HeadChanged(key git.Key) {
	r.wake.mu.Lock()
	defer r.wake.mu.Unlock()
	for name := range r.wake.heads[key] {
		r.wake.add(name)
	}
}

// Pushed has the repositories that same recognises looked at now, and wakes
// every object that waits for one of them. It waits for nothing.
func (r *Reconciler) Pushed(same func(repository string) bool) {
	r.wake.mu.Lock()
	defer r.wake.mu.Unlock()
	for key, names := range r.wake.heads {
		if !same(key.Repository) {
			continue
		}
		if repository, err := git.ParseRepository(key.Repository); err == nil {
			r.Heads.Expire(repository)
		}
		for name := range names {
			r.wake.add(name)
		}
	}
}

// RunChanged wakes the object whose run it is.
func (r *Reconciler) RunChanged(run string) {
	r.wake.mu.Lock()
	defer r.wake.mu.Unlock()
	if name, known := r.wake.runs[run]; known {
		r.wake.add(name)
	}
}

// add puts an object into the queue; before the queue is there, every object
// is going to be looked at anyway. The caller holds mu.
func (w *wake) add(name types.NamespacedName) {
	if w.queue != nil {
		w.queue.Add(reconcile.Request{NamespacedName: name})
	}
}

// addAfter puts an object into the queue after a while.
func (w *wake) addAfter(name types.NamespacedName, after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue != nil {
		w.queue.AddAfter(reconcile.Request{NamespacedName: name}, after)
	}
}
