package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SkipResourcesAnnotation has a rollback that is stuck go on without the resources
// that it names by logical id, separated by commas or spaces. It is used once for
// each value, and refused when it names a resource that is not stuck.
const SkipResourcesAnnotation = "awscdk.dev/skip-resources"

// OnFailure says what becomes of an update that CloudFormation could not finish.
//
// +kubebuilder:validation:Enum=CloudFormation;LastGood;None
type OnFailure string

// What becomes of an update that failed.
const (
	// FailureCloudFormation: CloudFormation rolls the stack back to what it was
	// before.
	FailureCloudFormation OnFailure = "CloudFormation"
	// FailureLastGood: after that, the last good deployment is put back when what
	// was there before is another.
	FailureLastGood OnFailure = "LastGood"
	// FailureNone: what was made is kept as it is, so that a person can look at it.
	FailureNone OnFailure = "None"
)

// OnUnhealthy says what becomes of a deployment that failed its verification.
//
// +kubebuilder:validation:Enum=Hold;Cancel;LastGood
type OnUnhealthy string

// What becomes of a deployment that failed its verification.
const (
	// UnhealthyHold: it stays in service, and people are told.
	UnhealthyHold OnUnhealthy = "Hold"
	// UnhealthyCancel: the update is cancelled while it is monitored, so that
	// CloudFormation rolls it back. Where that cannot be, it is UnhealthyLastGood.
	UnhealthyCancel OnUnhealthy = "Cancel"
	// UnhealthyLastGood: the last good deployment is put back by another update.
	UnhealthyLastGood OnUnhealthy = "LastGood"
)

// Rollback says what takes a deployment back. An edit of it deploys nothing: it
// holds from the next deployment on.
type Rollback struct {
	// alarms are CloudWatch alarms, of the stack's account and region. When one
	// goes to ALARM while CloudFormation changes the stack or monitors it,
	// CloudFormation rolls the operation back. A plan waits while one is in ALARM.
	// Each must exist before the deployment: one that the stack itself makes can
	// be named from the second deployment on.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Alarms []RollbackAlarm `json:"alarms,omitempty"`
	// monitoringTime is how long CloudFormation keeps an operation open after its
	// resources are done, in whole minutes up to 180m: the alarms can still roll it
	// back, old resources are kept, and the checks of the deployment are asked
	// before an update is final. Default: 0m.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('180m') && duration(self).getSeconds() % 60 == 0",message="monitoringTime must be whole minutes between 0m and 180m, for example 10m"
	MonitoringTime *metav1.Duration `json:"monitoringTime,omitempty"`
	// onFailure says what becomes of an operation that CloudFormation could not
	// finish. CloudFormation: it rolls the stack back to what it was before.
	// LastGood: after that the last good deployment is put back, when what was
	// there before is another. None: all is kept as it is, and nothing more is
	// tried until a person says so; a plan that replaces resources is rolled back
	// all the same, since CloudFormation keeps no such failure.
	// +optional
	// +kubebuilder:default=CloudFormation
	OnFailure OnFailure `json:"onFailure,omitempty"`
	// onUnhealthy says what becomes of a deployment that failed its verification.
	// Hold: it stays in service and is verified again as spec.retry says. Cancel:
	// while monitoringTime lasts, the update is cancelled, and CloudFormation rolls
	// it back; after that, as LastGood. LastGood: the template, parameters and tags
	// of the last good deployment are put back by an update of their own, without
	// git or npm. A first deployment has nothing to go back to and is held. A
	// target that was taken back is not deployed again by itself.
	// +optional
	// +kubebuilder:default=Hold
	OnUnhealthy OnUnhealthy `json:"onUnhealthy,omitempty"`
}

// RollbackAlarm names a CloudWatch alarm.
//
// +kubebuilder:validation:XValidation:rule="has(self.name) != has(self.output)",message="an item of rollback.alarms needs exactly one of name and output"
type RollbackAlarm struct {
	// name of the alarm, or its ARN.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name,omitempty"`
	// output of the stack that holds the name or the ARN, as the deployment before
	// has left it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]+$')",message="output must be the name of an output of the stack, for example ErrorsAlarm"
	Output string `json:"output,omitempty"`
}

// RollbackConfiguration is what CloudFormation was told to watch.
type RollbackConfiguration struct {
	// triggers are the alarms.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Triggers []RollbackTrigger `json:"triggers,omitempty"`
	// monitoringMinutes is how long CloudFormation keeps the operation open.
	// +optional
	MonitoringMinutes int32 `json:"monitoringMinutes,omitempty"`
}

// RollbackTrigger is an alarm.
type RollbackTrigger struct {
	ARN string `json:"arn"`
	// composite is true for an alarm that is made of others.
	// +optional
	Composite bool `json:"composite,omitempty"`
}

// Monitoring is how a deployment fares that may still be taken back.
type Monitoring struct {
	// quietSince is since when no resource was seen to be worked on.
	// +optional
	QuietSince *metav1.Time `json:"quietSince,omitempty"`
	// verifiedAt is when all checks had agreed.
	// +optional
	VerifiedAt *metav1.Time `json:"verifiedAt,omitempty"`
	// reason and message are why it is not healthy, when it is not.
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
	// cancelDenied says why the update could not be cancelled.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	CancelDenied string `json:"cancelDenied,omitempty"`
	// alarmsUnseen says why the alarms could not be looked at before.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	AlarmsUnseen string `json:"alarmsUnseen,omitempty"`
	// lastGoodGone says why the last good deployment could not be put back.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LastGoodGone string `json:"lastGoodGone,omitempty"`
}

// RollbackCause is why a deployment was taken back.
type RollbackCause string

// The causes.
const (
	CauseAlarm     RollbackCause = "Alarm"
	CauseUnhealthy RollbackCause = "Unhealthy"
	CauseFailed    RollbackCause = "Failed"
)

// RollbackMethod is how a deployment is taken back.
type RollbackMethod string

// The methods.
const (
	// MethodCloudFormation: CloudFormation itself rolled the operation back.
	MethodCloudFormation RollbackMethod = "CloudFormation"
	// MethodLastGood: the last good deployment is put back by another update.
	MethodLastGood RollbackMethod = "LastGood"
)

// RollbackState says how far it is.
type RollbackState string

// The states.
const (
	RollbackPending RollbackState = "Pending"
	RollbackDone    RollbackState = "RolledBack"
	RollbackNotDone RollbackState = "Failed"
)

// RollbackStatus is the deployment that was last taken back. It is there until
// another one ends well.
type RollbackStatus struct {
	Cause  RollbackCause  `json:"cause"`
	Method RollbackMethod `json:"method"`
	State  RollbackState  `json:"state"`
	// from is what was taken back: its commit, and what it was to bring about.
	From Target `json:"from"`
	// toRevision is the commit that was put back, "" when that is not known.
	// +optional
	ToRevision string `json:"toRevision,omitempty"`
	// reason is CamelCase, for scripts; message says for people why.
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
	// alarm is the ARN of the alarm that caused it.
	// +optional
	Alarm string `json:"alarm,omitempty"`
	// unchanged is true when there was nothing to put back: what is deployed
	// differs in nothing but values that are not remembered.
	// +optional
	Unchanged bool `json:"unchanged,omitempty"`
	// verification says what the checks have against what was put back, "" when
	// they agreed or none was asked.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Verification string `json:"verification,omitempty"`
	// requestedAt is when it was decided, endedAt when it was done or given up.
	RequestedAt metav1.Time `json:"requestedAt"`
	// +optional
	EndedAt *metav1.Time `json:"endedAt,omitempty"`
}

// StuckRollback is a rollback that CloudFormation could not finish.
type StuckRollback struct {
	// resources that could not be rolled back, by logical id; those of nested
	// stacks are led by the name of that stack and ".".
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Resources []string    `json:"resources,omitempty"`
	Since     metav1.Time `json:"since"`
	// refused says why the annotation awscdk.dev/skip-resources was not used.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Refused string `json:"refused,omitempty"`
}
