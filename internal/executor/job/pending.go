package job

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"awscdk.dev/operator/internal/problem"
)

// whyPending is what a pod says itself of why it does not begin; nil when it
// says nothing of it.
func whyPending(j *batchv1.Job, pod *corev1.Pod, all []corev1.ContainerStatus) *problem.Problem {
	if c := unscheduled(pod); c != nil {
		return whyUnscheduled(j, c.Message)
	}
	for _, c := range all {
		if w := c.State.Waiting; w != nil {
			if p := whyWaiting(j, pod, c, w); p != nil {
				return p
			}
		}
	}
	return nil
}

func unscheduled(pod *corev1.Pod) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c
		}
	}
	return nil
}

func scheduled(pod *corev1.Pod) bool {
	return pod.Spec.NodeName != "" || condition(pod, corev1.PodScheduled) != nil
}

// whyUnscheduled repeats what the scheduler says.
func whyUnscheduled(j *batchv1.Job, message string) *problem.Problem {
	message = problem.Cut(message, 600)
	if strings.Contains(message, "persistentvolumeclaim") || strings.Contains(message, "PersistentVolumeClaim") {
		return errCacheClaim.New("the run's pod waits for a PersistentVolumeClaim (%s): create it in the namespace %s, or take it out of spec.runner.cache and spec.runner.volumes", message, j.Namespace)
	}
	return errUnschedulable.New("no node takes the run's pod (%s): add room, or change spec.runner.resources, nodeSelector or tolerations", message)
}

// whyWaiting is what a container waits for; the reasons are those of the kubelet,
// pkg/kubelet/images/types.go and pkg/kubelet/kuberuntime/kuberuntime_container.go.
func whyWaiting(j *batchv1.Job, pod *corev1.Pod, c corev1.ContainerStatus, w *corev1.ContainerStateWaiting) *problem.Problem {
	message := problem.Cut(w.Message, 600)
	switch w.Reason {
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "SignatureValidationFailed":
		return errImage.New("the node %s cannot get the image %s (%s: %s): check the operator's --runner-image, or name a pull secret with spec.runner.imagePullSecrets",
			pod.Spec.NodeName, either(c.Image, "of the runner"), w.Reason, message)
	case "CreateContainerError", "RunContainerError":
		return errImageUnusable.New("the node %s cannot start the container %s (%s: %s): the runner image must have %s", pod.Spec.NodeName, c.Name, w.Reason, message, Program)
	case "CreateContainerConfigError":
		return notStarted(j, fmt.Sprintf("%s: %s", w.Reason, message))
	}
	return nil
}

// notStarted is a pod whose node lacks something for it. The run's own Secret is
// told apart: it is made again.
func notStarted(j *batchv1.Job, message string) *problem.Problem {
	if secretGone(j, message) {
		return errNotStarted.Because(errSecretGone, "the Secret %s/%s of the run was deleted before the run began; it is made again", j.Namespace, j.Name)
	}
	return errNotStarted.New("the run's pod cannot be started (%s): create what is missing in the namespace %s, or take it out of spec.runner", problem.Cut(message, 600), j.Namespace)
}

// secretGone says whether a message of a kubelet means the run's own Secret.
func secretGone(j *batchv1.Job, message string) bool {
	return strings.Contains(message, fmt.Sprintf("secret %q not found", j.Name)) ||
		strings.Contains(message, fmt.Sprintf("secret %q is not found", j.Name)) ||
		strings.Contains(message, fmt.Sprintf("secrets %q not found", j.Name))
}

// whyNoPod judges what the Job controller says of a pod that it could not make.
func whyNoPod(j *batchv1.Job, message string) *problem.Problem {
	return refusal(j.Namespace, problem.Cut(message, 600))
}

// refusal tells apart, by the API server's words, why a pod or a Job is refused.
func refusal(namespace, message string) *problem.Problem {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(message, part) })
	}
	switch {
	case has("exceeded quota"):
		return errQuota.New("the ResourceQuota of the namespace %s has no room for the run (%s): raise it, free some of it, or lower spec.runner.resources", namespace, message)
	case has("failed quota", "must specify"):
		return errQuota.New("the ResourceQuota of the namespace %s bounds what the run's pod does not state (%s): set it in spec.runner.resources", namespace, message)
	case has("error looking up service account", "serviceaccount") && has("not found"):
		return errServiceAccount.New("the service account of the run's pod does not exist (%s): create it in the namespace %s, or name another one with spec.runner.serviceAccountName", message, namespace)
	case has("violates PodSecurity"):
		return errPodRefused.New("the Pod Security Standard of the namespace %s refuses the run's pod (%s): take what it names out of spec.runner", namespace, message)
	case has("usage per Container is", "usage per Pod is", "ratio per Container is", "ratio per Pod is"):
		return errPodRefused.New("the LimitRange of the namespace %s refuses the run's pod (%s): set spec.runner.resources within its bounds", namespace, message)
	case has("is being terminated"):
		return terminating(namespace)
	case has("no PriorityClass", "RuntimeClass") && has("not found", "no PriorityClass"):
		return errPodRefused.New("the run's pod names a class that does not exist (%s): correct spec.runner.priorityClassName or spec.runner.runtimeClassName", message)
	}
	return errPodRefused.New("the cluster refuses the run's pod (%s): change spec.runner, or ask who made the rule", message)
}

// terminating is a namespace in which no run can start any more.
func terminating(namespace string) *problem.Problem {
	return errTerminating.New("the namespace %s is being deleted, and no pod can start in it: hooks cannot run there any more. To have the stack destroyed without its hooks: kubectl patch cdk -n %s NAME --type=merge -p '{\"spec\":{\"lifecycleHooks\":null}}'; to keep the stack: the same with '{\"spec\":{\"lifecycleHooks\":null,\"actions\":{\"destroy\":false}}}'", namespace, namespace)
}
