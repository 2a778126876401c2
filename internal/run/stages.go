package run

import (
	"cmp"
	"errors"
	"net/url"
	"strconv"
)

// Stage is a part of a run that runs apart from the others, in a container of
// its own, and may see no more than it needs.
type Stage struct {
	// Name is the stage's name, one of those below, and that of its container.
	Name string
	// Step is what a run in this stage is doing, as status and logs name it.
	Step string

	// Git says that it may see the git credentials and the signing keys, and
	// that it uses the cache of git mirrors.
	Git bool
	// AWS says that it may see the AWS keys, or use the identity of the pod.
	AWS bool
	// Build says that it may see the variables of spec.build, and that it uses
	// the caches of packages.
	Build bool
	// Hook says that it may see the hook's variables and its cluster token.
	Hook bool
	// UserCode says that it runs code of the repository or of a package.
	UserCode bool
}

// The names of the stages.
const (
	StageClone   = "clone"
	StageInstall = "install"
	StageHook    = "hook"
	StageSynth   = "synth"
	StagePublish = "publish"
	StageInspect = "inspect"
)

// Stages lists the stages of a run in their order. Each begins when the one
// before it has ended well. There is none for an operation that this version
// does not know.
func Stages(r Request) []Stage {
	clone := Stage{Name: StageClone, Step: StepCloning, Git: r.Artifact == nil, AWS: true}
	install := Stage{Name: StageInstall, Step: StepInstalling, Build: true, UserCode: true}
	synth := Stage{Name: StageSynth, Step: StepSynthesizing, AWS: true, Build: true, UserCode: true}
	publish := Stage{Name: StagePublish, Step: StepPublishing, AWS: true}
	var hook Stage
	if r.Hook != nil {
		hook = Stage{Name: StageHook, Step: r.Hook.Name, AWS: true, Build: true, Hook: true, UserCode: true}
	}
	switch {
	case r.Building() && r.Hook == nil:
		return []Stage{clone, install, synth, publish}
	case r.Building():
		return []Stage{clone, install, hook, synth, publish}
	case r.Operation == OperationHook && r.Hook != nil && r.Hook.ProjectMissing != "":
		return []Stage{hook}
	case r.Operation == OperationHook && r.Hook != nil:
		return []Stage{clone, install, hook}
	case r.Operation == OperationInspect && r.Inspect != nil:
		return []Stage{{Name: StageInspect, Step: StepInspecting, Git: true}}
	}
	return nil
}

// Building says whether the run makes a plan.
func (r Request) Building() bool { return r.Operation == "" || r.Operation == OperationBuild }

// Apart takes the credentials that a user has written into the address of the
// repository out of the request, which all stages see, and puts them to the git
// credentials, where they count as much.
func (r Request) Apart(s Secrets) (Request, Secrets) {
	u, err := url.Parse(r.Repository)
	if err != nil || u.User == nil || u.Scheme != "http" && u.Scheme != "https" {
		return r, s // who logs in over SSH has a key
	}
	password, _ := u.User.Password()
	s.Git.Username, s.Git.Password = cmp.Or(s.Git.Username, u.User.Username()), cmp.Or(s.Git.Password, password)
	u.User = nil
	r.Repository = u.String()
	return r, s
}

// For are those of the secrets that a stage may see.
func (s Secrets) For(stage Stage) Secrets {
	var own Secrets
	if stage.Git {
		own.Git, own.SigningKeys = s.Git, s.SigningKeys
	}
	if stage.AWS {
		own.AWS = s.AWS
	}
	if stage.Build {
		own.BuildEnv, own.BuildSecrets = s.BuildEnv, s.BuildSecrets
	}
	if stage.Hook {
		own.HookEnv, own.HookSecrets = s.HookEnv, s.HookSecrets
		own.KubernetesToken = s.KubernetesToken
	}
	return own
}

// The flags of the verb `run`. Those from FlagStage on are for a stage; a
// whole run has Dir and Data alone.
const (
	FlagDir          = "dir"
	FlagData         = "data"
	FlagStage        = "stage"
	FlagRequest      = "request"
	FlagSecrets      = "secrets"
	FlagMessage      = "message"
	FlagMessageLimit = "message-limit"
)

// Where a container finds what it works with.
const (
	// WorkspacePath is the folder that all stages of a run share, CachePath
	// the one that runs share.
	WorkspacePath = "/workspace"
	CachePath     = "/cache"
	// InputPath is the folder of what the manager gives: RequestFile and the
	// stage's own SecretsFile, which is JSON of Secrets.For.
	InputPath   = "/awscdk"
	RequestFile = "request.json"
	SecretsFile = "secrets.json"
	// MessagePath is the container's termination message: a file that is
	// there already and cannot be replaced, only written.
	MessagePath = "/dev/termination-log"
)

// TokenVariable is the environment variable that may bring the hook's cluster
// token instead of SecretsFile, without its KubernetesToken then. Better so: a
// hook can read every file of its container, while the variable is gone before
// the hook begins and cannot be read from the process, which hides itself.
const TokenVariable = "AWSCDK_OPERATOR_HOOK_TOKEN" //nolint:gosec // the name of a variable, not a token

// SecretsKey is the key of a run's Secret that holds a stage's own secrets;
// the request's is RequestFile.
func (s Stage) SecretsKey() string { return "secrets-" + s.Name + ".json" }

// Args are the arguments of the operator's program that carry the stage out in
// its container; limit bounds the termination message in bytes.
func (s Stage) Args(limit int) []string {
	return []string{
		"run", "--" + FlagStage, s.Name, "--" + FlagDir, WorkspacePath, "--" + FlagData, CachePath,
		"--" + FlagRequest, InputPath + "/" + RequestFile, "--" + FlagSecrets, InputPath + "/" + SecretsFile,
		"--" + FlagMessage, MessagePath, "--" + FlagMessageLimit, strconv.Itoa(limit),
	}
}

// MessageLimit is how many bytes the termination message of one container may
// have in a pod of so many containers, init containers included. The kubelet
// shares 12 KiB between all containers, those too that a webhook or `kubectl
// debug` adds later: it leaves room for two.
// https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
func MessageLimit(containers int) int { return min(4096, 12288/(max(containers, 1)+2)) }

// Why a message is no result; for errors.Is.
var (
	// ErrNoMessage is an empty message: the process was killed before it could
	// say anything, or has not begun.
	ErrNoMessage = errors.New("there is no message")
	// ErrOtherMessage is one that no stage wrote, such as a text of the kubelet.
	ErrOtherMessage = errors.New("the message is not of a run")
	// ErrBrokenMessage is one that is cut, changed, or larger than any result.
	ErrBrokenMessage = errors.New("the message of the run is damaged")
)
