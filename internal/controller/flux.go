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
func (r *Reconciler) fluxHead(ctx context.Context, obj *v1alpha1.CdkTsStack) decide.Head {
	artifact, err := r.artifact(ctx, obj)
	if err != nil {
		return decide.Head{Err: err}
	}
	return decide.Head{Known: true, Revision: artifact.Commit(), SeenAt: r.Now()}
}

// artifact reads the Flux source of the object's own namespace.
func (r *Reconciler) artifact(ctx context.Context, obj *v1alpha1.CdkTsStack) (fluxsource.Artifact, error) {
	ref := obj.Spec.Source.SourceRef
	var source unstructured.Unstructured
	source.SetGroupVersionKind(schema.GroupVersionKind{Group: fluxsource.Group, Version: fluxsource.Version, Kind: ref.Kind})
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: obj.Namespace, Name: ref.Name}, &source)
	switch {
	case meta.IsNoMatchError(err):
		return fluxsource.Artifact{}, errFluxNotInstalled.New(
			"spec.source.sourceRef names a %s and the cluster does not know that kind: install Flux's source-controller, or use spec.source.git", ref.Kind)
	case apierrors.IsNotFound(err):
		return fluxsource.Artifact{}, errSourceNotFound.New(
			"the %s %s/%s that spec.source.sourceRef names does not exist: create it", ref.Kind, obj.Namespace, ref.Name)
	case err != nil:
		return fluxsource.Artifact{}, errSourceUnreadable.New(
			"the %s %s/%s cannot be read: %v", ref.Kind, obj.Namespace, ref.Name, err)
	}
	artifact, err := fluxsource.FromObject(source.Object)
	return artifact, waits(err)
}

// runArtifact is the artifact that a run takes, nil when the source is git. A
// deployment takes the one that it is about; Flux keeps older ones only for a
// while, so a newer one may have taken its place.
func (r *Reconciler) runArtifact(ctx context.Context, obj *v1alpha1.CdkTsStack, op *v1alpha1.Operation) (*fluxsource.Artifact, error) {
	if obj.Spec.Source.SourceRef == nil {
		return nil, nil
	}
	artifact, err := r.artifact(ctx, obj)
	if err != nil {
		return nil, err
	}
	if op.Kind == v1alpha1.OperationDeploy && artifact.Commit() != op.Target.Revision {
		return nil, errSourceMoved.New(
			"%s now offers %s and no longer %s: order a deployment to take it", decide.Tracked(&obj.Spec), artifact.Revision, op.Target.Revision)
	}
	return &artifact, nil
}
