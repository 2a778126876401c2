package controller

import (
	"context"
	"errors"
	"time"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/problem"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// OwnIdentity says what objects may use the operator's own AWS identity for.
type OwnIdentity string

// What they may use it for.
const (
	// OwnIdentityAll: whatever it may do.
	OwnIdentityAll OwnIdentity = "All"
	// OwnIdentityRoles: to assume the role that spec.roleARN names.
	OwnIdentityRoles OwnIdentity = "Roles"
	// OwnIdentityNone: nothing.
	OwnIdentityNone OwnIdentity = "None"
)

// usesOwnIdentity says whether the object begins with the operator's own AWS
// identity.
func (p *pass) usesOwnIdentity() bool {
	return p.obj.Spec.CredentialsSecretName == "" && p.obj.Spec.ServiceAccountName == ""
}

// mayUseOwnIdentity is an error when the object begins with the operator's own
// AWS identity, and the operator's settings do not allow that.
func (p *pass) mayUseOwnIdentity() error {
	const fix = "name a Secret in spec.credentialsSecretName or a ServiceAccount in spec.serviceAccountName"
	switch {
	case !p.usesOwnIdentity():
	case p.OwnIdentity == OwnIdentityNone:
		return errOwnIdentityRefused.New("the operator's own AWS identity serves no objects (--operator-identity=None): %s", fix)
	case p.OwnIdentity == OwnIdentityRoles && p.obj.Spec.RoleARN == "":
		return errOwnIdentityRefused.New("the operator's own AWS identity only assumes roles for objects (--operator-identity=Roles): set spec.roleARN, or %s", fix)
	}
	return nil
}

// sessionMargin is what is left at least of a session that is used once more.
const sessionMargin = 10 * time.Minute

// credentials are the keys that the manager acts with for the object: those of
// its Secret or, with a role or a ServiceAccount, those of a session that is
// made again before it ends. Zero ones are the operator's own identity.
func (p *pass) credentials(ctx context.Context) (awsconfig.Credentials, error) {
	keys, err := p.keys(ctx)
	if err != nil || !p.assumes() {
		return keys, err
	}
	name, key := client.ObjectKeyFromObject(p.obj), p.sessionKey(keys)
	if known, ok := p.sessions.get(name, key, p.Now().Add(sessionMargin)); ok {
		return known, nil
	}
	return p.newSession(ctx, keys, 0)
}

// runCredentials are the keys that a run of the object acts with. A session is
// always a fresh one, so that it lasts as long as it can: user code never gets
// a token that could be exchanged for another. Zero keys are the identity that
// the run has where it runs: the operator's own or, where runs are apart, that
// of the service account that spec.runner names.
func (p *pass) runCredentials(ctx context.Context, lasts time.Duration) (awsconfig.Credentials, error) {
	keys, err := p.keys(ctx)
	if err != nil {
		return keys, err
	}
	handOn := p.RunsApart && p.usesOwnIdentity() && (p.obj.Spec.Runner == nil || p.obj.Spec.Runner.ServiceAccountName == "")
	if !p.assumes() && !handOn {
		return keys, nil
	}
	return p.newSession(ctx, keys, lasts)
}

// keys are those that the object begins with: its Secret's, or zero ones without
// a Secret, if the operator's own identity may then be used.
func (p *pass) keys(ctx context.Context) (awsconfig.Credentials, error) {
	name := p.obj.Spec.CredentialsSecretName
	if name == "" {
		return awsconfig.Credentials{}, p.mayUseOwnIdentity()
	}
	data, err := p.secret(ctx, name, "spec.credentialsSecretName")
	if err != nil {
		return awsconfig.Credentials{}, err
	}
	found, err := awsconfig.FromSecret(data)
	if err != nil {
		return awsconfig.Credentials{}, problem.CredentialsInvalid.New(
			"the Secret %s/%s: %v", p.obj.Namespace, name, err)
	}
	return found, nil
}

// assumes says whether the object names a role of its own, by itself or by its
// ServiceAccount.
func (p *pass) assumes() bool {
	return p.obj.Spec.RoleARN != "" || p.obj.Spec.ServiceAccountName != ""
}

// newSession makes a session that begins with the keys, and keeps it.
func (p *pass) newSession(ctx context.Context, keys awsconfig.Credentials, lasts time.Duration) (awsconfig.Credentials, error) {
	id, err := p.identity(ctx, keys)
	if err != nil {
		return awsconfig.Credentials{}, err
	}
	made, err := p.AWS.Session(ctx, id, lasts)
	if err != nil {
		return awsconfig.Credentials{}, judged(err)
	}
	if p.assumes() {
		p.sessions.put(client.ObjectKeyFromObject(p.obj), p.sessionKey(keys), made)
	}
	return made.Credentials, nil
}

// doubtSession forgets the object's session when AWS does not know it any
// longer: that of a role that was deleted is dead, whatever time it had left.
func (p *pass) doubtSession(errs ...error) {
	for _, err := range errs {
		if errors.Is(err, awsconfig.ErrCredentials) {
			p.sessions.forget(client.ObjectKeyFromObject(p.obj))
		}
	}
}

// identity is who acts for the object.
func (p *pass) identity(ctx context.Context, keys awsconfig.Credentials) (awsconfig.Identity, error) {
	id := awsconfig.Identity{
		Credentials: keys, Region: p.obj.Spec.AWSRegion,
		Name: awsconfig.SessionName(p.obj.Namespace, p.obj.Name),
	}
	if p.obj.Spec.RoleARN != "" {
		id.Roles = []awsconfig.Role{{ARN: p.obj.Spec.RoleARN, ExternalID: p.obj.Spec.ExternalID}}
	}
	if p.obj.Spec.ServiceAccountName == "" {
		return id, nil
	}
	return p.withServiceAccount(ctx, id)
}
