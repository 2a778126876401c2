package controller

import (
	"context"
	"regexp"

	"awscdk.dev/operator/internal/awsconfig"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// The rights to read a ServiceAccount that an object names, and to make tokens
// for it, are in no role of config/rbac: they are given for each account by its
// name, see docs/how-to/credentials.md. Whoever may make tokens for all accounts
// of a namespace is all of them.

// roleAnnotation is where EKS looks for the role of a ServiceAccount.
// https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
const roleAnnotation = "eks.amazonaws.com/role-arn"

// roleShape is that of spec.roleARN.
var roleShape = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$`)

// withServiceAccount has an identity begin as the object's ServiceAccount: with
// the role of its annotation or, without one, with that of the spec.
func (p *pass) withServiceAccount(ctx context.Context, id awsconfig.Identity) (awsconfig.Identity, error) {
	account, err := p.serviceAccount(ctx)
	if err != nil {
		return id, err
	}
	annotated := account.Annotations[roleAnnotation]
	switch {
	case annotated == "" && len(id.Roles) == 0:
		return id, errServiceAccountIncomplete.New("the ServiceAccount %s/%s names no AWS role: annotate it with %s, or set spec.roleARN", account.Namespace, account.Name, roleAnnotation)
	case annotated != "" && !roleShape.MatchString(annotated):
		return id, errServiceAccountIncomplete.New("the annotation %s of the ServiceAccount %s/%s is not the ARN of a role, such as arn:aws:iam::123456789012:role/deployer", roleAnnotation, account.Namespace, account.Name)
	case len(id.Roles) == 0 || annotated != "" && annotated != id.Roles[0].ARN:
		id.Roles = append([]awsconfig.Role{{ARN: annotated}}, id.Roles...)
	case id.Roles[0].ExternalID != "":
		return id, errServiceAccountIncomplete.New("spec.externalID cannot be sent with the token of a ServiceAccount, which spec.roleARN is assumed with: unset it, or annotate the ServiceAccount %s/%s with another role (%s) that assumes spec.roleARN", account.Namespace, account.Name, roleAnnotation)
	}
	id.Token, err = p.webToken(ctx, account)
	return id, err
}

// serviceAccount reads the one that the object names.
func (p *pass) serviceAccount(ctx context.Context) (*corev1.ServiceAccount, error) {
	name := types.NamespacedName{Namespace: p.obj.Namespace, Name: p.obj.Spec.ServiceAccountName}
	account := &corev1.ServiceAccount{}
	switch err := p.Live.Get(ctx, name, account); {
	case apierrors.IsNotFound(err):
		return nil, p.accountNotFound()
	case apierrors.IsForbidden(err):
		return nil, p.accountForbidden("read", "get of serviceaccounts")
	case err != nil:
		return nil, errServiceAccountForbidden.New("the ServiceAccount %s that spec.serviceAccountName names cannot be read: %v", name, err)
	}
	return account, nil
}

// webToken makes a token that AWS alone accepts, for the shortest time that the
// API server gives. It goes to STS and nowhere else.
func (p *pass) webToken(ctx context.Context, account *corev1.ServiceAccount) (string, error) {
	req := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{awsconfig.TokenAudience}, ExpirationSeconds: ptr.To[int64](600),
	}}
	switch err := p.Client.SubResource("token").Create(ctx, account.DeepCopy(), req); {
	case apierrors.IsNotFound(err):
		return "", p.accountNotFound()
	case apierrors.IsForbidden(err):
		return "", p.accountForbidden("make tokens for", "create of serviceaccounts/token")
	case err != nil:
		return "", errServiceAccountForbidden.New("the API server makes no token for the ServiceAccount %s/%s: %v", account.Namespace, account.Name, err)
	}
	return req.Status.Token, nil
}

func (p *pass) accountNotFound() error {
	return errServiceAccountNotFound.New("the ServiceAccount %s/%s that spec.serviceAccountName names does not exist: create it", p.obj.Namespace, p.obj.Spec.ServiceAccountName)
}

func (p *pass) accountForbidden(what, right string) error {
	name := p.obj.Spec.ServiceAccountName
	return errServiceAccountForbidden.New(
		"the operator may not %s the ServiceAccount %s/%s that spec.serviceAccountName names: whoever decides over the account allows it with a Role in %s that has %s for the name %s (docs/how-to/credentials.md)",
		what, p.obj.Namespace, name, p.obj.Namespace, right, name)
}
