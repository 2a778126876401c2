package job

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// patience is how long a pod may take to come into being or to begin before
// anybody is told what it waits for.
const patience = 5 * time.Second

// look is what a Job and its pods show of a run.
type look struct {
	state state
	// step is what a run that goes on is doing.
	step string
	// waits is why it does not begin, nil when it works or nothing is known.
	waits *problem.Problem
	// since is when that began.
	since time.Time
	// begun: one of its containers has started, so that the run has its secrets.
	begun bool
	// ask is whose events may tell why it does not begin, if that is not known:
	// the Job's or the pod's; nil for nobody's.
	ask *asked
	// result of a run that has ended.
	result *decide.RunResult
	// why is what is known of how a pod was lost, "" when nothing is.
	why string
}

// asked is an object whose events are to be read.
type asked struct {
	namespace, uid string
	// pod says that it is a pod, and not the Job.
	pod bool
}

// state is what became of a Job.
type state int

const (
	// unarmed: it was made, and waits for its Secret.
	unarmed state = iota
	// alive: it goes on.
	alive
	// over: it has a result.
	over
	// lost: its pod vanished without a result.
	lost
)

// see judges a Job by itself and its pods; it looks at nothing else. Without a
// pod, podless is since when.
func see(j *batchv1.Job, pods []corev1.Pod, podless, now time.Time) look {
	pods = own(j, pods)
	switch {
	case isSuspended(j) && !isArmed(j):
		return look{state: unarmed}
	case len(pods) == 0:
		return seeNoPod(j, podless, now)
	}
	pod := &pods[0]
	switch {
	case pod.Status.Phase == corev1.PodSucceeded, pod.Status.Phase == corev1.PodFailed && !disrupted(pod):
		return seeEnd(j, pod)
	case pod.Status.Phase == corev1.PodFailed && ended(j) == nil:
		return look{state: alive, step: run.StepStarting, since: takenAt(j, pod), waits: errDisrupted.New(
			"the run's pod was taken away (%s); Kubernetes starts another one, which counts as no attempt", disruption(pod))}
	case pod.Status.Phase == corev1.PodFailed:
		return look{state: lost, why: disruption(pod)}
	case ended(j) != nil && ended(j).Reason == batchv1.JobReasonDeadlineExceeded && disrupted(pod):
		return look{state: lost, why: disruption(pod)} // the time went by while nobody could end it
	case ended(j) != nil && ended(j).Reason == batchv1.JobReasonDeadlineExceeded:
		return look{state: over, result: late(j)}
	case isStuck(pod, now):
		return look{state: alive, step: run.StepStarting, since: pod.DeletionTimestamp.Time, waits: stuck(pod)}
	}
	return seeAlive(j, pod, now)
}

// own are the pods of a Job, the newest first.
func own(j *batchv1.Job, pods []corev1.Pod) []corev1.Pod {
	mine := slices.DeleteFunc(slices.Clone(pods), func(p corev1.Pod) bool {
		for _, o := range p.OwnerReferences {
			if o.UID == j.UID && o.Controller != nil && *o.Controller {
				return p.Namespace != j.Namespace
			}
		}
		return true
	})
	slices.SortFunc(mine, func(a, b corev1.Pod) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return mine
}

// seeNoPod judges a Job that has no pod: it has none yet, or none any more.
func seeNoPod(j *batchv1.Job, podless, now time.Time) look {
	end := ended(j)
	switch {
	case end != nil && end.Reason == batchv1.JobReasonDeadlineExceeded:
		return look{state: over, result: late(j)}
	case end != nil:
		return look{state: lost}
	case isSuspended(j):
		return look{state: alive, step: run.StepStarting, since: podless, waits: errSuspended.New(
			"somebody has suspended the Job %s/%s of the run: let it go on with kubectl patch job -n %s %s -p '{\"spec\":{\"suspend\":false}}'", j.Namespace, j.Name, j.Namespace, j.Name)}
	}
	seen := look{state: alive, step: run.StepStarting, since: podless}
	if now.Sub(seen.since) > patience {
		seen.ask = &asked{namespace: j.Namespace, uid: string(j.UID)}
	}
	return seen
}

// startOf is when a Job began to have pods made, as far as is known.
func startOf(j *batchv1.Job) time.Time {
	if j.Status.StartTime != nil {
		return j.Status.StartTime.Time
	}
	return j.CreationTimestamp.Time
}

// takenAt is when a pod was taken away that has ended.
func takenAt(j *batchv1.Job, pod *corev1.Pod) time.Time {
	at := lastEnd(statuses(j, pod))
	if c := condition(pod, corev1.DisruptionTarget); c != nil && c.LastTransitionTime.After(at) {
		at = c.LastTransitionTime.Time
	}
	if at.IsZero() {
		return pod.CreationTimestamp.Time
	}
	return at
}

// isStuck says whether a pod should have ended long ago and has not: its node
// does not answer. Its DeletionTimestamp is when its grace ends.
func isStuck(pod *corev1.Pod, now time.Time) bool {
	return !pod.DeletionTimestamp.IsZero() && now.Sub(pod.DeletionTimestamp.Time) > grace
}

// stuck is such a pod; the Job makes no other one before it has ended.
func stuck(pod *corev1.Pod) *problem.Problem {
	why := "it was deleted"
	if disrupted(pod) {
		why = disruption(pod)
	}
	return errDisrupted.New("the run's pod is to end (%s), and its node %s does not say that it has; no other one is started before. Once nothing runs on that node any more, delete it (kubectl delete node %s), or the pod (kubectl delete pod -n %s %s --force)",
		why, pod.Spec.NodeName, pod.Spec.NodeName, pod.Namespace, pod.Name)
}

// seeAlive judges a pod that has not ended.
func seeAlive(j *batchv1.Job, pod *corev1.Pod, now time.Time) look {
	seen := look{state: alive, step: run.StepStarting, since: pod.CreationTimestamp.Time}
	all := statuses(j, pod)
	for _, c := range all {
		seen.begun = seen.begun || c.State.Terminated != nil
		if c.State.Running != nil {
			seen.step, seen.begun = stepOf(j, c.Name), true
			return seen
		}
	}
	if at := lastEnd(all); !at.IsZero() {
		seen.since = at // it waits for the next of its containers
	}
	seen.waits = whyPending(j, pod, all)
	waited := now.Sub(seen.since) > patience
	switch {
	case !waited:
		seen.waits = nil
	case seen.waits == nil && scheduled(pod):
		seen.ask = &asked{namespace: pod.Namespace, uid: string(pod.UID), pod: true}
	}
	return seen
}

// statuses are those of the containers in the order in which they run.
func statuses(j *batchv1.Job, pod *corev1.Pod) []corev1.ContainerStatus {
	all := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	order := containers(j)
	slices.SortStableFunc(all, func(a, b corev1.ContainerStatus) int {
		return cmp.Compare(slices.Index(order, a.Name), slices.Index(order, b.Name))
	})
	return all
}

// lastEnd is when the last of the containers that have ended did so.
func lastEnd(all []corev1.ContainerStatus) (at time.Time) {
	for _, c := range all {
		if t := c.State.Terminated; t != nil && t.FinishedAt.After(at) {
			at = t.FinishedAt.Time
		}
	}
	return at
}

// late is the result of a run that its Job's deadline has ended.
func late(j *batchv1.Job) *decide.RunResult {
	var limit time.Duration
	if s := j.Spec.ActiveDeadlineSeconds; s != nil {
		limit = time.Duration(*s) * time.Second
	}
	return failed(problem.TimedOut.New(
		"the run's Job was ended after %s, in which its pod waited and worked: raise spec.timeout (%s), or see with kubectl get events -n %s what its pods waited for", limit, timeoutOf(j), j.Namespace))
}

func failed(p *problem.Problem) *decide.RunResult {
	return &decide.RunResult{Failure: p, Step: run.StepStarting}
}

// disrupted says whether a pod was taken away from outside. The Job makes
// another one then. https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
func disrupted(pod *corev1.Pod) bool { return condition(pod, corev1.DisruptionTarget) != nil }

func condition(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == t && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

// disruption says in words why a pod was taken away.
func disruption(pod *corev1.Pod) string {
	c := condition(pod, corev1.DisruptionTarget)
	what := map[string]string{
		"EvictionByEvictionAPI":  "its node was drained, or somebody evicted it",
		"DeletionByTaintManager": "its node was tainted or lost",
		"DeletionByPodGC":        "its node is gone",
		"PreemptionByScheduler":  "a pod of a higher priority needed its place",
		"TerminationByKubelet":   "its node was shut down or ran out of memory or disk",
	}[c.Reason]
	if what == "" {
		what = c.Reason
	}
	if c.Message != "" {
		return fmt.Sprintf("%s: %s", what, problem.Cut(c.Message, 300))
	}
	return what
}
