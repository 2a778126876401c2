package job

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/run"
)

// The labels by which Jobs, pods and Secrets of runs are found.
const (
	// LabelRun is the name of the run, LabelStack that of its CdkTsStack.
	LabelRun   = v1alpha1.RunLabel
	LabelStack = "awscdk.dev/stack"

	labelManagedBy = "app.kubernetes.io/managed-by"
	managedBy      = "awscdk-operator"
)

// What a Job remembers of its run, so that any manager knows it.
const (
	// annotationHook is the name of the run's hook.
	annotationHook = "awscdk.dev/hook"
	// annotationTimeout is the run's own time, as Go writes a duration.
	annotationTimeout = "awscdk.dev/timeout"
	// annotationArmed marks a Job that has its Secret and was let go. A Job
	// without it has not begun.
	annotationArmed = "awscdk.dev/armed"
	// annotationLost counts the Jobs before this one whose pod vanished.
	annotationLost = "awscdk.dev/lost"
)

// labelsOf are the labels of all that belongs to a run.
func labelsOf(name string, r run.Request) map[string]string {
	return map[string]string{LabelRun: name, LabelStack: labelValue(r.Name), labelManagedBy: managedBy}
}

// labelValue is a name as a label can hold it: names may have 253 characters
// and labels 63. One that is too long is cut and told apart by a digest.
func labelValue(name string) string {
	if len(name) <= 63 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return strings.TrimRight(name[:54], "-.") + "-" + hex.EncodeToString(sum[:4])
}

// ownerOf is the CdkTsStack that a Job says it belongs to; ok is false when it
// names none.
func ownerOf(j *batchv1.Job) (owner metav1.OwnerReference, ok bool) {
	for _, o := range j.OwnerReferences {
		if o.Kind == "CdkTsStack" && strings.HasPrefix(o.APIVersion, v1alpha1.GroupVersion.Group+"/") {
			return o, true
		}
	}
	return owner, false
}

func isArmed(j *batchv1.Job) bool { return j.Annotations[annotationArmed] != "" }

func isSuspended(j *batchv1.Job) bool { return j.Spec.Suspend != nil && *j.Spec.Suspend }

// lostBefore counts the Jobs before this one whose pod vanished.
func lostBefore(j *batchv1.Job) int {
	n, err := strconv.Atoi(j.Annotations[annotationLost])
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// timeoutOf is the run's own time.
func timeoutOf(j *batchv1.Job) time.Duration {
	d, err := time.ParseDuration(j.Annotations[annotationTimeout])
	if err != nil || d <= 0 {
		return defaultTimeout
	}
	return d
}

// ended is the condition by which a Job has ended, nil while it has not.
func ended(j *batchv1.Job) *batchv1.JobCondition {
	for i := range j.Status.Conditions {
		c := &j.Status.Conditions[i]
		if c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) {
			return c
		}
	}
	return nil
}

// containers are the names of a Job's containers in the order in which they run.
func containers(j *batchv1.Job) []string {
	spec := &j.Spec.Template.Spec
	names := make([]string, 0, len(spec.InitContainers)+len(spec.Containers))
	for _, c := range spec.InitContainers {
		names = append(names, c.Name)
	}
	for _, c := range spec.Containers {
		names = append(names, c.Name)
	}
	return names
}

// stepOf is what a run is doing while that container runs.
func stepOf(j *batchv1.Job, container string) string {
	switch container {
	case run.StageClone:
		return run.StepCloning
	case run.StageInstall:
		return run.StepInstalling
	case run.StageHook:
		return j.Annotations[annotationHook]
	case run.StageSynth:
		return run.StepSynthesizing
	case run.StagePublish:
		return run.StepPublishing
	case run.StageInspect:
		return run.StepInspecting
	}
	return run.StepStarting
}
