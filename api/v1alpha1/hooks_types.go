package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LifecycleHooks are bash scripts that run in the project folder with its
// dependencies installed. beforeDeploy and beforeDestroy stop what they precede
// when they fail, afterDeploy is the verification of a deployment; the others
// change nothing, and their failure is shown.
type LifecycleHooks struct {
	// beforeDeploy runs before the app is synthesised; its failure leaves the
	// stack untouched.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	BeforeDeploy string `json:"beforeDeploy,omitempty"`
	// afterDeploy runs after a deployment; its failure is a failed
	// verification of it.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	AfterDeploy string `json:"afterDeploy,omitempty"`
	// beforeDestroy runs when the object is deleted, before its stack is; its
	// failure keeps both. It also runs when actions.destroy is false: its
	// failure then keeps the object.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	BeforeDestroy string `json:"beforeDestroy,omitempty"`
	// afterDestroy runs after the stack was deleted.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	AfterDestroy string `json:"afterDestroy,omitempty"`
	// beforeDriftDetection runs before a drift check.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	BeforeDriftDetection string `json:"beforeDriftDetection,omitempty"`
	// afterDriftDetection runs after a drift check.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	AfterDriftDetection string `json:"afterDriftDetection,omitempty"`
	// beforeGitSync runs before a git check.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	BeforeGitSync string `json:"beforeGitSync,omitempty"`
	// afterGitSync runs after a git check.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	AfterGitSync string `json:"afterGitSync,omitempty"`
}

// Hooks says how the lifecycle hooks run.
type Hooks struct {
	// timeout is how long one hook may take before it is ended with all that
	// it started.
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('6h')",message="hooks.timeout must lie between 1s and 6h, for example 10m"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// timeouts are those of single hooks, by their name in lifecycleHooks.
	// +optional
	// +kubebuilder:validation:MaxProperties=8
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['beforeDeploy', 'afterDeploy', 'beforeDestroy', 'afterDestroy', 'beforeDriftDetection', 'afterDriftDetection', 'beforeGitSync', 'afterGitSync'])",message="hooks.timeouts must be named after hooks, for example afterDeploy: 30m"
	// +kubebuilder:validation:XValidation:rule="self.all(k, duration(self[k]) >= duration('1s') && duration(self[k]) <= duration('6h'))",message="hooks.timeouts must lie between 1s and 6h, for example 30m"
	Timeouts map[string]metav1.Duration `json:"timeouts,omitempty"`

	// envFrom names Secrets and ConfigMaps of this namespace; each of their
	// keys becomes a variable. Of two of one name the later wins.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	EnvFrom []EnvFrom `json:"envFrom,omitempty"`

	// env are single variables; they win over those of envFrom.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Env []EnvVar `json:"env,omitempty"`
}

// EnvFrom is a Secret or a ConfigMap of the same namespace.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) != has(self.configMapRef)",message="an item of envFrom needs exactly one of secretRef and configMapRef"
type EnvFrom struct {
	// prefix goes before every key.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",message="prefix must hold only letters, digits and '_', for example PROD_"
	Prefix string `json:"prefix,omitempty"`
	// secretRef names a Secret.
	// +optional
	SecretRef *ObjectRef `json:"secretRef,omitempty"`
	// configMapRef names a ConfigMap.
	// +optional
	ConfigMapRef *ObjectRef `json:"configMapRef,omitempty"`
}

// ObjectRef names an object of the same namespace.
type ObjectRef struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name must be the name of an object in this namespace, for example hook-settings"
	Name string `json:"name"`
	// optional lets the run go on when the object does not exist.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// EnvVar is one variable of the hooks or of the build.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.value) && has(self.valueFrom))",message="a variable needs one of value and valueFrom"
type EnvVar struct {
	// name of the variable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",message="name must hold only letters, digits and '_', for example SLACK_WEBHOOK_URL"
	Name string `json:"name"`
	// value as it stands; nothing in it is replaced.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	Value string `json:"value,omitempty"`
	// valueFrom is where the value is.
	// +optional
	ValueFrom *EnvVarSource `json:"valueFrom,omitempty"`
}

// EnvVarSource is a key of a Secret or of a ConfigMap.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretKeyRef) != has(self.configMapKeyRef)",message="valueFrom needs exactly one of secretKeyRef and configMapKeyRef"
type EnvVarSource struct {
	// secretKeyRef is a key of a Secret.
	// +optional
	SecretKeyRef *KeyRef `json:"secretKeyRef,omitempty"`
	// configMapKeyRef is a key of a ConfigMap.
	// +optional
	ConfigMapKeyRef *KeyRef `json:"configMapKeyRef,omitempty"`
}

// KeyRef is a key of an object of the same namespace.
type KeyRef struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name must be the name of an object in this namespace, for example hook-settings"
	Name string `json:"name"`
	// key inside it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",message="key must be a key of a Secret or ConfigMap: letters, digits, '-', '_' and '.', for example slack-url"
	Key string `json:"key"`
	// optional lets the run go on when the object or the key does not exist.
	// +optional
	Optional bool `json:"optional,omitempty"`
}
