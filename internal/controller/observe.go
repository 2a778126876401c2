package controller

import (
	"cmp"
	"context"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/git"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// observe looks at what decide.Look asks for, and at nothing else. What could
// not be seen is an error beside the value.
func (r *Reconciler) observe(ctx context.Context, obj *v1alpha1.CdkTsStack, settings decide.Settings) decide.Observed {
	needs := decide.Look(obj, r.Now(), settings)
	var seen decide.Observed
	if needs.Head {
		seen.Head = r.head(ctx, obj, needs)
	}
	if needs.Run != "" {
		r.wake.onRun(needs.Run, client.ObjectKeyFromObject(obj))
		seen.Run = r.Executor.Observe(ctx, needs.Run)
	}
	if needs.Rival {
		r.wake.onStack(needs.Place, client.ObjectKeyFromObject(obj)) // before the look, so that no end is missed
	} else {
		r.wake.offStack(client.ObjectKeyFromObject(obj))
	}
	if !needs.Credentials {
		if needs.Rival {
			seen.Rival = r.rival(ctx, obj, "", needs.Place)
		}
		return seen
	}
	aws, err := r.aws(ctx, obj)
	if err != nil {
		seen.Credentials = err
		return seen
	}
	if needs.Reader && needs.Stack != "" {
		seen.Stack, needs.Stack = r.stackRead(ctx, obj, needs.Stack), ""
	}
	observeAWS(ctx, aws, needs, &seen)
	if needs.Rival {
		seen.Rival = r.rival(ctx, obj, cmp.Or(seen.ChangeSet.StackID, seen.Stack.ID), needs.Place)
	}
	if needs.Drift != "" {
		seen.Drift = r.drift(ctx, obj, needs)
	}
	return seen
}

// head asks what the ref points to; the answer of the one look that is made
// for all stacks of the repository wakes the object.
func (r *Reconciler) head(ctx context.Context, obj *v1alpha1.CdkTsStack, needs decide.Needs) decide.Head {
	if obj.Spec.Source.SourceRef != nil {
		return r.fluxHead(ctx, obj)
	}
	remote, err := r.remote(ctx, obj)
	if err != nil {
		return decide.Head{Err: err}
	}
	r.wake.onHead(r.Heads.Key(remote), client.ObjectKeyFromObject(obj))
	selector := git.Selector{Ref: obj.Spec.Source.Git.Ref, Semver: obj.Spec.Source.Git.Semver}
	head, _ := r.Heads.Select(remote, selector, r.Now().Sub(needs.HeadNotBefore))
	tag := ""
	if selector.Semver != "" {
		tag = head.Tag()
	}
	return decide.Head{
		Known:    head.Revision != "",
		Revision: head.Revision,
		Tag:      tag,
		SeenAt:   head.Seen,
		RetryAt:  head.Retry,
		Err:      waits(head.Err),
	}
}

// remote is the object's repository with its credentials.
func (r *Reconciler) remote(ctx context.Context, obj *v1alpha1.CdkTsStack) (git.Remote, error) {
	repository, err := git.ParseRepository(obj.Spec.Source.Git.Repository)
	if err != nil {
		return git.Remote{}, waits(err)
	}
	credentials, err := r.gitCredentials(ctx, obj)
	if err != nil {
		return git.Remote{}, err
	}
	return git.Remote{Repository: repository, Credentials: credentials}, nil
}

func observeAWS(ctx context.Context, aws *cloudformation.Client, needs decide.Needs, seen *decide.Observed) {
	if needs.Stack != "" {
		seen.Stack = aws.Stack(ctx, needs.Stack)
		seen.Stack.Err = judged(seen.Stack.Err)
	}
	if needs.ChangeSet != "" {
		seen.ChangeSet = aws.ChangeSet(ctx, needs.Stack, needs.ChangeSet)
		seen.ChangeSet.Err = judged(seen.ChangeSet.Err)
	}
	if needs.Events != "" && seen.Stack.Exists {
		seen.Events = aws.Events(ctx, seen.Stack.ID, needs.Events, needs.EventsSince)
		seen.Events.Err = judged(seen.Events.Err)
	}
	if needs.Bootstrap != "" && !seen.ChangeSet.Exists {
		version, err := aws.BootstrapVersion(ctx, needs.Bootstrap)
		seen.Bootstrap = decide.Bootstrap{Seen: err == nil, Version: version, Err: judged(err)}
	}
}
