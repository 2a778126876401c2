package controller

import (
	"context"
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// HookIdentity names the ServiceAccount that hooks have in their namespace,
// the ClusterRole that says what they may do there, and the RoleBinding
// between the two. Whoever wants hooks to do more binds more to it.
const HookIdentity = "awscdk-operator-hooks"

// The operator can make tokens for accounts of this one name only, and bind
// this one role only.
//
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=create
// +kubebuilder:rbac:groups="",resources=serviceaccounts,resourceNames=awscdk-operator-hooks,verbs=get
// +kubebuilder:rbac:groups="",resources=serviceaccounts/token,resourceNames=awscdk-operator-hooks,verbs=create
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=create
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=awscdk-operator-hooks,verbs=bind

// inQueue is how long a run may wait for its turn before its token is too old.
const inQueue = 30 * time.Minute

// hookToken makes a token of the hooks' identity in the object's namespace
// that ends soon after the run must have.
func (r *Reconciler) hookToken(ctx context.Context, obj *v1alpha1.CdkTsStack, lasts time.Duration) (string, error) {
	if r.Kubernetes.Server == "" {
		return "", fmt.Errorf("the operator was not told where the API server is")
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: obj.Namespace, Name: HookIdentity}}
	token, err := r.requestToken(ctx, account, lasts)
	if !apierrors.IsNotFound(err) {
		return token, err
	}
	if err := r.makeHookIdentity(ctx, account); err != nil {
		return "", err
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

// makeHookIdentity makes the account and its binding. What is there already is
// left as it is.
func (r *Reconciler) makeHookIdentity(ctx context.Context, account *corev1.ServiceAccount) error {
	meta := metav1.ObjectMeta{Namespace: account.Namespace, Name: HookIdentity, Labels: map[string]string{"app.kubernetes.io/managed-by": "awscdk-operator"}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: HookIdentity}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: HookIdentity},
	}
	// The binding first: an account that is there says that both are.
	for _, o := range []client.Object{binding, &corev1.ServiceAccount{ObjectMeta: meta}} {
		if err := r.Client.Create(ctx, o); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("make the identity of the hooks in %s: %w", account.Namespace, err)
		}
	}
	return nil
}
