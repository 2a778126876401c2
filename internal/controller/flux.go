package controller

import (
	"context"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/fluxsource"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// +kubebuilder:rbac:groups=source.toolkit.fluxcd.io,resources=gitrepositories;ocirepositories;buckets,verbs=get

// fluxHead is what the object's Flux source offers now.
func (p *pass) fluxHead(ctx context.Context) decide.Head {
	artifact, err := p.artifact(ctx)
	if err != nil {
		return decide.Head{Err: err}
	}
	return decide.Head{Known: true, Revision: artifact.Commit(), SeenAt: p.Now()}
}

// artifact reads the Flux source of the object's own namespace.
func (p *pass) artifact(ctx context.Context) (fluxsource.Artifact, error) {
	ref := p.obj.Spec.Source.SourceRef
	var source unstructured.Unstructured
	source.SetGroupVersionKind(schema.GroupVersionKind{Group: fluxsource.Group, Version: fluxsource.Version, Kind: ref.Kind})
	err := p.Live.Get(ctx, types.NamespacedName{Namespace: p.obj.Namespace, Name: ref.Name}, &source)
	switch {
	case meta.IsNoMatchError(err):
		return fluxsource.Artifact{}, errFluxNotInstalled.New(
			"spec.source.sourceRef names a %s and the cluster does not know that kind: install Flux's source-controller, or use spec.source.git", ref.Kind)
	case apierrors.IsNotFound(err):
		return fluxsource.Artifact{}, errSourceNotFound.New(
			"the %s %s/%s that spec.source.sourceRef names does not exist: create it", ref.Kind, p.obj.Namespace, ref.Name)
	case err != nil:
		return fluxsource.Artifact{}, errSourceUnreadable.New(
			"the %s %s/%s cannot be read: %v", ref.Kind, p.obj.Namespace, ref.Name, err)
	}
	artifact, err := fluxsource.FromObject(source.Object)
	return artifact, waits(err)
}

// runArtifact is the artifact that a run takes, nil when the source is git. A
// deployment takes the one that it is about; Flux keeps older ones only for a
// while, so a newer one may have taken its place.
func (p *pass) runArtifact(ctx context.Context, op *v1alpha1.Operation) (*fluxsource.Artifact, error) {
	if p.obj.Spec.Source.SourceRef == nil {
		return nil, nil
	}
	artifact, err := p.artifact(ctx)
	if err != nil {
		return nil, err
	}
	if op.Kind == v1alpha1.OperationDeploy && artifact.Commit() != op.Target.Revision {
		return nil, errSourceMoved.New(
			"%s now offers %s and no longer %s: request a deployment to take it", decide.Tracked(&p.obj.Spec), artifact.Revision, op.Target.Revision)
	}
	return &artifact, nil
}
