package job

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"awscdk.dev/operator/internal/problem"
)

// errSecretGone marks a run whose Secret was deleted before it had begun.
var errSecretGone = errors.New("the Secret of the run is gone")

// refusedBy judges an error of the API server; nil stays nil. What it refuses
// waits for somebody to put it right; what is no refusal passes.
func refusedBy(err error, namespace string) error {
	if err == nil {
		return nil
	}
	message := problem.Cut(err.Error(), 600)
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return terminating(namespace)
	case strings.Contains(message, "denied the request"), strings.Contains(message, "denied request"): // a webhook, a policy
		return refusal(namespace, message)
	case apierrors.IsInvalid(err):
		return errInvalid.Because(err, "the API server does not take the run's Job as it is (%s): correct spec.runner", message)
	case apierrors.IsRequestEntityTooLargeError(err):
		return errTooLarge.Because(err, "the API server does not take so large a Secret (%s): put long hook scripts and large values into the repository", message)
	case apierrors.IsNotFound(err) && kindOf(err) == "namespaces":
		return terminating(namespace)
	case apierrors.IsForbidden(err) && isRBAC(err):
		return errForbidden.Because(err, "the operator may not do what runs need (%s): apply the RBAC rules of its chart, see docs/how-to/run-in-jobs.md", message)
	case apierrors.IsForbidden(err):
		return refusal(namespace, message)
	}
	return fmt.Errorf("speak with the API server about a run: %w", err)
}

// isRBAC says whether the API server refuses the operator itself, and not what it
// sends: an authorizer names the user that it refuses.
func isRBAC(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && status.ErrStatus.Details != nil && rbacWords.MatchString(status.ErrStatus.Message)
}

// kindOf is the resource that an error is about.
func kindOf(err error) string {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || status.ErrStatus.Details == nil {
		return ""
	}
	return status.ErrStatus.Details.Kind
}
