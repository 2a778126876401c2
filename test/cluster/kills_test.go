package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"
)

// killing is a time in which stacks live while pods are killed at random: half of the kills take a
// manager, half the pod of a run. E2E_KILLS is how many, E2E_KILLS_SEED decides the moments.
type killing struct {
	*world
	random *rand.Rand
	over   atomic.Bool
	// deployments counts what users asked for and got.
	deployments atomic.Int64
	// first is how long the first deployment of each stack took, undisturbed, and usual
	// the longest of them.
	first chan time.Duration
	usual time.Duration

	mu sync.Mutex
	// killed are the names of pods that were killed.
	killed map[string]bool
}

const killNamespace = "kills"

func (w *world) kills() {
	kills, seed := number(w, "E2E_KILLS", 10), number(w, "E2E_KILLS_SEED", int(time.Now().UnixMilli()))
	w.namespace(killNamespace)
	w.AWS.ForgetCalls(w)
	k := &killing{world: w, random: rand.New(rand.NewPCG(uint64(seed), 0)), killed: map[string]bool{}, first: make(chan time.Duration, 3)}
	var users sync.WaitGroup
	names := []string{"one", "two", "three"}
	for _, name := range names {
		p := w.publish("kill-"+name+".git", quickApp(stackName(name), "begin"))
		stack := stackOf(killNamespace, name, p)
		yes := true
		stack.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: &yes}
		stack.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: k.note("beforeDeploy"), AfterDeploy: k.note("afterDeploy")}
		users.Go(func() { k.lives(stack, p) })
	}
	began := time.Now()
	for range names {
		k.usual = max(k.usual, <-k.first)
	}
	for n := 0; n < kills && !k.Failed(); n++ {
		// A run must get through between two kills of its pod, also where all else is slow.
		time.Sleep(k.usual/10 + time.Duration(k.random.Int64N(int64(k.usual/2)+1)))
		k.kill()
	}
	k.over.Store(true)
	users.Wait()
	k.count(kills, seed, time.Since(began))
}

// number reads a variable that says how often something is done.
func number(w *world, name string, fallback int) int {
	w.Helper()
	if os.Getenv(name) == "" {
		return fallback
	}
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		w.Fatalf("%s: %v", name, err)
	}
	return n
}

// note is a hook that tells the ledger in which pod it runs, and takes some time.
func (k *killing) note(hook string) string {
	return fmt.Sprintf(`curl -fsS --retry 5 -d "$(hostname) %s" %s/kills; sleep 1.$((RANDOM %% 9))`, hook, k.ledger.URL)
}

// lives deploys a stack, changes it again and again, and destroys it.
func (k *killing) lives(stack *v1alpha1.CdkTsStack, p *published) {
	defer func() { // nobody waits for a stack that failed
		select {
		case k.first <- 0:
		default:
		}
	}()
	began := time.Now()
	k.Create(k.T, stack)
	for i := 0; ; i++ {
		revision, err := p.repo.Head("main")
		if err != nil {
			k.Error(err)
			return
		}
		k.UntilDeployed(k.T, stack, revision)
		k.deployments.Add(1)
		if i == 0 {
			k.first <- time.Since(began)
		}
		if k.over.Load() {
			break
		}
		k.commit(p, quickApp(stack.Spec.StackName, fmt.Sprint("change ", i)))
	}
	k.Delete(k.T, stack)
	k.UntilGone(k.T, stack)
}

// kill takes one pod away, at once, as a crash of its node does.
func (k *killing) kill() {
	namespace, labels := killNamespace, client.ListOption(client.HasLabels{"awscdk.dev/run"})
	if k.random.IntN(2) == 0 {
		namespace, labels = operatorNamespace, client.MatchingLabels{"app.kubernetes.io/component": "manager"}
	}
	// There may be no pod of a run at the moment.
	for range 100 {
		var pods corev1.PodList
		if err := k.Client.List(k.Context(), &pods, client.InNamespace(namespace), labels); err != nil {
			k.Error(err)
			return
		}
		running := slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool {
			return p.DeletionTimestamp != nil || p.Status.Phase != corev1.PodRunning && p.Status.Phase != corev1.PodPending
		})
		if len(running) > 0 {
			k.killPod(&running[k.random.IntN(len(running))])
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	k.Log("no run to be killed for a while")
}

func (k *killing) killPod(pod *corev1.Pod) {
	k.mu.Lock()
	k.killed[pod.Name] = true
	k.mu.Unlock()
	if err := k.Client.Delete(k.Context(), pod, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
		k.Error(err)
	}
}

// count compares what was done with what was asked for.
func (k *killing) count(kills, seed int, took time.Duration) {
	var wrong []string
	double, lost := k.hooks(&wrong)
	executed := k.AWS.Succeeded(k, "ExecuteChangeSet")
	if more := executed - int(k.deployments.Load()); more > 0 {
		double += more
		wrong = append(wrong, fmt.Sprintf("%d change sets were executed for %d deployments", executed, k.deployments.Load()))
	}
	orphans := k.orphans()
	wrong = append(wrong, orphans...)
	k.Logf("%d kills in %s, seed %d: %d deployments, %d double executions, %d lost, %d orphans",
		kills, took.Round(time.Second), seed, k.deployments.Load(), double, lost, len(orphans))
	for _, what := range wrong {
		k.Error(what)
	}
}

// hooks counts hooks that ran more often than pods of their run were killed, and deployments without any.
func (k *killing) hooks(wrong *[]string) (double, lost int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	pods := map[string][]string{}
	after := 0
	for _, entry := range k.ledger.entries("kills") {
		pod, hook, _ := strings.Cut(entry, " ")
		pods[hook+" of "+pod[:strings.LastIndex(pod, "-")]] = append(pods[hook+" of "+pod[:strings.LastIndex(pod, "-")]], pod)
	}
	for run, ran := range pods {
		whole := slices.DeleteFunc(slices.Clone(ran), func(pod string) bool { return k.killed[pod] })
		if len(whole) > 1 || len(ran) != len(slices.Compact(slices.Sorted(slices.Values(ran)))) {
			double++
			*wrong = append(*wrong, fmt.Sprintf("%s ran in %v", run, ran))
		}
		if strings.HasPrefix(run, "afterDeploy") {
			after++
		}
	}
	if missing := int(k.deployments.Load()) - after; missing > 0 {
		lost = missing
		*wrong = append(*wrong, fmt.Sprintf("%d deployments had no afterDeploy hook", missing))
	}
	return double, lost
}

// orphans are what is left although its object is gone.
func (k *killing) orphans() (left []string) {
	k.eventually("all that belonged to the stacks is collected", func(ctx context.Context) bool {
		left = nil
		var jobs batchv1.JobList
		var secrets corev1.SecretList
		var pods corev1.PodList
		for _, list := range []client.ObjectList{&jobs, &secrets, &pods} {
			if err := k.Client.List(ctx, list, client.InNamespace(killNamespace), client.HasLabels{"awscdk.dev/run"}); err != nil {
				return false
			}
		}
		for _, j := range jobs.Items {
			left = append(left, "the job "+j.Name)
		}
		for _, s := range secrets.Items {
			left = append(left, "the secret "+s.Name)
		}
		for _, p := range pods.Items {
			left = append(left, "the pod "+p.Name)
		}
		return len(left) == 0
	})
	for _, name := range k.stacks() {
		if slices.Contains([]string{stackName("one"), stackName("two"), stackName("three")}, name) {
			left = append(left, "the stack "+name)
		}
	}
	return left
}

// lostNode loses everything that runs on the node in the middle of a hook.
func (w *world) lostNode() {
	const namespace = "lost"
	w.namespace(namespace)
	p := w.publish("lost.git", quickApp(stackName("lost"), "lost"))
	stack := stackOf(namespace, "lost", p)
	stack.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: fmt.Sprintf(`curl -fsS -d "$(hostname)" %s/lost; sleep 20`, w.ledger.URL)}
	w.Create(w.T, stack)
	w.eventually("the hook runs", func(context.Context) bool { return len(w.ledger.entries("lost")) > 0 })
	if err := cluster.LoseNode(); err != nil {
		w.Fatal(err)
	}
	w.eventually("the node is missed", func(ctx context.Context) bool { return !cluster.NodeReady(ctx) })
	if err := cluster.ReturnNode(w.Context()); err != nil {
		w.Fatal(err)
	}
	revision, err := p.repo.Head("main")
	if err != nil {
		w.Fatal(err)
	}
	now := w.UntilDeployed(w.T, stack, revision)
	for _, entry := range now.Status.History {
		if entry.Outcome == v1alpha1.OutcomeFailed {
			w.Errorf("losing the node counts as a failure: %s %s", entry.Reason, entry.Message)
		}
	}
	if !rig.Ready(now) || len(w.ledger.entries("lost")) < 2 {
		w.Errorf("the hook ran %d times: it was lost with its node and must run again", len(w.ledger.entries("lost")))
	}
}
