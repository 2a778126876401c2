package cluster

import (
	"fmt"
	"time"

	"awscdk.dev/operator/test/e2e/rig"
)

// measureOverhead is set when overhead is to be measured: it takes minutes, and proves nothing.
const measureOverhead = "E2E_OVERHEAD"

// overhead compares builds in Jobs with builds in the manager's own pod: the same app, from the commit to
// the deployed stack. The first build of each fills its cache, the second finds it filled.
func (w *world) overhead() {
	jobs := w.builds("Job")
	local := w.builds("Local")
	for i, state := range []string{"cold", "warm"} {
		w.Logf("a build in a Job, %s: %.1f s, in the manager's pod %.1f s: %+.1f s, %.2f times", state,
			jobs[i].Seconds(), local[i].Seconds(), (jobs[i] - local[i]).Seconds(), jobs[i].Seconds()/local[i].Seconds())
	}
	w.upgradeWith("executor=Job")
}

// upgradeWith is a helm upgrade with some values set beside the usual ones.
func (w *world) upgradeWith(values ...string) {
	w.Helper()
	args := []string{"upgrade", release, w.chart(), "--namespace", operatorNamespace, "--values", w.file("values.yaml", w.values()), "--wait", "--timeout", "3m"}
	for _, value := range values {
		args = append(args, "--set", value)
	}
	if out, err := w.helm(args...); err != nil {
		w.Fatalf("helm upgrade: %v\n%s\n%s", err, out, w.situation())
	}
}

// builds are how long the first and the second build of an app take.
func (w *world) builds(executor string) (took [2]time.Duration) {
	w.Helper()
	w.upgradeWith("executor=" + executor)
	namespace := map[string]string{"Job": "measured-job", "Local": "measured-local"}[executor]
	w.namespace(namespace)
	w.claim(namespace, w.TempDir())
	app := rig.SmallApp(w.T, rig.OneParameter(stackName(namespace)))
	p := w.publish(namespace+".git", app)
	stack := stackOf(namespace, namespace, p)
	if executor == "Job" {
		cached(stack)
	}
	for i := range took {
		began := time.Now()
		revision := w.commit(p, app.With(rig.App{"README.md": fmt.Sprint(executor, i)}))
		if i == 0 {
			w.Create(w.T, stack)
		} else {
			w.kubectl("annotate", "cdk", stack.Name, "-n", namespace, "--overwrite", "kubectl.kubernetes.io/restartedAt="+revision)
		}
		w.UntilDeployed(w.T, stack, revision)
		took[i] = time.Since(began)
	}
	w.Delete(w.T, stack)
	w.UntilGone(w.T, stack)
	return took
}
