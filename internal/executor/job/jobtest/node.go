// Package jobtest plays, against a real API server, what a cluster has besides:
// the Job controller, the garbage collector, the scheduler and a kubelet that
// carries containers out as processes of this machine.
package jobtest

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Options are the settings of a Node.
type Options struct {
	// Namespace is the one that it looks after.
	Namespace string
	// Command is what stands for the operator's program in containers; empty for
	// a node that carries nothing out, and whose pods the test moves by hand.
	Command []string
	// Environ is what the image gives every container.
	Environ []string
	// Log is where containers write; nil is nowhere.
	Log io.Writer
	// Grace is the time between SIGTERM and SIGKILL; 0 is 5 s.
	Grace time.Duration
	// Idle has it make no pods and collect nothing until Wake is called.
	Idle bool
}

// Node is such a cluster.
type Node struct {
	o Options
	// Client may do everything.
	Client client.Client

	mu      sync.Mutex
	idle    bool
	pods    map[types.UID]*process
	started int // containers, ever
	// had are the Jobs that had a pod.
	had  map[types.UID]bool
	stop func()
	done sync.WaitGroup
}

// period is how often it looks at what there is.
const period = 15 * time.Millisecond

// Scheme knows the kinds of runs.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{batchv1.AddToScheme, corev1.AddToScheme, rbacv1.AddToScheme} {
		utilruntime.Must(add(s))
	}
	return s
}

// Start starts a node that stops, with all that it runs, at the end of the test.
func Start(t testing.TB, config *rest.Config, o Options) *Node {
	t.Helper()
	c, err := client.New(config, client.Options{Scheme: Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	n := &Node{o: o, Client: c, idle: o.Idle, pods: map[types.UID]*process{}, had: map[types.UID]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	looking := make(chan struct{})
	n.stop = func() { cancel(); <-looking } // from then on it starts nothing
	n.done.Go(func() { defer close(looking); n.live(ctx) })
	t.Cleanup(n.Stop)
	return n
}

// Stop ends the node and all that it runs.
func (n *Node) Stop() {
	n.stop()
	n.mu.Lock()
	for _, p := range n.pods {
		p.kill()
	}
	n.mu.Unlock()
	n.done.Wait()
}

// Sleep has it look at nothing until Wake is called; what runs goes on.
func (n *Node) Sleep() { n.setIdle(true) }

// Wake has it look again.
func (n *Node) Wake() { n.setIdle(false) }

func (n *Node) setIdle(idle bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.idle = idle
}

// Started counts the containers that were ever started.
func (n *Node) Started() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.started
}

func (n *Node) live(ctx context.Context) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		n.mu.Lock()
		idle := n.idle
		n.mu.Unlock()
		if !idle {
			// What fails now is tried again in a moment.
			_ = n.pass(ctx)
		}
	}
}

// pass brings everything one step further.
func (n *Node) pass(ctx context.Context) error {
	var jobs batchv1.JobList
	var pods corev1.PodList
	if err := errors.Join(n.Client.List(ctx, &jobs, client.InNamespace(n.o.Namespace)), n.Client.List(ctx, &pods, client.InNamespace(n.o.Namespace))); err != nil {
		return err
	}
	var errs []error
	for i := range jobs.Items {
		errs = append(errs, n.control(ctx, &jobs.Items[i], pods.Items))
	}
	for i := range pods.Items {
		errs = append(errs, n.keep(ctx, &pods.Items[i]))
	}
	return errors.Join(append(errs, n.collect(ctx, jobs.Items, pods.Items))...)
}

// collect deletes what has lost its owner.
func (n *Node) collect(ctx context.Context, jobs []batchv1.Job, pods []corev1.Pod) error {
	living := map[types.UID]bool{}
	for i := range jobs {
		living[jobs[i].UID] = true
	}
	orphan := func(o client.Object) bool {
		owner := jobOwner(o)
		return owner != "" && !living[owner]
	}
	var secrets corev1.SecretList
	if err := n.Client.List(ctx, &secrets, client.InNamespace(n.o.Namespace)); err != nil {
		return err
	}
	var errs []error
	for i := range secrets.Items {
		if s := &secrets.Items[i]; orphan(s) && n.reallyGone(ctx, s) {
			errs = append(errs, client.IgnoreNotFound(n.Client.Delete(ctx, s, client.Preconditions{UID: &s.UID, ResourceVersion: &s.ResourceVersion})))
		}
	}
	for i := range pods {
		if p := &pods[i]; orphan(p) && p.DeletionTimestamp.IsZero() && n.reallyGone(ctx, p) {
			errs = append(errs, client.IgnoreNotFound(n.Client.Delete(ctx, p)))
		}
	}
	return errors.Join(errs...)
}

// reallyGone looks again for an owner: it may be younger than the list of Jobs.
func (n *Node) reallyGone(ctx context.Context, o client.Object) bool {
	var jobs batchv1.JobList
	if err := n.Client.List(ctx, &jobs, client.InNamespace(o.GetNamespace())); err != nil {
		return false
	}
	for i := range jobs.Items {
		if jobs.Items[i].UID == jobOwner(o) {
			return false
		}
	}
	return true
}

func jobOwner(o client.Object) types.UID {
	for _, r := range o.GetOwnerReferences() {
		if r.Kind == "Job" {
			return r.UID
		}
	}
	return ""
}
