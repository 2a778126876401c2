package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AbortAnnotation rolls a rollout back: its value is the digest of the rollout or
// of its pause, as status.rollouts has them, or the first eight characters of it
// at least. ApprovedByAnnotation says who does, ApproveReasonAnnotation why, and
// those may who may approve.
const AbortAnnotation = "awscdk.dev/abort"

// Rollouts says what the operator does about the app's own rollouts: blue/green,
// canary and linear deployments of ECS services, and shifts of Lambda aliases by
// CodeDeploy. They are found in the stack, not named here.
type Rollouts struct {
	// approvePauses has a PAUSE lifecycle hook of an ECS service wait for an
	// approval here, as a plan does: the annotation awscdk.dev/approve with the
	// digest of the pause (status.rollouts) continues it, awscdk.dev/abort rolls it
	// back. It can still be answered in AWS, and its own timeout holds. When false,
	// pauses are shown and left to whoever answers them in AWS. Nothing is ever
	// continued without a person.
	// +optional
	// +kubebuilder:default=true
	ApprovePauses *bool `json:"approvePauses,omitempty"`
}

// RolloutKind says what is rolled out.
//
// +kubebuilder:validation:Enum=ECS;Lambda;CodeDeployBlueGreen
type RolloutKind string

// The kinds of rollout.
const (
	// RolloutECS is a service deployment of ECS.
	RolloutECS RolloutKind = "ECS"
	// RolloutLambda is CodeDeploy moving a Lambda alias to another version.
	RolloutLambda RolloutKind = "Lambda"
	// RolloutCodeDeploy is one of the transform AWS::CodeDeployBlueGreen. It is
	// named, and not followed.
	RolloutCodeDeploy RolloutKind = "CodeDeployBlueGreen"
)

// RolloutState says how a rollout stands.
//
// +kubebuilder:validation:Enum=InProgress;Paused;RollingBack;Succeeded;RolledBack;Failed;Unknown
type RolloutState string

// The states of a rollout.
const (
	RolloutInProgress  RolloutState = "InProgress"
	RolloutPaused      RolloutState = "Paused"
	RolloutRollingBack RolloutState = "RollingBack"
	RolloutSucceeded   RolloutState = "Succeeded"
	RolloutRolledBack  RolloutState = "RolledBack"
	RolloutFailed      RolloutState = "Failed"
	// RolloutUnknown: it cannot be looked at.
	RolloutUnknown RolloutState = "Unknown"
)

// RolloutStatus is one rollout of the deployment in flight or, when none is, of
// the last one.
type RolloutStatus struct {
	// service is the logical id of the ECS service or Lambda alias.
	// +kubebuilder:validation:MaxLength=255
	Service string      `json:"service"`
	Kind    RolloutKind `json:"kind"`
	// name is the ARN of the service or alias.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Name string `json:"name,omitempty"`
	// operation is the id of the deployment that it belongs to.
	Operation string `json:"operation"`
	// deployment is the ARN of the service deployment, or the id of CodeDeploy's
	// deployment.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Deployment string `json:"deployment,omitempty"`
	// digest names the rollout, for awscdk.dev/abort.
	// +optional
	Digest string `json:"digest,omitempty"`
	// strategy is ROLLING, BLUE_GREEN, LINEAR or CANARY, or the name of CodeDeploy's
	// deployment configuration.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Strategy string       `json:"strategy,omitempty"`
	State    RolloutState `json:"state"`
	// stage is the lifecycle stage in ECS's words, such as BAKE_TIME.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Stage string `json:"stage,omitempty"`
	// stageSince is when the stage was first seen.
	// +optional
	StageSince *metav1.Time `json:"stageSince,omitempty"`
	// weight is which share of the requests the new revision gets, in percent, and
	// testWeight which of the test requests.
	// +optional
	Weight *int32 `json:"weight,omitempty"`
	// +optional
	TestWeight *int32 `json:"testWeight,omitempty"`
	// alarms roll it back when they fire, and firing are those that do.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Alarms []string `json:"alarms,omitempty"`
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Firing []string `json:"firing,omitempty"`
	// waitsFor says what it waits for, and until when at most, or about.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	WaitsFor string `json:"waitsFor,omitempty"`
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// pause is the pause that it is at, or the last one that it was at.
	// +optional
	Pause *RolloutPause `json:"pause,omitempty"`
	// order is what a person ordered for it last.
	// +optional
	Order *RolloutOrder `json:"order,omitempty"`
	// reason is why it was rolled back or failed, in AWS's words, or why it cannot
	// be looked at.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
}

// RolloutPause is a PAUSE lifecycle hook that a rollout has reached.
type RolloutPause struct {
	// digest is what awscdk.dev/approve and awscdk.dev/abort name. It is of the
	// service deployment and of this pause of it.
	Digest string `json:"digest"`
	// hookId is ECS's name of it.
	// +kubebuilder:validation:MaxLength=2048
	HookID string `json:"hookId"`
	// stage is where it is.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Stage string `json:"stage,omitempty"`
	// since is when it was first seen.
	Since metav1.Time `json:"since"`
	// expiresAt is when ECS takes the timeoutAction, CONTINUE or ROLLBACK, by itself.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TimeoutAction string `json:"timeoutAction,omitempty"`
	// answer says how it ended: Continued, RolledBack or TimedOut; it is absent
	// while it waits.
	// +optional
	Answer PauseAnswer `json:"answer,omitempty"`
	// by is who answered it, "" when that was done in AWS.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
}

// PauseAnswer is how a pause ended.
//
// +kubebuilder:validation:Enum=Continued;RolledBack;TimedOut
type PauseAnswer string

// The answers.
const (
	PauseContinued  PauseAnswer = "Continued"
	PauseRolledBack PauseAnswer = "RolledBack"
	PauseTimedOut   PauseAnswer = "TimedOut"
)

// RolloutAction is what a person orders for a rollout.
//
// +kubebuilder:validation:Enum=Continue;RollBack
type RolloutAction string

// The actions.
const (
	RolloutContinue RolloutAction = "Continue"
	RolloutRollBack RolloutAction = "RollBack"
)

// RolloutOrder is an approval or an abortion that was taken up.
type RolloutOrder struct {
	Action RolloutAction `json:"action"`
	// digest is what it named.
	Digest string `json:"digest"`
	// by is who gave it, as far as is known, and reason why.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
	// at is when it was taken up, acceptedAt when AWS took it.
	At metav1.Time `json:"at"`
	// +optional
	AcceptedAt *metav1.Time `json:"acceptedAt,omitempty"`
	// triedAt is when AWS last refused it, and error why.
	// +optional
	TriedAt *metav1.Time `json:"triedAt,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Error string `json:"error,omitempty"`
}

// TrafficStatus is what a plan would do to live traffic, beyond what the app asks
// for, and which rollouts it would meet.
type TrafficStatus struct {
	// shifts are listeners and listener rules that somebody else has moved, and
	// that the plan would move.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Shifts []TrafficShift `json:"shifts,omitempty"`
	// rollouts are ECS services with a rollout that goes on.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Rollouts []TrafficRollout `json:"rollouts,omitempty"`
	// unseen is why live traffic could not be looked at, "" when it was.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Unseen string `json:"unseen,omitempty"`
}

// TrafficShift is a listener, or a rule of one, whose weights a plan would change
// although the app did not.
type TrafficShift struct {
	// logicalId of the listener or rule, and its ARN.
	// +kubebuilder:validation:MaxLength=2048
	LogicalID string `json:"logicalId"`
	// +kubebuilder:validation:MaxLength=2048
	ARN string `json:"arn"`
	// live is which target groups get the requests now, planned which would, and
	// deployed which do by the template that is deployed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Live []TrafficWeight `json:"live,omitempty"`
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Planned []TrafficWeight `json:"planned,omitempty"`
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Deployed []TrafficWeight `json:"deployed,omitempty"`
	// unseen: not all of this could be looked at.
	// +optional
	Unseen bool `json:"unseen,omitempty"`
}

// TrafficWeight is the share of one target group.
type TrafficWeight struct {
	// targetGroup is its ARN.
	// +kubebuilder:validation:MaxLength=2048
	TargetGroup string `json:"targetGroup"`
	// percent of the requests.
	Percent int32 `json:"percent"`
}

// TrafficRollout is an ECS service with a rollout that goes on.
type TrafficRollout struct {
	// logicalId of the service, and its ARN.
	// +kubebuilder:validation:MaxLength=2048
	LogicalID string `json:"logicalId"`
	// +kubebuilder:validation:MaxLength=2048
	ARN string `json:"arn"`
}
