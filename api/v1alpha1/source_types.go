package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Source is where the CDK app comes from: a git repository or a Flux source.
//
// +kubebuilder:validation:XValidation:rule="has(self.git) != has(self.sourceRef)",message="source needs exactly one of git and sourceRef"
type Source struct {
	// git is the repository to read.
	// +optional
	Git GitSource `json:"git,omitzero"`

	// sourceRef names a Flux source of this namespace to read instead of a
	// repository: what its controller last fetched is deployed.
	// +optional
	SourceRef *SourceRef `json:"sourceRef,omitempty"`
}

// SourceRef names a Flux source (source.toolkit.fluxcd.io) of the same
// namespace.
type SourceRef struct {
	// kind is GitRepository, OCIRepository or Bucket.
	// +required
	// +kubebuilder:validation:Enum=GitRepository;OCIRepository;Bucket
	Kind string `json:"kind"`
	// name of the source.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name must be the name of a Flux source in this namespace, for example webapp"
	Name string `json:"name"`
}

// GitSource is a ref of a git repository.
type GitSource struct {
	// repository is the address of the repository: https://host/org/repo.git,
	// ssh://git@host/org/repo.git or git@host:org/repo.git.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^(https?|ssh)://[A-Za-z0-9@:._~%\\\\[\\\\]-]+(/[^\\\\s]*)?$') || self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9._-]*:[^\\\\s-][^\\\\s]*$')",message="repository must be https://host/org/repo.git, ssh://git@host/org/repo.git or git@host:org/repo.git"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^https?://[^/]*:[^/]*@')",message="repository must not hold a password: put it into the Secret that source.git.secretName names"
	Repository string `json:"repository"`

	// ref is a branch, a tag or a commit hash; it is not looked at when semver
	// is set.
	// +optional
	// +kubebuilder:default="main"
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_@][^\\\\s~^:?*\\\\[\\\\\\\\]*$') && !self.contains('..') && !self.contains('@{') && self != '@' && !self.endsWith('/') && !self.endsWith('.lock')",message="ref must be a branch, a tag or a commit hash, for example main, v2.1.0 or a 40-digit hash"
	Ref string `json:"ref,omitempty"`

	// fullHistory has the checkout hold all commits, branches and tags, for apps
	// and hooks that call git describe or git log. Without it there is the one
	// commit, on its branch or with its tag.
	// +optional
	FullHistory bool `json:"fullHistory,omitempty"`

	// sshSecretName names a Secret of type kubernetes.io/ssh-auth in this
	// namespace: the key ssh-privatekey, and optionally known_hosts.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="sshSecretName must be the name of a Secret in this namespace, for example git-ssh"
	SSHSecretName string `json:"sshSecretName,omitempty"`

	// secretName names a Secret in this namespace for https: the keys username
	// and password (or token), or githubAppID, githubAppInstallationID and
	// githubAppPrivateKey of a GitHub App; optionally ca.crt.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="secretName must be the name of a Secret in this namespace, for example git-https"
	SecretName string `json:"secretName,omitempty"`

	// semver is a range of versions, for example ">=2.1.0 <3.0.0" or "~2.1":
	// the highest tag of the repository within it is followed instead of ref.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[0-9A-Za-z.*<>=!~^|,+ -]+$')",message="semver must be a range of versions, for example >=2.1.0 <3.0.0 or ~2.1"
	Semver string `json:"semver,omitempty"`

	// interval is how often the repository is looked at, instead of the
	// operator's GIT_SYNC_CHECK_CRON.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10s') && duration(self) <= duration('24h')",message="interval must lie between 10s and 24h, for example 1m"
	Interval *metav1.Duration `json:"interval,omitempty"`

	// include lists globs of paths inside the repository, for example
	// "infra/**" or "package.json": a commit that changes none of them is not
	// a change. Without it every commit that touches spec.path is, or anything
	// beside that folder that the last build read.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Include []string `json:"include,omitempty"`

	// ignore lists globs of paths whose changes do not count, even if they
	// are included.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Ignore []string `json:"ignore,omitempty"`

	// verify refuses commits that are not signed by one of the given keys.
	// +optional
	Verify *Verify `json:"verify,omitempty"`
}

// Verify says whose signature a commit must carry.
type Verify struct {
	// secretName names a Secret in this namespace whose values are the keys
	// that are trusted: OpenPGP public keys (armored) or SSH public keys, one
	// a line as in authorized_keys.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="secretName must be the name of a Secret in this namespace, for example trusted-keys"
	SecretName string `json:"secretName"`
}
