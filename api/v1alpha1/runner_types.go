package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
)

// Runner says how the pods are made in which builds and hooks run. The operator
// has defaults of the same shape (--runner-defaults-file); how a field here
// goes with its default is said at the field. An edit deploys nothing: it
// counts from the next run on.
type Runner struct {
	// serviceAccountName is the service account of the pods, in this namespace.
	// It decides who a run is for AWS (IRSA, Pod Identity) and which image pull
	// secrets it has. No container gets its Kubernetes token. It takes the place
	// of the default, which is "default" unless the operator says otherwise.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="serviceAccountName must be the name of a service account in this namespace, for example cdk-builds"
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// resources of each container; they run one after the other, so a pod needs
	// as much as one of them. Each amount takes the place of the default of the
	// same name; a default request above the limit is lowered to it. The memory
	// limit also bounds the heap of Node. Where there is an ephemeral-storage
	// limit, it bounds workspace, temporary files and cache, too. Without any
	// default: requests of 250m cpu and 512Mi memory, a limit of 4Gi memory.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.claims)",message="runner.resources.claims is not supported: use limits and requests"
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// nodeSelector chooses nodes by their labels. A label here is added to the
	// default ones, and wins over a default of the same key.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations of node taints, added to the default ones.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// affinity of the pods. It takes the place of the whole default.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// podMetadata are labels and annotations of the pods. Each is added to the
	// default ones, and wins over a default of the same key.
	// +optional
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`

	// priorityClassName of the pods. It takes the place of the default.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// runtimeClassName of the pods, for example of a sandbox. It takes the place
	// of the default.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RuntimeClassName string `json:"runtimeClassName,omitempty"`

	// imagePullSecrets are Secrets of this namespace for the runner's image,
	// added to the default ones.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []PullSecret `json:"imagePullSecrets,omitempty"`

	// volumes can be mounted by volumeMounts. They come beside the default ones.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Volumes []RunnerVolume `json:"volumes,omitempty"`

	// volumeMounts are where volumes are found by installation, hooks and the
	// CDK app. The containers that check out and publish run no code of yours
	// and get none of these, only the operator's default ones.
	// +optional
	// +listType=map
	// +listMapKey=mountPath
	// +kubebuilder:validation:MaxItems=32
	VolumeMounts []RunnerMount `json:"volumeMounts,omitempty"`

	// env are variables for installation, hooks and the CDK app; secret ones
	// belong into spec.build and spec.hooks. One here wins over a default of the
	// same name.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Env []RunnerVariable `json:"env,omitempty"`

	// cache is kept between runs. It takes the place of the default.
	// +optional
	Cache *RunnerCache `json:"cache,omitempty"`
}

// PodMetadata are labels and annotations.
type PodMetadata struct {
	// labels of the pods.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('awscdk.dev/') && !k.startsWith('batch.kubernetes.io/') && !(k in ['app.kubernetes.io/managed-by', 'job-name', 'controller-uid']))",message="podMetadata.labels must not set awscdk.dev/*, batch.kubernetes.io/*, app.kubernetes.io/managed-by, job-name or controller-uid: the operator and Kubernetes find the pods by them; choose another key"
	Labels map[string]string `json:"labels,omitempty"`
	// annotations of the pods.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('awscdk.dev/') && !k.startsWith('batch.kubernetes.io/') && k != 'eks.amazonaws.com/skip-containers')",message="podMetadata.annotations must not set awscdk.dev/*, batch.kubernetes.io/* or eks.amazonaws.com/skip-containers: the operator sets them; choose another key"
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PullSecret names a Secret with the credentials of an image registry.
type PullSecret struct {
	// name of the Secret, in this namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// RunnerVolume is a volume of the pods.
//
// +kubebuilder:validation:XValidation:rule="[has(self.configMap), has(self.secret), has(self.emptyDir), has(self.persistentVolumeClaim), has(self.csi)].filter(x, x).size() == 1",message="a volume needs exactly one of configMap, secret, emptyDir, persistentVolumeClaim and csi; a folder of the node (hostPath) and service account tokens (projected) are not allowed in runs"
type RunnerVolume struct {
	// name by which volumeMounts refer to it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="name must hold only a-z, 0-9 and '-', for example company-ca"
	Name string `json:"name"`
	// configMap of this namespace.
	// +optional
	ConfigMap *corev1.ConfigMapVolumeSource `json:"configMap,omitempty"`
	// secret of this namespace.
	// +optional
	Secret *corev1.SecretVolumeSource `json:"secret,omitempty"`
	// emptyDir is empty when a run begins.
	// +optional
	EmptyDir *corev1.EmptyDirVolumeSource `json:"emptyDir,omitempty"`
	// persistentVolumeClaim of this namespace.
	// +optional
	PersistentVolumeClaim *corev1.PersistentVolumeClaimVolumeSource `json:"persistentVolumeClaim,omitempty"`
	// csi is an ephemeral volume of a CSI driver.
	// +optional
	CSI *corev1.CSIVolumeSource `json:"csi,omitempty"`
}

// RunnerMount is where a volume is found.
type RunnerMount struct {
	// name of one of volumes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Name string `json:"name"`
	// mountPath inside the containers.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/') && !self.contains('//') && !self.contains(':') && !self.split('/').exists(p, p == '..' || p == '.')",message="mountPath must be an absolute path written plainly, without ':', '.' and '..', for example /etc/company"
	// +kubebuilder:validation:XValidation:rule="!(self in ['/', '/usr', '/usr/', '/usr/local', '/usr/local/']) && !['/workspace', '/cache', '/awscdk', '/tmp', '/dev', '/proc', '/sys', '/usr/local/bin', '/usr/bin', '/bin', '/lib', '/lib64', '/usr/lib', '/usr/local/lib'].exists(p, self == p || self.startsWith(p + '/'))",message="mountPath must not lie in or over /workspace, /cache, /awscdk, /tmp, /dev, /proc, /sys, /bin, /lib, /usr/bin, /usr/lib, /usr/local/bin or /usr/local/lib, which the run itself needs: choose another path, for example /etc/company"
	MountPath string `json:"mountPath"`
	// subPath is the folder or file of the volume to mount, instead of its root.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.split('/').exists(p, p == '..')",message="subPath must be a relative path without '..', for example ca.crt"
	SubPath string `json:"subPath,omitempty"`
	// readOnly mounts it for reading only.
	// +optional
	ReadOnly bool `json:"readOnly,omitempty"`
}

// RunnerVariable is a variable with its value.
type RunnerVariable struct {
	// name of the variable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",message="name must hold only letters, digits and '_', for example HTTPS_PROXY"
	// +kubebuilder:validation:XValidation:rule="!(self in ['PATH', 'HOME', 'TMPDIR', 'AWS_REGION', 'AWS_DEFAULT_REGION', 'CDK_DEFAULT_ACCOUNT', 'CDK_DEFAULT_REGION', 'CDK_HOME', 'CDK_OUTDIR', 'CDK_CONTEXT_JSON', 'npm_config_cache', 'NPM_CONFIG_CACHE']) && !self.startsWith('LD_') && !self.startsWith('AWS_ENDPOINT_URL') && !self.startsWith('AWSCDK_OPERATOR_')",message="runner.env must not set PATH, HOME, TMPDIR, LD_*, AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL*, CDK_DEFAULT_ACCOUNT, CDK_DEFAULT_REGION, CDK_HOME, CDK_OUTDIR, CDK_CONTEXT_JSON, npm_config_cache or AWSCDK_OPERATOR_*: the operator sets them; use spec.awsRegion for the region and spec.cdkContext for context"
	// +kubebuilder:validation:XValidation:rule="!(self in ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_SECURITY_TOKEN', 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE', 'AWS_ROLE_ARN', 'AWS_ROLE_SESSION_NAME', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) && !self.startsWith('AWS_CONTAINER_') && !self.startsWith('AWS_EC2_METADATA_')",message="runner.env must not set AWS credentials: put them into the Secret that spec.credentialsSecretName names, or choose a service account with spec.runner.serviceAccountName"
	Name string `json:"name"`
	// value as it stands; nothing in it is replaced. Whoever may read pods of
	// this namespace sees it.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	Value string `json:"value,omitempty"`
}

// RunnerCache is what runs keep for those after them: git mirrors and packages.
// Without it each run fetches them anew.
type RunnerCache struct {
	// claimName is a PersistentVolumeClaim of this namespace, shared by the runs
	// of this namespace only. Where it cannot be mounted by several nodes at
	// once (ReadWriteOnce), runs wait for each other or for its node.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="claimName must be the name of a PersistentVolumeClaim in this namespace, for example cdk-cache"
	ClaimName string `json:"claimName"`
}
