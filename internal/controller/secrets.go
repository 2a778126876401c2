package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// secretsKey is of the Secrets that a pass has read, by name.
type secretsKey struct{}

// oneLook has a pass read each Secret once, so that all of it sees one state.
func oneLook(ctx context.Context) context.Context {
	return context.WithValue(ctx, secretsKey{}, map[string]map[string][]byte{})
}

// secret reads a Secret of the object's own namespace; no other is ever read.
// A missing one is a Problem that passes when it returns.
func (r *Reconciler) secret(ctx context.Context, obj *v1alpha1.CdkTsStack, name, field string) (map[string][]byte, error) {
	read, _ := ctx.Value(secretsKey{}).(map[string]map[string][]byte)
	if data, known := read[name]; known {
		return data, nil
	}
	var s corev1.Secret
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: obj.Namespace, Name: name}, &s)
	switch {
	case apierrors.IsNotFound(err):
		return nil, errSecretNotFound.New(
			"the Secret %s/%s that %s names does not exist: create it", obj.Namespace, name, field)
	case err != nil:
		return nil, errSecretUnreadable.New(
			"the Secret %s/%s that %s names cannot be read: %v", obj.Namespace, name, field, err)
	}
	if read != nil {
		read[name] = s.Data
	}
	return s.Data, nil
}

// credentials are the object's AWS credentials; zero ones are the operator's
// own identity.
func (r *Reconciler) credentials(ctx context.Context, obj *v1alpha1.CdkTsStack) (awsconfig.Credentials, error) {
	name := obj.Spec.CredentialsSecretName
	if name == "" {
		return awsconfig.Credentials{}, nil
	}
	data, err := r.secret(ctx, obj, name, "spec.credentialsSecretName")
	if err != nil {
		return awsconfig.Credentials{}, err
	}
	found, err := awsconfig.FromSecret(data)
	if err != nil {
		return awsconfig.Credentials{}, problem.CredentialsInvalid.New(
			"the Secret %s/%s: %v", obj.Namespace, name, err)
	}
	return found, nil
}

// aws is the client that acts for the object: its credentials, its region and
// the role that its app says is to be assumed.
func (r *Reconciler) aws(ctx context.Context, obj *v1alpha1.CdkTsStack) (*cloudformation.Client, error) {
	credentials, err := r.credentials(ctx, obj)
	if err != nil {
		return nil, err
	}
	plan := plan(obj)
	return r.AWS.For(cloudformation.Target{
		Credentials: credentials,
		Region:      obj.Spec.AWSRegion,
		Role:        awsconfig.Role{ARN: plan.DeployRoleARN, ExternalID: plan.DeployRoleExternalID, Session: plan.DeployRoleSession},
	}), nil
}

// readers are the clients that may look for drift, the one to try first at
// the front: with the role that the app names for reading, as the CDK CLI does
// it, and where that may not be assumed, as everything else.
func (r *Reconciler) readers(ctx context.Context, obj *v1alpha1.CdkTsStack) ([]*cloudformation.Client, error) {
	usual, err := r.aws(ctx, obj)
	if err != nil {
		return nil, err
	}
	plan := plan(obj)
	if plan.LookupRoleARN == "" {
		return []*cloudformation.Client{usual}, nil
	}
	credentials, err := r.credentials(ctx, obj)
	if err != nil {
		return nil, err
	}
	reader := r.AWS.For(cloudformation.Target{
		Credentials: credentials, Region: obj.Spec.AWSRegion,
		Role: awsconfig.Role{ARN: plan.LookupRoleARN, ExternalID: plan.LookupRoleExternalID, Session: plan.LookupRoleSession},
	})
	return []*cloudformation.Client{reader, usual}, nil
}

// refused says whether another identity may be allowed what this one is not.
func refused(err error) bool {
	return errors.Is(err, awsconfig.ErrAccessDenied) || errors.Is(err, awsconfig.ErrCredentials)
}

// stackRead reads a stack as the first of the clients that may.
func (r *Reconciler) stackRead(ctx context.Context, obj *v1alpha1.CdkTsStack, stackID string) (found decide.Stack) {
	clients, err := r.readers(ctx, obj)
	if err != nil {
		return decide.Stack{Err: err}
	}
	for _, aws := range clients {
		if found = aws.Stack(ctx, stackID); !refused(found.Err) {
			break
		}
	}
	found.Err = judged(found.Err)
	return found
}

// detectDrift starts a detection as the first of the clients that may, or goes
// on with what could not be started yet.
func (r *Reconciler) detectDrift(ctx context.Context, obj *v1alpha1.CdkTsStack, op *v1alpha1.Operation) (id string, err error) {
	clients, err := r.readers(ctx, obj)
	if err != nil {
		return "", err
	}
	for _, aws := range clients {
		if id, err = aws.DetectDrift(ctx, op.StackID, op.DetectionID); !refused(err) {
			break
		}
	}
	return id, err
}

// drift reads a detection as the first of the clients that may.
func (r *Reconciler) drift(ctx context.Context, obj *v1alpha1.CdkTsStack, needs decide.Needs) (found decide.Drift) {
	clients, err := r.readers(ctx, obj)
	if err != nil {
		return decide.Drift{Err: err}
	}
	for _, aws := range clients {
		if found = aws.Drift(ctx, needs.Drift, obj.Status.Operation.StackID); !refused(found.Err) {
			break
		}
	}
	found.Err = judged(found.Err)
	return found
}

// gitCredentials are those that the object names, or the operator's own for
// ssh repositories that name none.
func (r *Reconciler) gitCredentials(ctx context.Context, obj *v1alpha1.CdkTsStack) (git.Credentials, error) {
	var c git.Credentials
	source := obj.Spec.Source.Git
	if source.SSHSecretName == "" && !strings.HasPrefix(source.Repository, "http://") && !strings.HasPrefix(source.Repository, "https://") {
		c = r.GitDefaults
	}
	if source.SSHSecretName != "" {
		data, err := r.secret(ctx, obj, source.SSHSecretName, "spec.source.git.sshSecretName")
		if err != nil {
			return c, err
		}
		c.SSHPrivateKey, c.KnownHosts = data[corev1.SSHAuthPrivateKey], data["known_hosts"]
		if len(c.SSHPrivateKey) == 0 {
			return c, missingKey(obj, source.SSHSecretName, corev1.SSHAuthPrivateKey)
		}
	}
	if source.SecretName != "" {
		data, err := r.secret(ctx, obj, source.SecretName, "spec.source.git.secretName")
		if err != nil {
			return c, err
		}
		c.Username, c.Password, c.CA = trimmed(data["username"]), trimmed(data["password"]), data["ca.crt"]
		if token := trimmed(data["token"]); c.Password == "" {
			c.Password = token
		}
		if c.App, err = git.AppFromSecret(data); err != nil {
			return c, waits(fmt.Errorf("the Secret %s/%s: %w", obj.Namespace, source.SecretName, err))
		}
		if c.Password == "" && len(c.CA) == 0 && c.App.IsZero() {
			return c, missingKey(obj, source.SecretName, "password")
		}
	}
	return c, waits(c.Validate())
}

func trimmed(data []byte) string { return strings.TrimSpace(string(data)) }

func missingKey(obj *v1alpha1.CdkTsStack, secret, key string) error {
	return errSecretIncomplete.New(
		"the Secret %s/%s has no key %s: add it", obj.Namespace, secret, key)
}

// plainGitCredentials are the credentials as a run can use them: a token
// stands for a GitHub App.
func (r *Reconciler) plainGitCredentials(ctx context.Context, obj *v1alpha1.CdkTsStack) (git.Credentials, error) {
	if obj.Spec.Source.SourceRef != nil {
		return git.Credentials{}, nil
	}
	remote, err := r.remote(ctx, obj)
	if err != nil {
		return git.Credentials{}, err
	}
	c, err := r.Heads.Plain(ctx, remote)
	return c, waits(err)
}

// signingKeys are those that a commit must be signed by, nil when the object
// asks for no signature.
func (r *Reconciler) signingKeys(ctx context.Context, obj *v1alpha1.CdkTsStack) ([][]byte, error) {
	v := obj.Spec.Source.Git.Verify
	if v == nil {
		return nil, nil
	}
	data, err := r.secret(ctx, obj, v.SecretName, "spec.source.git.verify.secretName")
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, 0, len(data))
	for _, name := range slices.Sorted(maps.Keys(data)) {
		keys = append(keys, data[name])
	}
	if len(keys) == 0 {
		return nil, errSecretIncomplete.New(
			"the Secret %s/%s holds no public key: add those whose signature you trust", obj.Namespace, v.SecretName)
	}
	return keys, nil
}

// runSecrets are all secrets that a run of the object needs. A destruction's
// hooks run without the project when its credentials or variables are gone:
// missing says so. The reading of a commit needs nothing of AWS.
func (r *Reconciler) runSecrets(ctx context.Context, obj *v1alpha1.CdkTsStack, op *v1alpha1.Operation) (s run.Secrets, missing string, err error) {
	var credentials awsconfig.Credentials
	if op.Step != v1alpha1.StepInspecting {
		if credentials, err = r.credentials(ctx, obj); err != nil {
			return run.Secrets{}, "", err
		}
	}
	// What a destruction's hooks can do without is only noted.
	needed := func(err error) error {
		if err != nil && op.Kind == v1alpha1.OperationDestroy {
			missing, err = err.Error(), nil
		}
		return err
	}
	c, err := r.plainGitCredentials(ctx, obj)
	if err = needed(err); err != nil {
		return run.Secrets{}, "", err
	}
	keys, err := r.signingKeys(ctx, obj)
	if err = needed(err); err != nil {
		return run.Secrets{}, "", err
	}
	if op.Step != v1alpha1.StepInspecting {
		s.BuildEnv, s.BuildSecrets, err = r.buildEnv(ctx, obj)
	}
	if err = needed(err); err != nil {
		return run.Secrets{}, "", err
	}
	return run.Secrets{
		AWS: credentials.Environ(), Git: c, SigningKeys: keys,
		BuildEnv: s.BuildEnv, BuildSecrets: s.BuildSecrets,
	}, missing, nil
}
