package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Finalizer keeps a CdkTsStack until its CloudFormation stack is dealt with.
// Objects made by the earlier shell-based operator carry the same one.
const Finalizer = "cdkstack.awscdk.dev/finalizer"

// ShardLabel names the manager that takes an object, of several that share them;
// one without it is taken by the manager that has no name.
const ShardLabel = "awscdk.dev/shard"

// RunLabel is on the Job, the pods and the Secret of a run, with the run's name:
// the id of its operation, and for its hooks and other runs beside the build an
// ending that is led by "-".
const RunLabel = "awscdk.dev/run"

// RestartedAtAnnotation orders a new deployment whenever its value changes,
// as `kubectl rollout restart` does for a Deployment.
const RestartedAtAnnotation = "kubectl.kubernetes.io/restartedAt"

// CheckDriftAnnotation orders a drift check whenever its value changes; the value
// may be anything.
const CheckDriftAnnotation = "awscdk.dev/check-drift"

// EmergencyReasonAnnotation says why, and must, for EmergencyAnnotation to open
// a closed window or a freeze.
const EmergencyReasonAnnotation = "emergency-reason"

// EmergencyAnnotation is read by hook scripts that keep a deployment window.
// Setting it orders what such a hook has kept from being deployed.
const EmergencyAnnotation = "emergency-deployment"

// CdkTsStack keeps one CloudFormation stack as a TypeScript CDK app in a git
// repository describes it: deployed, checked for drift and, when the object
// is deleted, destroyed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:validation:XValidation:rule="self.spec.stackName == oldSelf.spec.stackName || !has(oldSelf.status) || !(has(oldSelf.status.stackId) || has(oldSelf.status.deployed) || has(oldSelf.status.lastDeploy) || (has(oldSelf.status.operation) && oldSelf.status.operation.kind in ['Deploy', 'Destroy'] && oldSelf.status.operation.step != 'Building'))",message="stackName cannot be changed any more, since the stack that was made, or is being made, would be left behind: create a second CdkTsStack for the new name and delete this one"
// +kubebuilder:validation:XValidation:rule="self.spec.awsRegion == oldSelf.spec.awsRegion || !has(oldSelf.status) || !(has(oldSelf.status.stackId) || has(oldSelf.status.deployed) || has(oldSelf.status.lastDeploy) || (has(oldSelf.status.operation) && oldSelf.status.operation.kind in ['Deploy', 'Destroy'] && oldSelf.status.operation.step != 'Building'))",message="awsRegion cannot be changed any more, since the stack that was made, or is being made, in the old region would be left behind: create a second CdkTsStack for the new region and delete this one"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/substitute=disabled"
// +kubebuilder:resource:path=cdktsstacks,singular=cdktsstack,shortName=cdk;cdkts,scope=Namespaced,categories=all
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Last Deploy",type=date,JSONPath=`.status.lastDeploy`
// +kubebuilder:printcolumn:name="Last Drift Check",type=date,JSONPath=`.status.lastDriftCheck`
// +kubebuilder:printcolumn:name="Drift",type=boolean,JSONPath=`.status.driftDetected`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`
type CdkTsStack struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the user wants.
	// +required
	Spec CdkTsStackSpec `json:"spec"`
	// status is what the operator has seen and done; nobody else writes it,
	// except for one order: setting phase to "" asks for a new deployment.
	// +optional
	Status CdkTsStackStatus `json:"status,omitempty"`
}

// CdkTsStackList is a list of CdkTsStacks.
//
// +kubebuilder:object:root=true
type CdkTsStackList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CdkTsStack `json:"items"`
}

// CdkTsStackSpec says which stack of which CDK app is wanted, and how.
//
// +kubebuilder:validation:XValidation:rule="!has(self.credentialsSecretName) || self.credentialsSecretName.size() == 0 || !has(self.serviceAccountName) || self.serviceAccountName.size() == 0",message="credentialsSecretName and serviceAccountName cannot both be set: name the one whose identity the stack is deployed with"
// +kubebuilder:validation:XValidation:rule="!has(self.externalID) || self.externalID.size() == 0 || (has(self.roleARN) && self.roleARN.size() > 0)",message="externalID needs roleARN, the role that asks for it"
// +kubebuilder:validation:XValidation:rule="!has(self.roleARN) || self.roleARN.size() == 0 || !has(self.awsRegion) || (self.roleARN.startsWith('arn:aws-cn:') == self.awsRegion.startsWith('cn-') && self.roleARN.startsWith('arn:aws-us-gov:') == self.awsRegion.startsWith('us-gov-') && self.roleARN.startsWith('arn:aws-eusc:') == self.awsRegion.startsWith('eusc-') && self.roleARN.startsWith('arn:aws-iso') == self.awsRegion.matches('^(us|eu)-iso'))",message="roleARN must be of the partition of awsRegion: arn:aws-cn: for cn-*, arn:aws-us-gov: for us-gov-*, arn:aws: for most others"
// +kubebuilder:validation:XValidation:rule="!has(self.verification) || !self.verification.exists(c, has(c.afterDeploy)) || (has(self.lifecycleHooks) && has(self.lifecycleHooks.afterDeploy) && self.lifecycleHooks.afterDeploy.size() > 0)",message="verification has afterDeploy, and lifecycleHooks.afterDeploy is empty: write the hook, or take it out of verification"
type CdkTsStackSpec struct {
	// stackName is the name of the stack: its CloudFormation name, or its
	// id or path in the CDK app.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9-/]*$')",message="stackName must start with a letter and hold only letters, digits, '-' and '/' (a path in the CDK app), for example WebApp-Production"
	StackName string `json:"stackName"`

	// credentialsSecretName names a Secret in this namespace with the keys
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, optionally,
	// AWS_SESSION_TOKEN. Without it and serviceAccountName the operator uses
	// its own AWS identity.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="credentialsSecretName must be the name of a Secret in this namespace, for example aws-credentials"
	CredentialsSecretName string `json:"credentialsSecretName,omitempty"`

	// serviceAccountName names a ServiceAccount in this namespace whose AWS
	// role acts for the stack, as in a pod on EKS (IRSA): the role in its
	// annotation eks.amazonaws.com/role-arn or, without that, roleARN. The
	// operator must be allowed to make tokens for it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="serviceAccountName must be the name of a ServiceAccount in this namespace, for example deployer"
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// roleARN is an IAM role that is assumed before everything else that is
	// done in AWS: with the keys of credentialsSecretName, as
	// serviceAccountName, or as the operator. The session's name is
	// NAMESPACE.NAME of this object, which the role's trust policy can ask
	// for (sts:RoleSessionName).
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$')",message="roleARN must be the ARN of an IAM role, for example arn:aws:iam::123456789012:role/deployer"
	RoleARN string `json:"roleARN,omitempty"`

	// externalID is what the trust policy of roleARN asks for in
	// sts:ExternalId. It is no secret: anyone who can read this object sees it.
	// +optional
	// +kubebuilder:validation:MaxLength=1224
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9_+=,.@:/-]{2,}$')",message="externalID must have 2 to 1224 letters, digits and _+=,.@:/-"
	ExternalID string `json:"externalID,omitempty"`

	// awsRegion is the AWS region of the stack.
	// +optional
	// +kubebuilder:default="us-east-1"
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$')",message="awsRegion must be an AWS region, for example us-east-1 or eu-central-1"
	AWSRegion string `json:"awsRegion,omitempty"`

	// source is where the CDK app comes from.
	// +required
	Source Source `json:"source"`

	// path is the folder of the CDK project inside the repository.
	// +optional
	// +kubebuilder:default="."
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.startsWith('-') && !self.split('/').exists(p, p == '..')",message="path must be a folder inside the repository, without '..' and not starting with '/' or '-', for example ./production-stack"
	// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\x00-\\\\x1f\\\\x7f]')",message="path must not contain control characters"
	Path string `json:"path,omitempty"`

	// cdkContext is given to the CDK app, each item either a string
	// "key=value" or an object {name, value}; 64 KiB at most in all. Of two
	// items with one key the later wins.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	CDKContext []apiextensionsv1.JSON `json:"cdkContext,omitempty"`

	// contextFrom are context values that are read from outputs of other stacks
	// and from ConfigMaps. They win over cdkContext. A value that changes is
	// deployed, as an edit of the spec is.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MaxItems=64
	ContextFrom []ContextFrom `json:"contextFrom,omitempty"`

	// parametersFrom are values of the template's parameters that are read from
	// outputs of other stacks, from ConfigMaps and from Secrets. They win over
	// what the app gives. A value that changes is deployed, as an edit of the
	// spec is.
	// +optional
	// +listType=map
	// +listMapKey=parameter
	// +kubebuilder:validation:MaxItems=64
	ParametersFrom []ParameterFrom `json:"parametersFrom,omitempty"`

	// dependsOn names other CdkTsStacks of this namespace. A new target of this
	// object is deployed when they are ready, those of the same repository and
	// ref at the same revision. Its stack is deleted before theirs.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	DependsOn []Dependency `json:"dependsOn,omitempty"`

	// actions is what the operator may do.
	// +optional
	Actions *Actions `json:"actions,omitempty"`

	// lifecycleHooks are bash scripts that run in the project folder.
	// +optional
	LifecycleHooks *LifecycleHooks `json:"lifecycleHooks,omitempty"`

	// build says how the app is built: its variables.
	// +optional
	Build *Build `json:"build,omitempty"`

	// hooks says how the lifecycle hooks run: their variables and their time.
	// +optional
	Hooks *Hooks `json:"hooks,omitempty"`

	// runner says how the pods of builds and hooks are made. It has no effect
	// where the operator runs them in its own pod (--executor Local).
	// +optional
	Runner *Runner `json:"runner,omitempty"`

	// suspend stops everything but looking: no build, deployment, drift
	// check or destruction starts while it is true. A deployment that has not
	// changed anything yet is given up; what CloudFormation is already doing
	// is followed to its end.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// timeout is how long one build may take before its run is killed.
	// CloudFormation's own operation has no time limit of ours.
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('24h')",message="timeout must lie between 1m and 24h, for example 1h30m"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// planOnly has plans made and shown in status.changes, and none executed.
	// Deleting the object still does as actions.destroy says.
	// +optional
	PlanOnly bool `json:"planOnly,omitempty"`

	// windows say when a deployment may change the stack; absent, it always may.
	// +optional
	Windows *Windows `json:"windows,omitempty"`

	// freeze names endpoints that say whether a plan may be executed, such as one
	// that knows of open incidents. All of them must agree.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Freeze []Freeze `json:"freeze,omitempty"`

	// approval says which plans wait for a person; absent, none does.
	// +optional
	Approval *Approval `json:"approval,omitempty"`

	// limits say how much a plan may remove and replace before a person has to
	// acknowledge it; absent, as much as it wants.
	// +optional
	Limits *Limits `json:"limits,omitempty"`

	// protect names resources, by logical id, that no plan removes or replaces
	// before a person has acknowledged it. One of a nested stack is led by the id
	// of that and "/".
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=512
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9]+(/[A-Za-z0-9]+)*$`
	Protect []string `json:"protect,omitempty"`

	// policies are rules that a plan has to meet before it is executed. An
	// emergency does not open them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Policies []Policy `json:"policies,omitempty"`

	// verification lists what is asked of a deployment before it counts as done,
	// in this order: the first answer that is not healthy ends it. The hook
	// lifecycleHooks.afterDeploy is one of them, the last unless it has a place
	// here.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, !has(c.name) || c.name == '' || self.exists_one(d, has(d.name) && d.name == c.name))",message="two items of verification have the same name: give each another"
	// +kubebuilder:validation:XValidation:rule="self.filter(c, has(c.afterDeploy)).size() <= 1",message="afterDeploy has one place among the checks"
	// +kubebuilder:validation:XValidation:rule="self.all(c, !has(c.certificate) || has(c.certificate.url) || has(c.certificate.urlFromOutput)) || self.exists(c, has(c.http))",message="certificate needs url or urlFromOutput where no http check says which host it is"
	Verification []Check `json:"verification,omitempty"`

	// retry says how a failed deployment is tried again.
	// +optional
	Retry *Retry `json:"retry,omitempty"`

	// outputs asks for a copy of the stack's outputs in a ConfigMap or a
	// Secret of this namespace.
	// +optional
	Outputs *OutputsTarget `json:"outputs,omitempty"`
}

// Actions says what the operator may do; each is true unless set, except for
// autoRedeploy.
type Actions struct {
	// deploy allows deployments.
	// +optional
	// +kubebuilder:default=true
	Deploy *bool `json:"deploy,omitempty"`
	// destroy allows the stack to be deleted with the object. When false,
	// deleting the object leaves the stack in AWS.
	// +optional
	// +kubebuilder:default=true
	Destroy *bool `json:"destroy,omitempty"`
	// driftDetection allows drift checks.
	// +optional
	// +kubebuilder:default=true
	DriftDetection *bool `json:"driftDetection,omitempty"`
	// autoRedeploy deploys new commits of the ref without being asked.
	// +optional
	// +kubebuilder:default=false
	AutoRedeploy *bool `json:"autoRedeploy,omitempty"`
}

// DefaultRetryLimit is retry.limit of a spec without retry.
const DefaultRetryLimit = 5

// Retry says how a failed deployment of the same target is tried again, with
// exponential, jittered pauses. When the attempts are used up the object is
// Stalled until its spec, its revision or an order changes the target.
type Retry struct {
	// limit is how many times a failed attempt is tried again; 0 means never.
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10
	Limit *int32 `json:"limit,omitempty"`
	// interval is the pause before the first retry; each next one doubles.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="retry.interval must lie between 1s and 1h, for example 30s"
	Interval *metav1.Duration `json:"interval,omitempty"`
	// maxInterval bounds the pause.
	// +optional
	// +kubebuilder:default="15m"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="retry.maxInterval must lie between 1s and 24h, for example 15m"
	MaxInterval *metav1.Duration `json:"maxInterval,omitempty"`
}

// OutputsTarget is where a copy of the stack's outputs is kept.
//
// +kubebuilder:validation:XValidation:rule="has(self.configMapName) != has(self.secretName)",message="outputs needs exactly one of configMapName and secretName"
type OutputsTarget struct {
	// configMapName names a ConfigMap that the operator creates and keeps.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="configMapName must be the name of a ConfigMap in this namespace, for example webapp-outputs"
	ConfigMapName string `json:"configMapName,omitempty"`
	// secretName names a Secret that the operator creates and keeps.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="secretName must be the name of a Secret in this namespace, for example webapp-outputs"
	SecretName string `json:"secretName,omitempty"`
}
