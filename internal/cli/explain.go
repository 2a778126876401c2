package cli

import (
	"context"
	"errors"
	"net"
	"net/url"

	"awscdk.dev/operator/api/v1alpha1"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// errTimeout is a command whose --timeout is over.
var errTimeout = errors.New("timed out")

// explained is an error with what to do about it.
func (o *Options) explained(err error) string {
	text := err.Error()
	_, unknown := errors.AsType[errNoCluster](err)
	switch {
	case unknown:
		return text + "; kubectl config get-contexts lists the clusters that your kubeconfig knows"
	case isUnserved(err):
		return "this cluster does not have the kind CdkTsStack: install the AWS CDK Operator, or choose another cluster with --context (" + text + ")"
	case apierrors.IsForbidden(err) && isOurs(err):
		return text + `; the ClusterRole "view" lets you see CdkTsStacks, "edit" change them: ask for a RoleBinding to it in this namespace`
	case apierrors.IsUnauthorized(err):
		return text + "; the API server does not take your credentials: log in again, and try kubectl auth whoami"
	case errors.Is(err, errTimeout):
		return text
	case isUnreachable(err):
		return text + "; the API server cannot be reached: kubectl cluster-info tries the same"
	}
	return text
}

// isUnserved says whether the API server does not know the kind at all.
func isUnserved(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// isOurs says whether an error is RBAC's about a CdkTsStack. An admission policy
// that refuses has its own words, and causes.
func isOurs(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	d := status.Status().Details
	return d != nil && d.Group == v1alpha1.GroupVersion.Group && len(d.Causes) == 0
}

func isUnreachable(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	_, ok := errors.AsType[*url.Error](err)
	return ok || errors.Is(err, context.DeadlineExceeded)
}
