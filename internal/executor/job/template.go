package job

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/space"
)

const (
	// Program is the operator's program in both of its images.
	Program = "/usr/local/bin/awscdk-operator"
	// nobody is the user and the group of runs, that of distroless images.
	nobody = 65532
	// keep is how long a Job stays that nobody has removed: its result must
	// reach the next manager, and its Secret must not stay for ever.
	keep = 24 * time.Hour
	// slack is what a Job's deadline leaves beside waiting and working.
	slack = 10 * time.Minute
	// grace is the time between SIGTERM and SIGKILL.
	grace = 30 * time.Second
	// defaultTimeout bounds runs whose request has no bound of its own.
	defaultTimeout = time.Hour
	// eksSkip names containers that Amazon's webhook gives no AWS identity.
	// https://github.com/aws/amazon-eks-pod-identity-webhook
	eksSkip = "eks.amazonaws.com/skip-containers"
	// keyToken is the key of a run's Secret with the hook's cluster token.
	keyToken = "hook-token"
)

// The volumes of a pod.
const (
	volumeWorkspace = "workspace"
	volumeTemp      = "tmp"
	volumeCache     = "cache"
	volumeClaim     = "cache-claim"
)

// blueprint is all that the Job of a run is made of.
type blueprint struct {
	name    string
	request run.Request
	stages  []run.Stage
	set     settings
	// lost counts the Jobs before this one whose pod vanished.
	lost int
	// token says that its hook has one for the cluster.
	token bool
	// passed are the names of the operator's variables that runs get, in the
	// order of their keys in the Secret.
	passed []string
}

// job is the Job of a run, suspended: it has no Secret yet.
func (e *Executor) job(b blueprint) *batchv1.Job {
	labels := labelsOf(b.name, b.request)
	timeout := cmp.Or(b.request.Timeout, defaultTimeout)
	notes := map[string]string{annotationTimeout: timeout.String()}
	if b.lost > 0 {
		notes[annotationLost] = strconv.Itoa(b.lost)
	}
	if b.request.Hook != nil {
		notes[annotationHook] = b.request.Hook.Name
	}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.request.Namespace, Name: b.name, Labels: labels, Annotations: notes,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "CdkTsStack",
				Name: b.request.Name, UID: types.UID(b.request.UID), Controller: ptr.To(true),
			}},
		},
		Spec: batchv1.JobSpec{
			Suspend:                 ptr.To(true),
			BackoffLimit:            ptr.To[int32](0),
			TTLSecondsAfterFinished: ptr.To(int32(keep.Seconds())),
			// It may wait for its pod as long as it may work.
			ActiveDeadlineSeconds: ptr.To(int64((2*timeout + slack).Seconds())),
			// Two pods of one run never work at the same time.
			PodReplacementPolicy: ptr.To(batchv1.Failed),
			// A pod whose node was taken away is replaced; that is no failure.
			PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
				Action:          batchv1.PodFailurePolicyActionIgnore,
				OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}},
			}}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: both(b.set.labels(), labels), Annotations: b.annotations()},
				Spec:       e.podSpec(b),
			},
		},
	}
}

// annotations keep the pod's AWS identity from the installation, where a webhook
// would mount it, and name the container whose log is of most interest.
func (b blueprint) annotations() map[string]string {
	all := b.set.annotations()
	for _, s := range b.stages {
		if !s.AWS {
			all[eksSkip] = s.Name
		}
	}
	return all
}

func (e *Executor) podSpec(b blueprint) corev1.PodSpec {
	spec := corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		ServiceAccountName:            either(b.set.own.ServiceAccountName, b.set.defaults.ServiceAccountName),
		AutomountServiceAccountToken:  ptr.To(false),
		EnableServiceLinks:            ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To(int64(grace.Seconds())),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](nobody), RunAsGroup: ptr.To[int64](nobody), FSGroup: ptr.To[int64](nobody),
			FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
			SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		NodeSelector:      both(b.set.defaults.NodeSelector, b.set.own.NodeSelector),
		Tolerations:       slices.Concat(b.set.defaults.Tolerations, b.set.own.Tolerations),
		Affinity:          b.set.affinity(),
		PriorityClassName: either(b.set.own.PriorityClassName, b.set.defaults.PriorityClassName),
		RuntimeClassName:  b.set.runtimeClass(),
		ImagePullSecrets:  b.set.pullSecrets(),
		Volumes:           b.volumes(),
	}
	if e.o.UserNamespaces {
		spec.HostUsers = ptr.To(false)
	}
	for _, stage := range b.stages {
		spec.InitContainers = append(spec.InitContainers, e.container(b, stage))
	}
	last := len(spec.InitContainers) - 1
	spec.Containers, spec.InitContainers = spec.InitContainers[last:], spec.InitContainers[:last]
	return spec
}

func (e *Executor) container(b blueprint, stage run.Stage) corev1.Container {
	return corev1.Container{
		Name: stage.Name, Image: e.o.Image, ImagePullPolicy: e.o.PullPolicy,
		Command:    []string{Program},
		Args:       stage.Args(run.MessageLimit(len(b.stages))),
		WorkingDir: run.WorkspacePath,
		Env:        b.env(stage),
		Resources:  b.set.resources(),
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		TerminationMessagePath:   run.MessagePath,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		VolumeMounts:             b.mounts(stage),
	}
}

// volumes are the run's own, those of the cache, and those of the settings. Each
// stage finds in its input the request and its own secrets, of one Secret.
func (b blueprint) volumes() []corev1.Volume {
	var limit *corev1.EmptyDirVolumeSource
	empty := func(name string) corev1.Volume {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: limit.DeepCopy()}}
	}
	limit = &corev1.EmptyDirVolumeSource{}
	if size, ok := b.set.resources().Limits[corev1.ResourceEphemeralStorage]; ok {
		limit.SizeLimit = &size
	}
	all := []corev1.Volume{empty(volumeWorkspace), empty(volumeTemp), empty(volumeCache)}
	for _, stage := range b.stages {
		all = append(all, corev1.Volume{Name: input(stage), VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: b.name, DefaultMode: ptr.To[int32](0o440),
			Items: []corev1.KeyToPath{{Key: run.RequestFile, Path: run.RequestFile}, {Key: stage.SecretsKey(), Path: run.SecretsFile}},
		}}})
	}
	if claim := b.set.cacheClaim(); claim != "" {
		all = append(all, corev1.Volume{Name: volumeClaim, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}})
	}
	return append(all, b.set.volumes()...)
}

func input(stage run.Stage) string { return "input-" + stage.Name }

func (b blueprint) mounts(stage run.Stage) []corev1.VolumeMount {
	all := []corev1.VolumeMount{
		{Name: volumeWorkspace, MountPath: run.WorkspacePath},
		{Name: volumeTemp, MountPath: "/tmp"},
		{Name: volumeCache, MountPath: run.CachePath},
		{Name: input(stage), MountPath: run.InputPath, ReadOnly: true},
	}
	if b.set.cacheClaim() != "" {
		all = append(all, cacheMounts(stage)...)
	}
	return append(all, b.set.mounts(stage.UserCode)...)
}

// cacheMounts are the parts of the cache's claim that a stage works with: no user
// code finds the git mirrors there, and nothing with git credentials the packages.
func cacheMounts(stage run.Stage) []corev1.VolumeMount {
	data := space.Data(run.CachePath)
	part := func(path string) corev1.VolumeMount {
		return corev1.VolumeMount{Name: volumeClaim, MountPath: path, SubPath: path[len(run.CachePath)+1:]}
	}
	switch {
	case stage.Git:
		return []corev1.VolumeMount{part(data.Mirrors())}
	case stage.Build:
		return []corev1.VolumeMount{part(data.Dependencies()), part(data.NPM())}
	}
	return nil
}

// env are the variables of a container; the stage adds its own. What comes from the operator's own
// environment may hold the password of a proxy or the token of a registry, so
// the pod only names it.
func (b blueprint) env(stage run.Stage) []corev1.EnvVar {
	plain := b.set.env(stage.UserCode)
	var all []corev1.EnvVar
	for i, name := range b.passed {
		if _, over := plain[name]; !over {
			all = append(all, fromSecret(name, b.name, passedKey(i)))
		}
	}
	if stage.Hook && b.token {
		all = append(all, fromSecret(run.TokenVariable, b.name, keyToken))
	}
	for _, name := range slices.Sorted(maps.Keys(plain)) {
		all = append(all, corev1.EnvVar{Name: name, Value: literal(plain[name])})
	}
	return all
}

func fromSecret(name, secret, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key,
	}}}
}

func passedKey(i int) string { return fmt.Sprintf("env-%d", i) }

// literal keeps Kubernetes from replacing $(NAME) in a value.
func literal(value string) string { return dollars.Replace(value) }
