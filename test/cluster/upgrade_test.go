package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"
)

// writes are the calls that change something, of those that the operator makes.
var writes = []string{"CreateChangeSet", "ExecuteChangeSet", "DeleteStack", "CreateStack", "UpdateStack"}

// upgrade changes the release while a build runs: the build goes on and is adopted, nothing is deployed
// again.
func (w *world) upgrade() {
	const namespace = "upgrade"
	w.namespace(namespace)
	p := w.publish("upgrade.git", quickApp(stackName("upgrade"), "upgrade"))
	stack := stackOf(namespace, "upgrade", p)
	stack.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: fmt.Sprintf(`curl -fsS -d "$(hostname)" %s/upgrade; sleep 15`, w.ledger.URL)}
	w.AWS.ForgetCalls(w)
	w.Create(w.T, stack)
	w.eventually("the hook runs", func(context.Context) bool { return len(w.ledger.entries("upgrade")) > 0 })
	before := w.managerPod(w.Context())
	out, err := w.helm("upgrade", release, w.chart(), "--namespace", operatorNamespace, "--values", w.file("values.yaml", w.values()),
		"--set", "operator.env.debugMode=true", "--wait", "--timeout", "3m")
	if err != nil {
		w.Fatalf("helm upgrade: %v\n%s\n%s", err, out, w.situation())
	}
	w.eventually("the manager is another one", func(ctx context.Context) bool {
		now := w.managerPod(ctx)
		return now != "" && now != before
	})
	w.Until(w.T, stack, "it is deployed", rig.Ready)
	if runs := w.ledger.entries("upgrade"); len(runs) != 1 {
		w.Errorf("the hook ran in %v", runs)
	}
	if n := w.AWS.Succeeded(w, "ExecuteChangeSet"); n != 1 {
		w.Errorf("%d change sets were executed, want that of the new stack alone", n)
	}
}

// uninstall takes the operator away, and brings it back: every stack and every object is untouched.
func (w *world) uninstall() {
	stacks := w.stacks()
	objects := w.kubectl("get", "cdk", "-A", "-o", "custom-columns=NS:.metadata.namespace,NAME:.metadata.name,UID:.metadata.uid,STACK:.status.stackId")
	w.AWS.ForgetCalls(w)
	if out, err := w.helm("uninstall", release, "--namespace", operatorNamespace, "--wait", "--timeout", "3m"); err != nil {
		w.Fatalf("helm uninstall: %v\n%s", err, out)
	}
	if after := w.kubectl("get", "cdk", "-A", "-o", "custom-columns=NS:.metadata.namespace,NAME:.metadata.name,UID:.metadata.uid,STACK:.status.stackId"); after != objects {
		w.Errorf("objects before and after:\n%s\n%s", objects, after)
	}
	if after := w.stacks(); !slices.Equal(after, stacks) {
		w.Errorf("stacks before and after: %v, %v", stacks, after)
	}
	if left := w.kubectl("get", "all,secrets,configmaps,serviceaccounts", "-n", operatorNamespace, "-l", "app.kubernetes.io/managed-by=Helm", "-o", "name"); strings.TrimSpace(left) != "" {
		w.Errorf("it leaves %s", left)
	}
	out, err := w.helm("install", release, w.chart(), "--namespace", operatorNamespace, "--values", w.file("values.yaml", w.values()), "--wait", "--timeout", "3m")
	if err != nil {
		w.Fatalf("helm install once more: %v\n%s\n%s", err, out, w.situation())
	}
	w.kubectl("wait", "--for=condition=Ready", "cdk", "--all", "-n", "production", "--timeout=60s")
	time.Sleep(5 * time.Second) // It would begin at once if it thought that there is something to do.
	for _, action := range writes {
		if n := w.AWS.Succeeded(w, action); n > 0 {
			w.Errorf("the operator that came back called %s %d times", action, n)
		}
	}
	var jobs batchv1.JobList
	if err := w.Client.List(w.Context(), &jobs, client.HasLabels{"awscdk.dev/run"}, client.InNamespace("production")); err != nil {
		w.Error(err)
	}
	for _, job := range jobs.Items {
		// Drift is looked for every half minute here, which the manifest has a hook for.
		if run := job.Labels["awscdk.dev/run"]; !strings.HasPrefix(run, "cdk-drift-") {
			w.Errorf("the operator that came back runs %s", run)
		}
	}
}
