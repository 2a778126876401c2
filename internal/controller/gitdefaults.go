package controller

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"awscdk.dev/operator/internal/git"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// These two are read in the operator's own namespace, which may be one that is
// not watched.
//
// +kubebuilder:rbac:groups="",namespace=awscdk-operator-system,resources=secrets,resourceNames=awscdk-operator-ssh-key;awscdk-operator-webhook,verbs=get

// gitDefaultsAge is how old the operator-wide credentials may be when they are
// used. All objects share one read.
const gitDefaultsAge = 15 * time.Second

// GitDefaults are the credentials for ssh repositories of objects that name no
// Secret. They may change at any time.
type GitDefaults struct {
	// KeyFile and KnownHostsFile, where they are set, win over the Secret.
	KeyFile, KnownHostsFile string
	// Secret holds ssh-privatekey and, if needed, known_hosts. It may be missing.
	Secret types.NamespacedName
	// Live reads the Secret from the API server.
	Live client.Reader
	Now  func() time.Time

	mu    sync.Mutex
	read  time.Time
	known git.Credentials
	err   error
}

// Get returns the credentials as of a few seconds ago, zero ones when there are
// none, and an error that names the Secret or file that cannot be used.
func (d *GitDefaults) Get(ctx context.Context) (git.Credentials, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read.IsZero() && d.Now().Sub(d.read) < gitDefaultsAge {
		return d.known, d.err
	}
	known, err := d.load(ctx)
	if ctx.Err() != nil {
		return known, err // that is of this pass alone
	}
	d.known, d.err, d.read = known, err, d.Now()
	return known, err
}

// load reads the files that are set, and the Secret unless a file holds the key.
func (d *GitDefaults) load(ctx context.Context) (c git.Credentials, err error) {
	if c.KnownHosts, err = fileIfSet(d.KnownHostsFile); err != nil {
		return c, fmt.Errorf("read the operator's known hosts: %w", err)
	}
	if d.KeyFile != "" {
		if c.SSHPrivateKey, err = fileIfSet(d.KeyFile); err != nil {
			return c, fmt.Errorf("read the operator's ssh key: %w", err)
		}
		return c, wrong("the operator's ssh key", c.Validate())
	}
	if d.Secret.Name == "" {
		return c, wrong("the operator's known hosts", c.Validate())
	}
	return d.withSecret(ctx, c)
}

func (d *GitDefaults) withSecret(ctx context.Context, c git.Credentials) (git.Credentials, error) {
	var secret corev1.Secret
	err := d.Live.Get(ctx, d.Secret, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return c, wrong("the operator's known hosts", c.Validate())
	case err != nil:
		return c, errSecretUnreadable.New("the operator-wide Secret %s with the ssh key cannot be read: %v", d.Secret, err)
	}
	c.SSHPrivateKey = secret.Data[corev1.SSHAuthPrivateKey]
	if len(c.SSHPrivateKey) == 0 {
		return c, errSecretIncomplete.New("the operator-wide Secret %s has no key %s: add it, or delete the Secret", d.Secret, corev1.SSHAuthPrivateKey)
	}
	if len(c.KnownHosts) == 0 {
		c.KnownHosts = secret.Data["known_hosts"]
	}
	return c, wrong("the operator-wide Secret "+d.Secret.String(), c.Validate())
}

func fileIfSet(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	return os.ReadFile(path)
}

// wrong says in what an error is; nil stays nil.
func wrong(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
