package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
)

// pass is one pass over one object: what it reads, it reads once, so that all
// of it sees one state.
type pass struct {
	*Reconciler
	obj *v1alpha1.CdkTsStack
	// secrets are the Secrets that were read, by name.
	secrets map[string]map[string][]byte
	// looks: nothing is changed by this pass but the status, so that a Secret that
	// was read a moment ago will do.
	looks bool
}

func (r *Reconciler) pass(obj *v1alpha1.CdkTsStack) *pass {
	return &pass{Reconciler: r, obj: obj, secrets: map[string]map[string][]byte{}}
}

// run observes, decides, saves, reports and acts, once.
func (p *pass) run(ctx context.Context) (after time.Duration, err error) {
	p.Metrics.Passed(p.obj)
	ctx = cloudformation.InTurn(ctx, string(p.obj.UID))
	settings := p.settings(ctx)
	seen := p.observe(ctx, settings)
	p.doubtSession(seen.Stack.Err, seen.ChangeSet.Err, seen.Events.Err, seen.Drift.Err, seen.Policies.TemplateErr)
	if wait := putOff(ctx); wait > 0 {
		return wait, nil
	}
	d := decide.Decide(p.obj, seen, p.Now(), settings)
	if err := p.commit(ctx, d, seen); err != nil {
		return 0, err
	}
	if d.Action == decide.ActLetGo {
		return 0, p.letGo(ctx)
	}
	if p.looks && d.Action != decide.ActDetectDrift {
		p.looks, p.secrets = false, map[string]map[string][]byte{}
	}
	acted := p.act(ctx, d.Action, seen)
	p.doubtSession(acted.Err)
	if acted.Err == nil && !d.Action.Tells() {
		return d.After, nil
	}
	if wait := putOff(ctx); wait > 0 {
		return wait, nil // the intent is saved: the next pass acts
	}
	seen.Acted = &acted
	d = decide.Decide(p.obj, seen, p.Now(), settings)
	if err := p.commit(ctx, d, seen); err != nil {
		return 0, err
	}
	if d.Action != decide.ActNothing {
		return time.Nanosecond, nil // the next pass acts, on what it sees then
	}
	return d.After, nil
}

// maxPutOff is how long a pass is put off without a word, when others have
// their turn at the object's account first. Beyond that it is told.
const maxPutOff = time.Minute

// putOff is how long it is until the pass has its turn at AWS, 0 when it had it.
// Nothing that was seen counts then: no worker waits for it.
func putOff(ctx context.Context) time.Duration {
	if wait := cloudformation.Wait(ctx); wait <= maxPutOff {
		return wait
	}
	return 0
}

// commit saves what was decided, the whole of a plan first, and only then tells anybody about it and
// clears away what it leaves behind.
func (p *pass) commit(ctx context.Context, d decide.Decision, seen decide.Observed) error {
	before := p.obj.DeepCopy()
	p.keepPlan(ctx, d, seen)
	p.keepCauses(ctx, d, seen)
	if err := p.save(ctx, p.obj, d.Status); err != nil {
		return err
	}
	p.reporter().Report(before, p.obj, seen)
	p.keepOutputs(ctx, p.obj)
	p.tellGaps(p.obj)
	p.tidy(cloudformation.Insisting(ctx), before, p.obj)
	return nil
}

// secret reads a Secret of the object's own namespace; no other is ever read.
// A missing one is a Problem that passes when it returns.
func (p *pass) secret(ctx context.Context, name, field string) (map[string][]byte, error) {
	if data, known := p.secrets[name]; known {
		return data, nil
	}
	key := types.NamespacedName{Namespace: p.obj.Namespace, Name: name}
	if data, known := p.recent.get(key, p.Now()); known && p.looks {
		p.secrets[name] = data
		return data, nil
	}
	s, err := p.liveSecret(ctx, name, field)
	if err != nil {
		return nil, err
	}
	p.secrets[name] = s.Data
	p.recent.put(key, s.Data, p.Now())
	return s.Data, nil
}

// liveSecret reads a Secret of the object's own namespace from the API server.
func (p *pass) liveSecret(ctx context.Context, name, field string) (*corev1.Secret, error) {
	var s corev1.Secret
	err := p.Live.Get(ctx, types.NamespacedName{Namespace: p.obj.Namespace, Name: name}, &s)
	switch {
	case apierrors.IsNotFound(err):
		return nil, errSecretNotFound.New(
			"the Secret %s/%s that %s names does not exist: create it%s", p.obj.Namespace, name, field, p.wayOut())
	case err != nil:
		return nil, errSecretUnreadable.New(
			"the Secret %s/%s that %s names cannot be read: %v", p.obj.Namespace, name, field, err)
	}
	return &s, nil
}

// wayOut is what is left to do about a deleted object that waits for something
// missing: where the whole namespace is deleted, nobody can create it any more.
func (p *pass) wayOut() string {
	if p.obj.DeletionTimestamp.IsZero() {
		return ""
	}
	return fmt.Sprintf("; or, where the namespace is being deleted and nothing can be created in it, let the stack stay in AWS with kubectl patch cdk %s -n %s --type=merge -p '{\"spec\":{\"actions\":{\"destroy\":false}}}' and delete it by hand", p.obj.Name, p.obj.Namespace)
}

// configMap reads a ConfigMap of the object's own namespace.
func (p *pass) configMap(ctx context.Context, name, field string) (map[string]string, error) {
	var c corev1.ConfigMap
	err := p.Live.Get(ctx, types.NamespacedName{Namespace: p.obj.Namespace, Name: name}, &c)
	switch {
	case apierrors.IsNotFound(err):
		return nil, errConfigMapNotFound.New(
			"the ConfigMap %s/%s that %s names does not exist: create it%s", p.obj.Namespace, name, field, p.wayOut())
	case err != nil:
		return nil, errConfigMapUnreadable.New(
			"the ConfigMap %s/%s that %s names cannot be read: %v", p.obj.Namespace, name, field, err)
	}
	return c.Data, nil
}
