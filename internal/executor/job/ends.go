package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// seeEnd judges a pod that has ended and was not taken away: by the result that
// its containers have told, or else by how it ended.
func seeEnd(j *batchv1.Job, pod *corev1.Pod) look {
	all := statuses(j, pod)
	result, damage := told(all)
	if result == nil {
		result = &decide.RunResult{}
	}
	switch failure := result.Failure; {
	case failure != nil && failure.Reason == problem.Cancelled.Reason && exceeded(j):
		return look{state: over, result: late(j)}
	case failure != nil && failure.Reason == problem.Cancelled.Reason:
		// Nobody of ours ends a run and keeps it: its pod was deleted.
		return look{state: lost}
	case failure == nil && pod.Status.Phase == corev1.PodSucceeded && damage == nil && !isEmpty(result):
		return look{state: over, result: result}
	case failure == nil && unaccounted(fatal(all)),
		failure == nil && damage == nil && !exceeded(j) && interrupted(pod, fatal(all)):
		return look{state: lost, why: ofKubelet(pod)}
	case failure == nil && !exceeded(j) && killed(pod, fatal(all)):
		return look{state: lost, why: "it was deleted"}
	}
	if p := diagnose(j, pod, all, damage, result.Failure); p != nil {
		result.Failure, result.Plan, result.PlanAt, result.Inspection = p, nil, nil, nil
		result.Step = endedIn(j, all)
	}
	return look{state: over, result: result}
}

// unaccounted says whether a kubelet does not know how a container ended: its
// node lost its power, say, and came back. pkg/kubelet/kuberuntime/helpers.go and
// pkg/kubelet/kubelet_pods.go of Kubernetes name the reasons.
func unaccounted(c *corev1.ContainerStatus) bool {
	if c == nil || c.State.Terminated == nil {
		return false
	}
	reason := c.State.Terminated.Reason
	return reason == "Unknown" || reason == "ContainerStatusUnknown"
}

// interrupted says whether a pod ended although none of its containers failed: it
// was deleted before the first or between two of them, or its node did not take
// it. A node that evicts a pod for what it wrote is something else.
func interrupted(pod *corev1.Pod, last *corev1.ContainerStatus) bool {
	return pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "Evicted" &&
		(last == nil || last.State.Terminated.ExitCode == 0)
}

// killed says whether a pod was deleted and ended before its run could say so: by
// SIGKILL, or by SIGTERM before the run was there to hear it. What ran out of memory
// ended for that.
func killed(pod *corev1.Pod, last *corev1.ContainerStatus) bool {
	return !pod.DeletionTimestamp.IsZero() && pod.Status.Reason != "Evicted" && last != nil && last.State.Terminated.Reason != "OOMKilled"
}

// ofKubelet is what a node says of the end of a pod as a whole, "" when nothing.
func ofKubelet(pod *corev1.Pod) string {
	parts := []string{pod.Status.Reason, strings.TrimSpace(pod.Status.Message)}
	return problem.Cut(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": "), 300)
}

// isEmpty says whether a result tells nothing at all.
func isEmpty(r *decide.RunResult) bool {
	return r.Plan == nil && r.PlanAt == nil && r.Inspection == nil && len(r.Hooks) == 0 && len(r.Steps) == 0
}

func exceeded(j *batchv1.Job) bool {
	for _, c := range j.Status.Conditions {
		if c.Reason == batchv1.JobReasonDeadlineExceeded {
			return true
		}
	}
	return false
}

// told is the result that the containers have told: each tells the whole so far,
// so the last one counts. damage is why a message could not be read that a run
// has written.
func told(all []corev1.ContainerStatus) (result *decide.RunResult, damage error) {
	for _, c := range all {
		if c.State.Terminated == nil {
			continue
		}
		r, err := run.DecodeMessage([]byte(c.State.Terminated.Message))
		switch {
		case err == nil:
			result, damage = r, nil
		case errors.Is(err, run.ErrBrokenMessage):
			damage = err
		}
	}
	return result, damage
}

// fatal is the container that the pod ended with, nil when none has ended.
func fatal(all []corev1.ContainerStatus) *corev1.ContainerStatus {
	var last *corev1.ContainerStatus
	for i := range all {
		if t := all[i].State.Terminated; t != nil {
			if last = &all[i]; t.ExitCode != 0 {
				break
			}
		}
	}
	return last
}

func endedIn(j *batchv1.Job, all []corev1.ContainerStatus) string {
	if c := fatal(all); c != nil {
		return stepOf(j, c.Name)
	}
	return run.StepStarting
}

// diagnose says what a pod died of that left no result, or one that Kubernetes
// knows better about; nil when what the run says of itself is right.
func diagnose(j *batchv1.Job, pod *corev1.Pod, all []corev1.ContainerStatus, damage error, said *problem.Problem) *problem.Problem {
	last := fatal(all)
	switch {
	case pod.Status.Reason == "Evicted":
		return diskFull(pod)
	case last != nil && last.State.Terminated.Reason == "OOMKilled":
		return outOfMemory(j, last.Name)
	case said != nil:
		return nil
	case exceeded(j):
		return late(j).Failure
	case last != nil && unusable(last.State.Terminated):
		return errImageUnusable.New(
			"the program of the run cannot be started in the container %s (%s): the runner image must have it at %s, for the nodes' architecture; use the operator's own runner image, or choose nodes with spec.runner.nodeSelector",
			last.Name, problem.Cut(words(last.State.Terminated), 300), Program)
	}
	return crashed(j, pod, last, damage)
}

func outOfMemory(j *batchv1.Job, container string) *problem.Problem {
	limit := limitOf(j, container)
	if limit == "" {
		return problem.OutOfMemory.New("the node ran out of memory while the container %s used it: set spec.runner.resources.requests.memory to what the run needs, or make the app smaller", container)
	}
	return problem.OutOfMemory.New("the container %s used more than the %s of memory that it may use: raise spec.runner.resources.limits.memory, or make the app smaller", container, limit)
}

// limitOf is the memory limit of a container in words, "" without one.
func limitOf(j *batchv1.Job, container string) string {
	spec := &j.Spec.Template.Spec
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if limit, ok := c.Resources.Limits[corev1.ResourceMemory]; ok && c.Name == container {
			return limit.String()
		}
	}
	return ""
}

// diskFull is a pod that its node has evicted for what it wrote.
func diskFull(pod *corev1.Pod) *problem.Problem {
	return errDiskFull.New("the run was ended since it wrote too much (%s): raise spec.runner.resources.limits.ephemeral-storage, or let it write less",
		problem.Cut(strings.TrimSpace(pod.Status.Message), 300))
}

// unusable says whether a container's program could not be started at all. The
// words are those of the container runtimes and of the kernel.
func unusable(t *corev1.ContainerStateTerminated) bool {
	switch t.Reason {
	case "StartError", "ContainerCannotRun":
		return true
	}
	return slices.ContainsFunc([]string{"exec format error", "no such file or directory", "executable file not found"}, func(s string) bool {
		return t.ExitCode >= 126 && strings.Contains(t.Message, s)
	})
}

// words are what is known of how a container ended, without what only a run reads.
func words(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("%s, exit code %d", either(t.Reason, "ended"), t.ExitCode)
	if _, err := run.DecodeMessage([]byte(t.Message)); errors.Is(err, run.ErrOtherMessage) {
		text += ": " + strings.TrimSpace(strings.ToValidUTF8(t.Message, ""))
	}
	return text
}

// exitKilled is how a container ends that got SIGKILL. On a busy node the runtime
// may miss that it was for memory.
const exitKilled = 137

// crashed is a pod that ended without saying why.
func crashed(j *batchv1.Job, pod *corev1.Pod, last *corev1.ContainerStatus, damage error) *problem.Problem {
	how := either(pod.Status.Message, either(pod.Status.Reason, "no container has begun"))
	if last != nil {
		how = fmt.Sprintf("the container %s: %s", last.Name, words(last.State.Terminated))
		if last.State.Terminated.ExitCode == exitKilled {
			how += "; it was killed, as a rule for want of memory: see spec.runner.resources.limits.memory"
		}
	}
	if damage != nil {
		how += "; " + damage.Error()
	}
	return run.ErrCrashed.New("the run's pod ended without a result (%s); its log: kubectl logs -n %s -l %s=%s --all-containers",
		problem.Cut(how, 600), j.Namespace, LabelRun, j.Name)
}
