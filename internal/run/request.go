// Package run is what a manager and the process of a run say to each other:
// what is to be done, the secrets for it, the files between them, and what came
// of it. It carries nothing out.
package run

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/fluxsource"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/redact"
)

// Operation is what a run is for.
type Operation string

// The operations.
const (
	// OperationBuild makes a plan: check out, install, run the hook if there
	// is one, synthesise, publish.
	OperationBuild Operation = "Build"
	// OperationHook checks out, installs and runs the hook.
	OperationHook Operation = "Hook"
	// OperationInspect reads a commit.
	OperationInspect Operation = "Inspect"
)

// What names the run, for people.
func (r Request) What() string {
	switch r.Operation {
	case OperationHook:
		return "run of the hook, with checkout and installation,"
	case OperationInspect:
		return "reading of the commit"
	}
	return "build"
}

// DefaultHookTimeout is a hook's time when nobody says otherwise.
const DefaultHookTimeout = 10 * time.Minute

// Hook is a lifecycle hook to be run.
type Hook struct {
	Name   string `json:"name"`
	Script string `json:"script"`
	// Timeout bounds the script; 0 is ten minutes.
	Timeout time.Duration `json:"timeout,omitempty"`
	// TimeoutField is the field of the object that Timeout is of.
	TimeoutField string `json:"timeoutField,omitempty"`
	// Env are variables of this operation; nothing in them is secret.
	Env map[string]string `json:"env,omitempty"`
	// Files are written where only the hook finds them; the variable named by
	// the key holds the path.
	Files map[string]HookFile `json:"files,omitempty"`
	// Kubernetes is the API server that the hook's kubectl may speak to; nil
	// for none.
	Kubernetes *Kubernetes `json:"kubernetes,omitempty"`
	// KubernetesMissing says why there is none.
	KubernetesMissing string `json:"kubernetesMissing,omitempty"`
	// ProjectOptional has the hook run in an empty folder when the project
	// cannot be checked out or installed.
	ProjectOptional bool `json:"projectOptional,omitempty"`
	// ProjectMissing says why there is no use in trying, "" to try.
	ProjectMissing string `json:"projectMissing,omitempty"`
}

// HookFile is a file for a hook.
type HookFile struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// Kubernetes is how the API server is reached; the token is among the Secrets.
type Kubernetes struct {
	// Server is its address, CA what its certificate is checked with; empty
	// for the host's own certificates.
	Server string `json:"server"`
	CA     []byte `json:"ca,omitempty"`
}

// Request is what a run is to do. It is JSON in the run's request file and
// holds no secret; those come apart, as Secrets, on standard input.
type Request struct {
	// Operation is OperationBuild when empty.
	Operation Operation `json:"operation,omitempty"`

	// Namespace, Name and UID are of the CdkTsStack.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`

	Repository string `json:"repository"`
	// Ref as the user wrote it, Revision the commit that it stood for when
	// the operation was recorded; Revision may be an abbreviated hash.
	Ref      string `json:"ref"`
	Semver   string `json:"semver,omitempty"`
	Revision string `json:"revision"`
	// RefName is the full name of the branch or tag, such as refs/heads/main, ""
	// when it is not known.
	RefName string `json:"refName,omitempty"`
	// FullHistory has the checkout hold all commits, branches and tags.
	FullHistory bool `json:"fullHistory,omitempty"`
	// Path of the project inside the repository.
	Path string `json:"path"`

	StackName string `json:"stackName"`
	Region    string `json:"region"`
	// Account is CDK_DEFAULT_ACCOUNT, "" to ask STS.
	Account string `json:"account,omitempty"`
	// SharedIdentity says that the AWS credentials are of the operator's own
	// identity: they stand in for no role that they may not assume.
	SharedIdentity bool `json:"sharedIdentity,omitempty"`
	// Context in the order of the spec, later entries win.
	Context []decide.ContextValue `json:"context,omitempty"`

	// Artifact is what Flux has fetched, instead of Repository.
	Artifact *fluxsource.Artifact `json:"artifact,omitempty"`

	// Hook is run by OperationHook, and by OperationBuild if set.
	Hook *Hook `json:"hook,omitempty"`
	// Inspect is for OperationInspect.
	Inspect *Inspect `json:"inspect,omitempty"`

	// Runner is the object's spec.runner, for an executor that makes a pod of it.
	Runner *v1alpha1.Runner `json:"-"`

	// Timeout bounds the whole run; 0 is no bound. The executor makes an hour
	// of 0.
	Timeout time.Duration `json:"timeout"`
	// MemoryLimit in bytes bounds the run and all that it starts, together;
	// 0 is no bound. The executor fills it in.
	MemoryLimit int64 `json:"memoryLimit,omitempty"`
}

// Inspect says what a commit is compared with, and which paths count.
type Inspect struct {
	// Since is the commit that is deployed.
	Since string `json:"since"`
	// Include and Ignore are globs of paths inside the repository.
	Include []string `json:"include,omitempty"`
	Ignore  []string `json:"ignore,omitempty"`
}

// Secrets are what a run needs and nobody may read. Standard input carries
// them as one JSON object. However they are printed, no value shows.
type Secrets struct {
	// AWS are AWS_* environment variables of the run's credentials; empty to
	// use the identity of the process.
	AWS map[string]string `json:"aws,omitempty"`

	// Git is what git.Heads.Plain gives for the repository.
	Git git.Credentials `json:"git"`

	// BuildEnv are the variables of spec.build; BuildSecrets names those whose
	// values nobody may see.
	BuildEnv     map[string]string `json:"buildEnv,omitempty"`
	BuildSecrets []string          `json:"buildSecrets,omitempty"`
	// HookEnv are the variables that the operator and the object give to the
	// hook; HookSecrets names those whose values nobody may see.
	HookEnv     map[string]string `json:"hookEnv,omitempty"`
	HookSecrets []string          `json:"hookSecrets,omitempty"`
	// KubernetesToken is the hook's own identity in the cluster.
	KubernetesToken string `json:"kubernetesToken,omitempty"`
	// SigningKeys are those whose signature a commit must carry; they are
	// public, and nil asks for no signature.
	SigningKeys [][]byte `json:"signingKeys,omitempty"`
}

// publicAWS are the AWS_* variables that may be read by anyone; they are
// named in messages and must not be redacted there.
var publicAWS = []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_SESSION_NAME", "AWS_EC2_METADATA_DISABLED"}

// values lists all that must not be seen in a log or a message.
func (s Secrets) values() []string {
	found := []string{s.Git.Password, string(s.Git.SSHPrivateKey), s.KubernetesToken}
	for _, name := range s.HookSecrets {
		found = append(found, s.HookEnv[name])
	}
	for _, name := range s.BuildSecrets {
		found = append(found, s.BuildEnv[name])
	}
	for name, value := range s.AWS {
		if !slices.Contains(publicAWS, name) {
			found = append(found, value)
		}
	}
	if s.Git.Password == "" {
		// Some people write the token where the user name belongs.
		found = append(found, s.Git.Username)
	}
	return found
}

// String says nothing but that there are secrets.
func (s Secrets) String() string { return "secrets(hidden)" }

// GoString keeps %#v from showing a secret.
func (s Secrets) GoString() string { return s.String() }

// Format keeps every verb of fmt from showing a secret.
func (s Secrets) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue keeps structured logs from showing a secret.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Redactor returns a redactor for these secrets and for a password written
// into the repository's address.
func (s Secrets) Redactor(repository string) *redact.Redactor {
	values := s.values()
	if _, rest, ok := strings.Cut(repository, "://"); ok {
		if userinfo, _, ok := strings.Cut(rest, "@"); ok && !strings.Contains(userinfo, "/") {
			_, password, _ := strings.Cut(userinfo, ":")
			values = append(values, password)
		}
	}
	return redact.New(values...)
}
