package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// logReader reads what the runs of one operation wrote, wherever they run.
type logReader struct {
	o         *Options
	pods      corev1client.PodsGetter
	namespace string
	// lead is what the manager puts before the lines of the object.
	lead string
	deed deed
	r    logRequest

	cursors map[string]*cursor
	// done are the containers that have been read to their end.
	done  map[string]bool
	lines int
	// here and there say which right is missing to read them in the object's
	// namespace and in the manager's.
	here, there error
}

func (o *Options) newLogReader(obj *v1alpha1.CdkTsStack, d deed, r logRequest) (*logReader, error) {
	config, _, err := o.config()
	if err != nil {
		return nil, err
	}
	pods, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &logReader{
		o: o, pods: pods, namespace: obj.Namespace, lead: obj.Namespace + "/" + obj.Name + " ", deed: d, r: r,
		cursors: map[string]*cursor{}, done: map[string]bool{},
	}, nil
}

// all reads what there is now.
func (l *logReader) all(ctx context.Context) error { return l.read(ctx, false) }

// more reads what is new. The containers of a run are read to their end.
func (l *logReader) more(ctx context.Context) error { return l.read(ctx, true) }

func (l *logReader) read(ctx context.Context, follow bool) error {
	l.here, l.there = nil, nil
	found, err := l.readRuns(ctx, follow)
	if err != nil || found {
		return err
	}
	beside, err := l.readManager(ctx)
	switch {
	case err != nil || l.here == nil || beside:
		return err
	case l.there == nil:
		return l.here
	}
	return fmt.Errorf("%w; or, where builds run beside the manager: %w", l.here, l.there)
}

// readRuns reads the pods of the operation's runs; found says whether there are
// any. Where they may not be listed, the logs may still be the manager's.
func (l *logReader) readRuns(ctx context.Context, follow bool) (found bool, err error) {
	list, err := l.pods.Pods(l.namespace).List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.RunLabel})
	if apierrors.IsForbidden(err) {
		l.here = l.o.mayNot(ctx, err, l.namespace, rightToLogs)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list the pods of runs: %w", err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return !isRunOf(p.Labels[v1alpha1.RunLabel], l.deed.id) })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	for i := range pods {
		if err := l.readPod(ctx, &pods[i], follow); err != nil {
			return true, err
		}
	}
	return len(pods) > 0, nil
}

// isRunOf says whether a run of that name is one of an operation.
func isRunOf(run, operation string) bool {
	return run == operation || strings.HasPrefix(run, operation+"-")
}

// moment is how long a stage that begins or ends is waited for.
const moment = 200 * time.Millisecond

// readPod reads the stages of a run in their order. With follow it goes on while
// one of them runs, also after a connection that ended before.
func (l *logReader) readPod(ctx context.Context, pod *corev1.Pod, follow bool) error {
	for {
		runs, err := l.readStages(ctx, pod, follow)
		if err != nil || !runs || !follow {
			return err
		}
		if !sleep(ctx, moment) {
			return why(ctx)
		}
		switch pod, err = l.pods.Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{}); {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return fmt.Errorf("read the pod of the run: %w", err)
		}
	}
}

// readStages reads the stages that have begun; runs says whether there are more
// to come.
func (l *logReader) readStages(ctx context.Context, pod *corev1.Pod, follow bool) (runs bool, err error) {
	for i, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		ended := status.State.Terminated
		if ended == nil && status.State.Running == nil {
			return i > 0, nil
		}
		key := string(pod.UID) + "/" + status.Name
		if !l.done[key] && (len(l.r.containers) == 0 || slices.Contains(l.r.containers, status.Name)) {
			if err := l.advance(ctx, l.cursor(key, pod, status.Name), follow); err != nil {
				return false, err
			}
			l.done[key] = ended != nil
		}
		if ended == nil || ended.ExitCode != 0 {
			return ended == nil, nil
		}
	}
	return false, nil
}

func (l *logReader) cursor(key string, pod *corev1.Pod, container string) *cursor {
	if l.cursors[key] == nil {
		l.cursors[key] = &cursor{pods: l.pods, namespace: pod.Namespace, pod: pod.Name, container: container, out: l.o.Streams.Out}
	}
	return l.cursors[key]
}

// advance reads on. A connection that breaks is made again, as long as it brings
// something; a pod that is gone has nothing more to say.
func (l *logReader) advance(ctx context.Context, c *cursor, follow bool) error {
	for failed := 0; ; {
		n, err := c.read(ctx, follow)
		l.lines += n
		switch {
		case err == nil || apierrors.IsNotFound(err):
			return nil
		case apierrors.IsForbidden(err):
			return l.o.mayNot(ctx, err, c.namespace, rightToLogs)
		case ctx.Err() != nil:
			return why(ctx)
		case n > 0:
			failed = 0
		}
		if failed++; failed > 5 {
			return fmt.Errorf("read the log of %s in %s: %w", c.container, c.pod, err)
		}
		if !sleep(ctx, watchPeriod) {
			return why(ctx)
		}
	}
}

// readManager reads the manager's log, in which the lines of runs are led by the
// object's name; beside says whether there is a manager that runs them itself.
func (l *logReader) readManager(ctx context.Context) (beside bool, err error) {
	list, err := l.pods.Pods(l.r.manager).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=awscdk-operator"})
	if apierrors.IsForbidden(err) {
		l.there = l.o.mayNot(ctx, err, l.r.manager, rightToLogs)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list the operator's pods: %w", err)
	}
	for i := range list.Items {
		pod := &list.Items[i]
		if len(pod.Spec.Containers) == 0 || runsInJobs(pod) {
			continue
		}
		beside = true
		c := l.cursor(string(pod.UID), pod, pod.Spec.Containers[0].Name)
		if c.lead == "" {
			c.lead, c.stages, c.until, c.last = l.lead, l.r.containers, l.deed.to, l.deed.from.Add(-time.Nanosecond)
		}
		if err := l.advance(ctx, c, false); err != nil {
			return beside, err
		}
	}
	return beside, nil
}

// runsInJobs says whether a manager has its builds in Jobs.
func runsInJobs(pod *corev1.Pod) bool {
	args := slices.Concat(pod.Spec.Containers[0].Command, pod.Spec.Containers[0].Args)
	at := slices.Index(args, "--executor")
	return slices.Contains(args, "--executor=Job") || at >= 0 && at+1 < len(args) && args[at+1] == "Job"
}
