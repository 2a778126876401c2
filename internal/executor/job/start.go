package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// Start starts a run or lets it wait for its turn; see executor.Executor. A run
// that was lost gets another Job, one whose Secret was deleted another Secret.
func (e *Executor) Start(ctx context.Context, name string, req run.Request, secrets run.Secrets) error {
	if err := executor.CheckName(name); err != nil {
		return err
	}
	j, err := e.cached(ctx, name)
	if err != nil {
		return err
	}
	need, err := e.needs(ctx, j)
	if err != nil || need == nothing {
		return err
	}
	if j != nil && e.isRemoved(j) {
		j = nil
	}
	en, err := e.admit(name, req, secrets, j)
	if err != nil || en == nil {
		return err
	}
	return e.finish(en, e.make(ctx, en, j, need))
}

// needed is what a run still needs to be started.
type needed int

const (
	nothing needed = iota
	// aJob: there is none, or it was made and not let go yet.
	aJob
	// anotherJob: it was lost.
	anotherJob
	// anotherImage: it waits for an image that runs no longer have.
	anotherImage
	// aSecret: its own was deleted, or is so old that what it says may have ended.
	aSecret
)

// needs judges the Job that the cache shows, nil for none.
func (e *Executor) needs(ctx context.Context, j *batchv1.Job) (needed, error) {
	if j == nil {
		return aJob, nil
	}
	if e.isRemoved(j) {
		return aJob, nil // its name may be free already: the API server knows
	}
	seen, err := e.look(ctx, j)
	if err != nil {
		return nothing, err
	}
	switch {
	case seen.state == unarmed:
		return aJob, nil
	case seen.state == lost && lostBefore(j)+1 < maxLost:
		return anotherJob, nil
	case seen.state == alive && e.hasOldImage(j, seen):
		return anotherImage, nil
	case seen.state == alive && (e.memos.secretGone(j.Name) || e.stale(j, seen)):
		return aSecret, nil
	}
	return nothing, nil
}

func removing(name string) error {
	return executor.ErrRemoving.New("start run %s: the run is being removed", name)
}

// admit makes an entry of a run that is to be made now; nil when it need not be:
// it is being made already, or waits for its turn from now on.
func (e *Executor) admit(name string, req run.Request, secrets run.Secrets, j *batchv1.Job) (*entry, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, executor.ErrClosed.New("the executor is closed")
	}
	if en := e.entries[name]; en != nil {
		switch {
		case en.state == refused:
			delete(e.entries, name)
			return nil, en.err
		case en.doomed:
			return nil, removing(name)
		case en.state == queued:
			en.secrets, en.given = secrets, e.o.Now()
			return nil, nil
		case en.state != made || j == nil || j.UID == en.job && !isArmed(j):
			return nil, nil
		}
	}
	if req.Timeout <= 0 {
		req.Timeout = defaultTimeout
	}
	en := &entry{name: name, request: req, secrets: secrets, given: e.o.Now(), state: making}
	e.entries[name] = en
	if j == nil && (!e.queue.Empty() || !e.hasRoom(en)) {
		en.state = queued
		e.queue.Push(en)
		e.poke()
		return nil, nil
	}
	return en, nil
}

// finish notes how the making of a run went, and ends one that was removed
// meanwhile.
func (e *Executor) finish(en *entry, err error) error {
	e.mu.Lock()
	en.secrets = run.Secrets{}
	if err != nil || en.doomed {
		delete(e.entries, en.name)
	} else {
		en.state, en.madeAt = made, e.o.Now()
	}
	doomed := en.doomed
	e.mu.Unlock()
	if doomed && en.job != "" {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		return errors.Join(err, e.delete(ctx, en.request.Namespace, en.name, en.job, metav1.DeletePropagationForeground))
	}
	return err
}

// make makes what a run needs. Each step may be repeated; j is the Job that is
// there, nil for none.
func (e *Executor) make(ctx context.Context, en *entry, j *batchv1.Job, need needed) error {
	b := e.blueprint(en)
	if len(b.stages) == 0 {
		return problem.NotSupported.New("this version of the operator cannot carry out the operation %q", en.request.Operation)
	}
	if need == anotherJob || need == anotherImage {
		b.lost = lostBefore(j)
		if need == anotherJob {
			b.lost++
		}
		e.mu.Lock()
		e.lost[en.name] = b.lost
		e.mu.Unlock()
		// Its pods have ended or never began, so that its name may be free at once.
		if err := e.delete(ctx, j.Namespace, j.Name, j.UID, metav1.DeletePropagationBackground); err != nil {
			return err
		}
	}
	data, err := e.secretData(b, en.secrets)
	if err != nil {
		return err
	}
	live, err := e.ensureJob(ctx, b)
	if err != nil {
		return err
	}
	en.job = live.UID
	armed := isArmed(live)
	if armed && need != aSecret {
		return nil // another manager was faster, or the cache is late
	}
	if err := e.ensureSecret(ctx, secret(b, live, data)); err != nil {
		return err
	}
	e.memos.give(en.name, e.o.Now())
	if armed {
		return nil // whoever has suspended it meanwhile meant it
	}
	return e.arm(ctx, live)
}

func (e *Executor) blueprint(en *entry) blueprint {
	b := blueprint{
		name: en.name, request: en.request, stages: run.Stages(en.request), passed: e.names,
		set:   newSettings(e.o.Defaults, en.request.Runner),
		token: en.secrets.KubernetesToken != "",
	}
	e.mu.Lock()
	b.lost = e.lost[en.name]
	e.mu.Unlock()
	return b
}

// callTimeout bounds the calls of what nobody waits for.
const callTimeout = 30 * time.Second

// ensureJob makes the Job, suspended, or takes the one that is there.
func (e *Executor) ensureJob(ctx context.Context, b blueprint) (*batchv1.Job, error) {
	j := e.job(b)
	err := e.o.Client.Create(ctx, j)
	if err == nil {
		return j, nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return nil, refusedBy(err, b.request.Namespace)
	}
	is, err := e.liveJob(ctx, b.request.Namespace, b.name)
	if err != nil {
		return nil, err
	}
	if is == nil {
		return nil, removing(b.name) // it went in this moment
	}
	owner, _ := ownerOf(is)
	switch {
	case is.Labels[LabelRun] != b.name || owner.UID != types.UID(b.request.UID):
		return nil, errNameTaken.New("the Job %s/%s is not of this object's run, although it has its name: delete it with kubectl delete job -n %s %s", is.Namespace, is.Name, is.Namespace, is.Name)
	case e.isRemoved(is):
		return nil, removing(b.name)
	}
	return is, nil
}

// ensureSecret makes the Secret, or fills the one that is there anew: its keys
// may have changed since it was made.
func (e *Executor) ensureSecret(ctx context.Context, s *corev1.Secret) error {
	err := e.o.Client.Create(ctx, s.DeepCopy())
	if err == nil {
		return nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return refusedBy(err, s.Namespace)
	}
	var is corev1.Secret
	if err := e.o.Live.Get(ctx, client.ObjectKeyFromObject(s), &is); err != nil {
		return collected(err, s)
	}
	for _, o := range is.OwnerReferences {
		if o.Kind == "Job" && o.Name == s.Name {
			// It may still be that of a Job before this one, about to be collected.
			is.Data, is.OwnerReferences = s.Data, s.OwnerReferences
			return collected(e.o.Client.Update(ctx, &is), s)
		}
	}
	return errNameTaken.New("the Secret %s/%s is not of this object's run, although it has its name: delete it with kubectl delete secret -n %s %s", is.Namespace, is.Name, is.Namespace, is.Name)
}

// collected judges an error about a Secret that goes in this moment.
func collected(err error, s *corev1.Secret) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return removing(s.Name)
	}
	return refusedBy(err, s.Namespace)
}

// arm lets a Job go that has its Secret.
func (e *Executor) arm(ctx context.Context, j *batchv1.Job) error {
	patch := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:"true"}},"spec":{"suspend":false}}`, j.UID, annotationArmed)
	target := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: j.Namespace, Name: j.Name}}
	err := e.o.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return removing(j.Name) // another Job has the name by now
	}
	return refusedBy(err, j.Namespace)
}
