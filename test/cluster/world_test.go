package cluster

import (
	"context"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/test/cluster/enclave"
	"awscdk.dev/operator/test/e2e/rig"
)

// patience bounds every wait.
const patience = 3 * time.Minute

// world is the cluster with all that is around it.
type world struct {
	*testing.T
	*rig.Rig
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{T: t, Rig: rig.Join(t, cluster.Config, cluster.Kubeconfig, enclave.Address, "--speed", "0")}
}

// namespace makes a namespace that enforces a Pod Security Standard.
func (w *world) namespace(name, standard string) {
	w.Helper()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": standard}}})
	w.eventually("there is a service account in "+name, func(ctx context.Context) bool {
		return w.Client.Get(ctx, client.ObjectKey{Namespace: name, Name: "default"}, &corev1.ServiceAccount{}) == nil
	})
}

func (w *world) create(obj client.Object) {
	w.Helper()
	if err := w.Client.Create(w.Context(), obj); err != nil {
		w.Fatal(err)
	}
}

// kubectl runs what a user types and returns what it prints.
func (w *world) kubectl(args ...string) string {
	w.Helper()
	out, err := w.Kubectl(w.T, args...)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) untilJob(job *batchv1.Job, what string, holds func(batchv1.JobStatus) bool) {
	w.Helper()
	w.eventually("the job "+job.Name+" "+what, func(ctx context.Context) bool {
		return w.Client.Get(ctx, client.ObjectKeyFromObject(job), job) == nil && holds(job.Status)
	})
}

func (w *world) eventually(what string, holds func(context.Context) bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		if holds(ctx) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.Fatalf("after %s it is not so that %s", patience, what)
}
