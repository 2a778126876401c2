package jobtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// control does to a Job what the Job controller does.
func (n *Node) control(ctx context.Context, j *batchv1.Job, all []corev1.Pod) error {
	pods := slices.DeleteFunc(slices.Clone(all), func(p corev1.Pod) bool { return jobOwner(&p) != j.UID })
	switch {
	case !j.DeletionTimestamp.IsZero():
		return n.finalize(ctx, j, pods)
	case isEnded(j):
		return nil
	case ptr.Deref(j.Spec.Suspend, false):
		return n.deletePods(ctx, pods)
	case j.Status.StartTime == nil:
		j.Status.StartTime = ptr.To(metav1.Now())
		return n.Client.Status().Update(ctx, j)
	}
	if limit := j.Spec.ActiveDeadlineSeconds; limit != nil && time.Since(j.Status.StartTime.Time) > time.Duration(*limit)*time.Second {
		return n.fail(ctx, j, pods, batchv1.JobReasonDeadlineExceeded)
	}
	for i := range pods {
		p := &pods[i]
		switch {
		case p.Status.Phase == corev1.PodSucceeded:
			return n.complete(ctx, j)
		case p.Status.Phase == corev1.PodFailed && !isDisrupted(p):
			return n.fail(ctx, j, pods, batchv1.JobReasonBackoffLimitExceeded)
		case p.Status.Phase != corev1.PodFailed:
			return nil
		}
	}
	n.mu.Lock()
	had := n.had[j.UID]
	n.mu.Unlock()
	if had && len(pods) == 0 && !n.wasDisrupted(j) { // deleted by hand: a failure
		return n.fail(ctx, j, pods, batchv1.JobReasonBackoffLimitExceeded)
	}
	return n.createPod(ctx, j)
}

// disruptedNote marks a Job whose pod was deleted as by an eviction.
const disruptedNote = "test/disrupted"

func (n *Node) wasDisrupted(j *batchv1.Job) bool { return j.Annotations[disruptedNote] != "" }

func isEnded(j *batchv1.Job) bool {
	return slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}

func isDisrupted(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue
	})
}

// finalize ends the pods of a Job that is deleted before what depends on it is
// gone, and then lets it go.
func (n *Node) finalize(ctx context.Context, j *batchv1.Job, pods []corev1.Pod) error {
	if len(pods) > 0 {
		return n.deletePods(ctx, pods)
	}
	before := j.DeepCopy()
	j.Finalizers = nil
	return client.IgnoreNotFound(n.Client.Patch(ctx, j, client.MergeFrom(before)))
}

func (n *Node) deletePods(ctx context.Context, pods []corev1.Pod) error {
	for i := range pods {
		if pods[i].DeletionTimestamp.IsZero() {
			if err := n.Client.Delete(ctx, &pods[i]); client.IgnoreNotFound(err) != nil {
				return err
			}
		}
	}
	return nil
}

func (n *Node) complete(ctx context.Context, j *batchv1.Job) error {
	j.Status.Succeeded, j.Status.CompletionTime = 1, ptr.To(metav1.Now())
	return n.end(ctx, j, batchv1.JobSuccessCriteriaMet, batchv1.JobComplete, "CompletionsReached")
}

func (n *Node) fail(ctx context.Context, j *batchv1.Job, pods []corev1.Pod, reason string) error {
	if reason == batchv1.JobReasonDeadlineExceeded {
		if err := n.deletePods(ctx, pods); err != nil || len(pods) > 0 {
			return err
		}
	}
	j.Status.Failed = 1
	return n.end(ctx, j, batchv1.JobFailureTarget, batchv1.JobFailed, reason)
}

func (n *Node) end(ctx context.Context, j *batchv1.Job, first, last batchv1.JobConditionType, reason string) error {
	for _, t := range []batchv1.JobConditionType{first, last} {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{
			Type: t, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: metav1.Now(), LastProbeTime: metav1.Now(),
		})
	}
	j.Status.Active, j.Status.Terminating, j.Status.Ready = 0, ptr.To[int32](0), ptr.To[int32](0)
	j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
	return n.Client.Status().Update(ctx, j)
}

// createPod makes a pod of a Job's template, and an event when that is refused.
func (n *Node) createPod(ctx context.Context, j *batchv1.Job) error {
	meta := j.Spec.Template.ObjectMeta.DeepCopy()
	meta.Namespace, meta.GenerateName = j.Namespace, j.Name[:min(len(j.Name), 57)]+"-"
	meta.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))}
	pod := &corev1.Pod{ObjectMeta: *meta, Spec: *j.Spec.Template.Spec.DeepCopy()}
	err := n.Client.Create(ctx, pod)
	if err != nil {
		return n.Event(ctx, j, "Job", "FailedCreate", fmt.Sprintf("Error creating: %v", err))
	}
	n.mu.Lock()
	n.had[j.UID] = true
	n.mu.Unlock()
	return nil
}

// Event tells, as a cluster does, what happened to an object; the same again
// within a second is not told.
func (n *Node) Event(ctx context.Context, o client.Object, kind, reason, message string) error {
	now := metav1.Now()
	name := fmt.Sprintf("%s.%x", o.GetName(), now.Unix())
	err := n.Client.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: name + "." + fmt.Sprint(len(reason))},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID()},
		Reason:         reason, Message: message, Type: corev1.EventTypeWarning,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	})
	return client.IgnoreAlreadyExists(err)
}
