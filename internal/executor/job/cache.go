package job

import (
	"context"
	"fmt"
	"reflect"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Selector chooses what belongs to runs.
func Selector() labels.Selector {
	// Neither is a wrong requirement.
	ours, _ := labels.NewRequirement(labelManagedBy, selection.Equals, []string{managedBy})
	runs, _ := labels.NewRequirement(LabelRun, selection.Exists, nil)
	return labels.NewSelector().Add(*ours, *runs)
}

// CacheObjects are the options by which a manager's cache holds the Jobs and the
// pods of runs, no others, and of them only what New needs.
func CacheObjects() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&batchv1.Job{}: {Label: Selector(), Transform: leanJob},
		&corev1.Pod{}:  {Label: Selector(), Transform: leanPod},
	}
}

// leanJob leaves out of a Job what nobody reads from the cache.
func leanJob(obj any) (any, error) {
	j, ok := obj.(*batchv1.Job)
	if !ok {
		return obj, nil
	}
	j.ManagedFields = nil
	spec := j.Spec.Template.Spec
	j.Spec = batchv1.JobSpec{Suspend: j.Spec.Suspend, ActiveDeadlineSeconds: j.Spec.ActiveDeadlineSeconds}
	j.Spec.Template.Spec = corev1.PodSpec{InitContainers: leanContainers(spec.InitContainers), Containers: leanContainers(spec.Containers)}
	return j, nil
}

func leanContainers(all []corev1.Container) []corev1.Container {
	lean := make([]corev1.Container, 0, len(all))
	for _, c := range all {
		lean = append(lean, corev1.Container{Name: c.Name, Image: c.Image, Resources: corev1.ResourceRequirements{Limits: c.Resources.Limits}})
	}
	return lean
}

// leanPod does the same for a pod.
func leanPod(obj any) (any, error) {
	p, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	p.ManagedFields, p.Annotations = nil, nil
	p.Spec = corev1.PodSpec{NodeName: p.Spec.NodeName}
	s := p.Status
	p.Status = corev1.PodStatus{
		Phase: s.Phase, Reason: s.Reason, Message: s.Message, Conditions: leanConditions(s.Conditions),
		InitContainerStatuses: leanStatuses(s.InitContainerStatuses), ContainerStatuses: leanStatuses(s.ContainerStatuses),
	}
	return p, nil
}

func leanConditions(all []corev1.PodCondition) []corev1.PodCondition {
	var lean []corev1.PodCondition
	for _, c := range all {
		if c.Type == corev1.PodScheduled || c.Type == corev1.DisruptionTarget {
			lean = append(lean, corev1.PodCondition{Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message, LastTransitionTime: c.LastTransitionTime})
		}
	}
	return lean
}

func leanStatuses(all []corev1.ContainerStatus) []corev1.ContainerStatus {
	lean := make([]corev1.ContainerStatus, 0, len(all))
	for _, c := range all {
		lean = append(lean, corev1.ContainerStatus{Name: c.Name, Image: c.Image, State: c.State})
	}
	return lean
}

// Cache holds the Jobs and the pods of runs; that of a manager with CacheObjects
// among its options does.
type Cache interface {
	client.Reader
	cache.Informers
}

// indexRun finds Jobs and pods by the name of their run.
const indexRun = "run"

func runOf(o client.Object) []string { return []string{o.GetLabels()[LabelRun]} }

// follow has the cache hold what belongs to runs, and tells of its changes.
func (e *Executor) follow(ctx context.Context) error {
	for _, kind := range []client.Object{&batchv1.Job{}, &corev1.Pod{}} {
		if err := e.o.Cache.IndexField(ctx, kind, indexRun, runOf); err != nil {
			return fmt.Errorf("index the runs: %w", err)
		}
		informer, err := e.o.Cache.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch the runs: %w", err)
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: func(obj any) { e.changed(obj) },
			UpdateFunc: func(was, is any) {
				if !sameStatus(was, is) {
					e.changed(is)
				}
			},
			DeleteFunc: func(obj any) { e.gone(obj) },
		})
		if err != nil {
			return fmt.Errorf("watch the runs: %w", err)
		}
	}
	return nil
}

// sameStatus says whether an update tells nothing new of a run.
func sameStatus(was, is any) bool {
	a, okA := was.(*corev1.Pod)
	b, okB := is.(*corev1.Pod)
	return okA && okB && reflect.DeepEqual(a.Status, b.Status) && a.Spec.NodeName == b.Spec.NodeName && a.DeletionTimestamp.IsZero() == b.DeletionTimestamp.IsZero()
}

// changed announces a run of which something was seen, and lets others have their
// turn: a Job may have ended.
func (e *Executor) changed(obj any) {
	if o, ok := obj.(metav1.Object); ok {
		e.announce(o.GetLabels()[LabelRun])
	}
}

// gone notes that a Job or a pod is no more.
func (e *Executor) gone(obj any) {
	if last, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	if o, ok := obj.(metav1.Object); ok {
		e.mu.Lock()
		delete(e.removed, o.GetUID())
		delete(e.podlessAt, o.GetUID())
		name := o.GetLabels()[LabelRun]
		if en := e.entries[name]; en != nil && en.state == made && en.job == o.GetUID() {
			delete(e.entries, name)
		}
		e.mu.Unlock()
		e.announce(name)
	}
}

func (e *Executor) announce(name string) {
	if name != "" {
		e.telling.Lock()
		e.o.Notify(name)
		e.telling.Unlock()
	}
	e.poke()
}

// cached are the Jobs of a name as the cache shows them; there is one at most,
// unless somebody has made another that looks like it.
func (e *Executor) cached(ctx context.Context, name string) (*batchv1.Job, error) {
	var all batchv1.JobList
	if err := e.o.Cache.List(ctx, &all, client.MatchingFields{indexRun: name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("look for the Job of the run %s: %w", name, err)
	}
	for i := range all.Items {
		if j := &all.Items[i]; j.Name == name && e.ours(j) {
			return j, nil
		}
	}
	return nil, nil
}

// ours says whether a Job is of the run that it is named after: names carry who
// the run is of, so that nobody in another namespace can speak for it.
func (e *Executor) ours(j *batchv1.Job) bool {
	owner, ok := ownerOf(j)
	return ok && (e.o.Belongs == nil || e.o.Belongs(j.Name, j.Namespace, owner.Name, owner.UID))
}

// podsOf are the pods of a run as the cache shows them.
func (e *Executor) podsOf(ctx context.Context, j *batchv1.Job) ([]corev1.Pod, error) {
	var all corev1.PodList
	if err := e.o.Cache.List(ctx, &all, client.MatchingFields{indexRun: j.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("look for the pods of the run %s: %w", j.Name, err)
	}
	return all.Items, nil
}
