package controller

import (
	"context"
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/preflight"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The operator can make tokens for accounts of this one name only, and bind
// this one role only.
//
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=create
// +kubebuilder:rbac:groups="",resources=serviceaccounts/token,resourceNames=awscdk-operator-hooks,verbs=create
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=create
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,resourceNames=awscdk-operator-hooks,verbs=get;update
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=awscdk-operator-hooks,verbs=bind

// inQueue is how long a run may wait for its turn before its token is too old.
const inQueue = 30 * time.Minute

// hookToken makes a token of the hooks' identity in the object's namespace
// that ends soon after the run must have.
func (r *Reconciler) hookToken(ctx context.Context, obj *v1alpha1.CdkTsStack, lasts time.Duration) (string, error) {
	if r.Kubernetes.Server == "" {
		return "", fmt.Errorf("the operator was not told where the API server is")
	}
	if err := r.keepHookBinding(ctx, obj.Namespace); err != nil {
		return "", err
	}
	account := &corev1.ServiceAccount{ObjectMeta: hookMeta(obj.Namespace)}
	token, err := r.requestToken(ctx, account, lasts)
	if !apierrors.IsNotFound(err) {
		return token, err
	}
	if err := r.Client.Create(ctx, account.DeepCopy()); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("make the identity of the hooks in %s: %w", obj.Namespace, err)
	}
	return r.requestToken(ctx, account, lasts)
}

func (r *Reconciler) requestToken(ctx context.Context, account *corev1.ServiceAccount, lasts time.Duration) (string, error) {
	// The API server gives none that lasts less than ten minutes.
	seconds := max(int64((lasts + inQueue).Seconds()), 600)
	req := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To(seconds)}}
	if err := r.Client.SubResource("token").Create(ctx, account, req); err != nil {
		return "", fmt.Errorf("make a token for %s/%s: %w", account.Namespace, account.Name, err)
	}
	return req.Status.Token, nil
}

// hookMeta is of what gives the hooks of a namespace their identity.
func hookMeta(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: preflight.HookIdentity, Labels: map[string]string{managedBy: operatorName}}
}

func hookBinding(namespace string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: hookMeta(namespace),
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: preflight.HookIdentity}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: preflight.HookIdentity},
	}
}

// keepHookBinding makes the binding of the hooks' identity, or puts it right.
// One without our label is somebody else's and left alone: that is how people
// give the hooks of a namespace less.
func (r *Reconciler) keepHookBinding(ctx context.Context, namespace string) error {
	want, is := hookBinding(namespace), &rbacv1.RoleBinding{}
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(want), is)
	switch {
	case apierrors.IsForbidden(err): // the operator's role is of an earlier version: make it, as that did
		err = r.Client.Create(ctx, want)
	case apierrors.IsNotFound(err):
		err = r.Client.Create(ctx, want)
	case err == nil && is.Labels[managedBy] == operatorName && !equality.Semantic.DeepEqual(is.Subjects, want.Subjects):
		is.Subjects = want.Subjects
		err = r.Client.Update(ctx, is)
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("bind the hooks of %s to their role: %w", namespace, err)
	}
	return nil
}

// keepHookIdentity puts back what was taken away of the hooks' identity.
func (r *Reconciler) keepHookIdentity(ctx context.Context, namespace string) error {
	if err := r.keepHookBinding(ctx, namespace); err != nil {
		return err
	}
	account := &corev1.ServiceAccount{ObjectMeta: hookMeta(namespace)}
	if err := r.Client.Create(ctx, account); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make the identity of the hooks in %s: %w", namespace, err)
	}
	return nil
}
