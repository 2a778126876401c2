package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/git"
)

// head asks what the ref points to; the answer of the one look that is made
// for all stacks of the repository wakes the object.
func (p *pass) head(ctx context.Context, needs decide.Needs) decide.Head {
	if p.obj.Spec.Source.SourceRef != nil {
		return p.fluxHead(ctx)
	}
	remote, err := p.remote(ctx)
	if err != nil {
		return decide.Head{Err: err}
	}
	p.wake.onHead(p.Heads.Key(remote), client.ObjectKeyFromObject(p.obj))
	selector := p.selector()
	head, _ := p.Heads.Select(remote, selector, p.Now().Sub(needs.HeadNotBefore))
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

func (p *pass) selector() git.Selector {
	return git.Selector{Ref: p.obj.Spec.Source.Git.Ref, Semver: p.obj.Spec.Source.Git.Semver}
}

// anyAge takes whatever is known.
const anyAge = 100 * 365 * 24 * time.Hour

// refName is the full name of the branch or tag that a revision was followed
// by, as far as earlier observations tell; "" otherwise.
func (p *pass) refName(ctx context.Context, revision string) string {
	if p.obj.Spec.Source.SourceRef != nil {
		return ""
	}
	remote, err := p.remote(ctx)
	if err != nil {
		return "" // whoever needs the repository says why
	}
	head, _ := p.Heads.Select(remote, p.selector(), anyAge)
	if head.Kind == git.KindBranch || head.Revision == revision {
		return head.Name // a branch moves on, and its commits stay its own
	}
	return ""
}

// remote is the object's repository with its credentials.
func (p *pass) remote(ctx context.Context) (git.Remote, error) {
	repository, err := git.ParseRepository(p.obj.Spec.Source.Git.Repository)
	if err != nil {
		return git.Remote{}, waits(err)
	}
	credentials, err := p.gitCredentials(ctx)
	if err != nil {
		return git.Remote{}, err
	}
	return git.Remote{Repository: repository, Credentials: credentials}, nil
}

// gitCredentials are those that the object names, or the operator's own for
// ssh repositories that name none.
func (p *pass) gitCredentials(ctx context.Context) (git.Credentials, error) {
	var c git.Credentials
	source := p.obj.Spec.Source.Git
	if source.SSHSecretName == "" && !strings.HasPrefix(source.Repository, "http://") && !strings.HasPrefix(source.Repository, "https://") {
		var err error
		if c, err = p.defaultCredentials(ctx); err != nil {
			return c, waits(err)
		}
	}
	if source.SSHSecretName != "" {
		data, err := p.secret(ctx, source.SSHSecretName, "spec.source.git.sshSecretName")
		if err != nil {
			return c, err
		}
		c.SSHPrivateKey, c.KnownHosts = data[corev1.SSHAuthPrivateKey], data["known_hosts"]
		if len(c.SSHPrivateKey) == 0 {
			return c, missingKey(p.obj, source.SSHSecretName, corev1.SSHAuthPrivateKey)
		}
	}
	if source.SecretName != "" {
		data, err := p.secret(ctx, source.SecretName, "spec.source.git.secretName")
		if err != nil {
			return c, err
		}
		c.Username, c.Password, c.CA = trimmed(data["username"]), trimmed(data["password"]), data["ca.crt"]
		if token := trimmed(data["token"]); c.Password == "" {
			c.Password = token
		}
		if c.App, err = git.AppFromSecret(data); err != nil {
			return c, waits(fmt.Errorf("the Secret %s/%s: %w", p.obj.Namespace, source.SecretName, err))
		}
		if c.Password == "" && len(c.CA) == 0 && c.App.IsZero() {
			return c, missingKey(p.obj, source.SecretName, "password")
		}
	}
	return c, waits(c.Validate())
}

func (p *pass) defaultCredentials(ctx context.Context) (git.Credentials, error) {
	if p.GitDefaults == nil {
		return git.Credentials{}, nil
	}
	return p.GitDefaults.Get(ctx)
}

func trimmed(data []byte) string { return strings.TrimSpace(string(data)) }

func missingKey(obj *v1alpha1.CdkTsStack, secret, key string) error {
	return errSecretIncomplete.New(
		"the Secret %s/%s has no key %s: add it", obj.Namespace, secret, key)
}

// plainGitCredentials are the credentials as a run can use them: a token
// stands for a GitHub App.
func (p *pass) plainGitCredentials(ctx context.Context) (git.Credentials, error) {
	if p.obj.Spec.Source.SourceRef != nil {
		return git.Credentials{}, nil
	}
	remote, err := p.remote(ctx)
	if err != nil {
		return git.Credentials{}, err
	}
	c, err := p.Heads.Plain(ctx, remote)
	return c, waits(err)
}

// signingKeys are those that a commit must be signed by, nil when the object
// asks for no signature.
func (p *pass) signingKeys(ctx context.Context) ([][]byte, error) {
	v := p.obj.Spec.Source.Git.Verify
	if v == nil {
		return nil, nil
	}
	data, err := p.secret(ctx, v.SecretName, "spec.source.git.verify.secretName")
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, 0, len(data))
	for _, name := range slices.Sorted(maps.Keys(data)) {
		keys = append(keys, data[name])
	}
	if len(keys) == 0 {
		return nil, errSecretIncomplete.New(
			"the Secret %s/%s holds no public key: add those whose signature you trust", p.obj.Namespace, v.SecretName)
	}
	return keys, nil
}
