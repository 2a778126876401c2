package cluster

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// isReal shows that what later tests rely on is there: admission refuses, memory limits
// kill, tokens and service addresses work, jobs end, logs are read. Without that they would prove little.
func (w *world) isReal() {
	w.namespace("real")
	w.Run("a pod that runs as root is refused", func(t *testing.T) {
		w := w.in(t)
		job := restricted("real", "root", "true")
		job.Spec.Template.Spec.SecurityContext.RunAsNonRoot = nil
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "real", Name: "root"}, Spec: job.Spec.Template.Spec}
		if err := w.Client.Create(t.Context(), pod); !apierrors.IsForbidden(err) {
			t.Errorf("got %v", err)
		}
	})
	w.Run("a job runs to its end and its log is read", func(t *testing.T) {
		w := w.in(t)
		job := restricted("real", "says", "echo hello from $(hostname); id; touch /x && echo writable; exit 0")
		w.create(job)
		w.untilJob(job, "is complete", func(s batchv1.JobStatus) bool { return s.Succeeded == 1 })
		log := w.kubectl("logs", "-n", "real", "job/says")
		if !strings.Contains(log, "hello from says-") || strings.Contains(log, "writable") {
			t.Errorf("the log is %q", log)
		}
	})
	w.Run("too much memory is an OOM kill", func(t *testing.T) {
		w := w.in(t)
		// The container runtime hears of the kill and of the end apart, and on a busy machine of the end first.
		out := ""
		for n := 0; n < 3 && out != "OOMKilled"; n++ {
			job := restricted("real", fmt.Sprint("eats-", n), "tail /dev/zero")
			job.Spec.Template.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("32Mi")}
			w.create(job)
			w.untilJob(job, "has failed", func(s batchv1.JobStatus) bool { return s.Failed == 1 })
			out = w.kubectl("get", "pods", "-n", "real", "-l", "job-name="+job.Name, "-o", "jsonpath={.items[0].status.containerStatuses[0].state.terminated.reason}")
		}
		if out != "OOMKilled" {
			t.Errorf("it ended as %s", out)
		}
	})
	w.Run("a token opens the API server's service address", func(t *testing.T) {
		w := w.in(t)
		job := restricted("real", "calls", `cd /var/run/secrets/kubernetes.io/serviceaccount && curl -sS --cacert ca.crt -H "Authorization: Bearer $(cat token)" https://$KUBERNETES_SERVICE_HOST/api/v1/namespaces/real/secrets`)
		w.create(job)
		w.untilJob(job, "is complete", func(s batchv1.JobStatus) bool { return s.Succeeded == 1 })
		if log := w.kubectl("logs", "-n", "real", "job/calls"); !strings.Contains(log, "system:serviceaccount:real:default") {
			t.Errorf("the API server does not know who calls: %s", log)
		}
	})
}

// restricted is a job of one container that runs a script as the restricted standard wants it.
func restricted(namespace, name, script string) *batchv1.Job {
	no, yes, once := false, true, int32(0)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: batchv1.JobSpec{BackoffLimit: &once, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "main", Image: runnerImage, Command: []string{"sh", "-c", script}, ImagePullPolicy: corev1.PullNever,
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		}}},
	}
}
