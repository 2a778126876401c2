package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OperationKind says what an Operation is for.
type OperationKind string

// The kinds of operation.
const (
	OperationDeploy     OperationKind = "Deploy"
	OperationDestroy    OperationKind = "Destroy"
	OperationDriftCheck OperationKind = "DriftCheck"
	OperationGitSync    OperationKind = "GitSync"
)

// OperationStep is where an operation is.
type OperationStep string

// The steps. A deployment goes Building (which runs beforeDeploy), Clearing
// (only when a dead stack is in its way), Planning, Executing. A destruction
// is Deleting, a drift check Detecting, a git check Inspecting. Each of them
// is led by RunningBeforeHook and followed by RunningAfterHook when there is
// such a hook.
const (
	// StepBuilding: a runner checks out, installs, synthesises, publishes.
	StepBuilding OperationStep = "Building"
	// StepClearing: a stack that never lived (ROLLBACK_COMPLETE) is deleted.
	StepClearing OperationStep = "Clearing"
	// StepUnwedging: an update rollback that failed is continued.
	StepUnwedging OperationStep = "Unwedging"
	// StepPlanning: the change set is being created.
	StepPlanning OperationStep = "Planning"
	// StepExecuting: the change set is being executed.
	StepExecuting OperationStep = "Executing"
	// StepVerifying: checks of spec.verification are asked of a deployment that is
	// in place.
	StepVerifying OperationStep = "Verifying"
	// StepDeleting: the stack is being deleted.
	StepDeleting OperationStep = "Deleting"
	// StepDetecting: drift detection is running.
	StepDetecting OperationStep = "Detecting"
	// StepInspecting: a runner reads a commit that was seen: who wrote it, and
	// whether it touches what is followed.
	StepInspecting OperationStep = "Inspecting"
	// StepBeforeHook: the hook that comes before the operation runs.
	StepBeforeHook OperationStep = "RunningBeforeHook"
	// StepAfterHook: the hook that comes after it runs. For a deployment that
	// is its verification.
	StepAfterHook OperationStep = "RunningAfterHook"
)

// Operation is an intent that is being carried out. Everything sent to AWS
// or to a runner on its behalf is named after its id, so that saying it twice
// does nothing.
type Operation struct {
	// id is unique to this operation: it names its run, its change set and
	// its CloudFormation request tokens.
	ID   string        `json:"id"`
	Kind OperationKind `json:"kind"`
	Step OperationStep `json:"step"`
	// reason says why it was started: FirstDeployment, SpecChanged,
	// NewCommit, InputChanged, Ordered, Retry, Scheduled, Deleted,
	// DeletedFirst.
	// +optional
	Reason string `json:"reason,omitempty"`
	// order is the value of the annotation awscdk.dev/check-drift that a drift
	// check answers.
	// +optional
	Order string `json:"order,omitempty"`
	// target is what a deployment is to bring about.
	// +optional
	Target    *Target     `json:"target,omitempty"`
	StartedAt metav1.Time `json:"startedAt"`
	// stepStartedAt is when the present step began.
	StepStartedAt metav1.Time `json:"stepStartedAt"`
	// attempt counts from 1 the attempts at the same target.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`
	// runStep is what the runner is doing.
	// +optional
	RunStep string `json:"runStep,omitempty"`
	// ahead is how many other runs have their turn before this one while
	// runStep is Queued. From ten on it is rounded down to tens, from a hundred
	// on to hundreds.
	// +optional
	Ahead int32 `json:"ahead,omitempty"`
	// plan is what the build brought forth.
	// +optional
	Plan *Plan `json:"plan,omitempty"`
	// requestedAt is when CloudFormation was asked for the change set, to half
	// a minute.
	// +optional
	RequestedAt *metav1.Time `json:"requestedAt,omitempty"`
	// acceptedAt is when CloudFormation was last seen to have taken the order to
	// execute the change set.
	// +optional
	AcceptedAt *metav1.Time `json:"acceptedAt,omitempty"`
	// heldSince is when the plan first had to wait at a gate.
	// +optional
	HeldSince *metav1.Time `json:"heldSince,omitempty"`
	// approvedBy is who approved its plan, if anybody had to.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ApprovedBy string `json:"approvedBy,omitempty"`
	// override says what opened a closed window or a freeze for it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Override string `json:"override,omitempty"`
	// freezeErrors says which freezes gave no answer and let its plan through
	// all the same, since their onError is Allow.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	FreezeErrors string `json:"freezeErrors,omitempty"`
	// atRestSince is when the stack was first seen at rest although no event
	// tells that the operation ended.
	// +optional
	AtRestSince *metav1.Time `json:"atRestSince,omitempty"`
	// stackId is the ARN of the stack operated on, once known.
	// +optional
	StackID string `json:"stackId,omitempty"`
	// detectionId is CloudFormation's name of the drift detection.
	// +optional
	DetectionID string `json:"detectionId,omitempty"`
	// outcome of a deployment whose verification is still to come.
	// +optional
	Outcome Outcome `json:"outcome,omitempty"`
	// revision that a git check is about.
	// +optional
	Revision string `json:"revision,omitempty"`
}

// HookStatus is the last run of a lifecycle hook.
type HookStatus struct {
	// name of the hook, as in spec.lifecycleHooks.
	Name string `json:"name"`
	// operation that it ran for, by id.
	Operation string `json:"operation"`
	// succeeded is false when it failed or could not be run.
	Succeeded bool `json:"succeeded"`
	// exitCode of the script, absent when it did not end by itself.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`
	// message says what it failed with, and shows its last lines.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
	// endedAt is when its end was noticed.
	EndedAt metav1.Time `json:"endedAt"`
	// durationMs is how long the script ran, in milliseconds.
	// +optional
	DurationMS int64 `json:"durationMs,omitempty"`
}

// DiscardedChangeSet is a change set that is of no more use.
type DiscardedChangeSet struct {
	// name is the id of the operation that it belonged to.
	Name string `json:"name"`
	// stack is the ARN of its stack, or the name when the ARN is not known.
	Stack string `json:"stack"`
	// dueAt is when its deletion is tried next.
	DueAt metav1.Time `json:"dueAt"`
	// attempts is how often its deletion failed.
	// +optional
	Attempts int32 `json:"attempts,omitempty"`
}

// Target is what a deployment is to bring about. Two equal digests mean that
// there is nothing new to do.
type Target struct {
	// digest of the fields below.
	Digest string `json:"digest"`
	// revision is the commit to deploy.
	Revision string `json:"revision"`
	// specDigest is of the fields of the spec that change what is built.
	SpecDigest string `json:"specDigest"`
	// order is the user's order that asked for it, if one did.
	// +optional
	Order string `json:"order,omitempty"`
	// inputs names what spec.contextFrom and spec.parametersFrom read. Of a
	// Secret it follows its version only, not its content.
	// +optional
	Inputs string `json:"inputs,omitempty"`
	// automatic is true for a commit that autoRedeploy took up.
	// +optional
	Automatic bool `json:"automatic,omitempty"`
}

// NextAttempt is when a deployment is tried again that failed.
type NextAttempt struct {
	// number counts the attempts at the same target from 1. A failure that
	// passes by itself, such as an outage, is none.
	Number int32 `json:"number"`
	// of is how many there are at most.
	Of int32       `json:"of"`
	At metav1.Time `json:"at"`
}

// Progress counts the resources of the CloudFormation operation in flight.
type Progress struct {
	// done is the number of resources that are finished.
	Done int32 `json:"done"`
	// total is the number of resources that the change set touches.
	Total int32 `json:"total"`
	// percent is done of total, 0 to 100.
	Percent int32 `json:"percent"`
	// current is the resource being worked on, by logical id.
	// +optional
	Current string `json:"current,omitempty"`
}

// OrdersStatus are the orders that have been taken up.
type OrdersStatus struct {
	// restartedAt is the value of the annotation that was last taken up.
	// +optional
	RestartedAt string `json:"restartedAt,omitempty"`
	// emergency is the value of the emergency-deployment annotation that was
	// last taken up.
	// +optional
	Emergency string `json:"emergency,omitempty"`
	// emergencyTarget is the digest of the target that the last emergency was
	// used for: it opens a window or a freeze for no other.
	// +optional
	EmergencyTarget string `json:"emergencyTarget,omitempty"`
	// checkDrift is the value of the annotation awscdk.dev/check-drift that was
	// last answered by a drift check.
	// +optional
	CheckDrift string `json:"checkDrift,omitempty"`
	// current identifies the last order that was taken up.
	// +optional
	Current string `json:"current,omitempty"`
	// by is who gave it, as far as is known.
	// +optional
	By string `json:"by,omitempty"`
	// at is when the last order or edit of the spec was taken up. A look at
	// the repository that is older does not count for it.
	// +optional
	At *metav1.MicroTime `json:"at,omitempty"`
}

// Outcome says how an operation ended.
type Outcome string

// The outcomes.
const (
	OutcomeSucceeded Outcome = "Succeeded"
	// OutcomeUnchanged is a success that had nothing to change.
	OutcomeUnchanged Outcome = "Unchanged"
	OutcomeFailed    Outcome = "Failed"
	// OutcomeRefused is a failure that trying the same target again cannot fix.
	OutcomeRefused Outcome = "Refused"
	// OutcomeSuperseded is a deployment given up for a newer target.
	OutcomeSuperseded Outcome = "Superseded"
)

// HistoryEntry is an operation that ended.
type HistoryEntry struct {
	// operation is the id of the operation.
	Operation string        `json:"operation"`
	Kind      OperationKind `json:"kind"`
	Outcome   Outcome       `json:"outcome"`
	// reason is CamelCase, for scripts; message is for people.
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
	// approvedBy is who approved its plan, if anybody had to.
	// +optional
	ApprovedBy string `json:"approvedBy,omitempty"`
	// override says what opened a closed window or a freeze for it, if anything
	// did.
	// +optional
	Override string `json:"override,omitempty"`
	// freezeErrors says which freezes gave no answer and let its plan through
	// all the same.
	// +optional
	FreezeErrors string `json:"freezeErrors,omitempty"`
	// changes is what the deployment was to change, in words.
	// +optional
	Changes string `json:"changes,omitempty"`
	// inUseBy names the stacks that import an export which the deployment was to
	// change or to remove.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	InUseBy []string `json:"inUseBy,omitempty"`
	// counts are the numbers of what it was to change.
	// +optional
	Counts *ChangeCounts `json:"counts,omitempty"`
	// ref is the branch or tag that was followed; of a range of versions, the tag
	// that it had chosen.
	// +optional
	Ref string `json:"ref,omitempty"`
	// trigger says why it was started: FirstDeployment, SpecChanged, NewCommit,
	// Ordered, Retry, Deleted.
	// +optional
	Trigger string `json:"trigger,omitempty"`
	// orderedBy is who ordered it, where that is known.
	// +optional
	OrderedBy string `json:"orderedBy,omitempty"`
	// author wrote the commit, where that was read.
	// +optional
	Author string `json:"author,omitempty"`
	// approveReason is why its plan was approved.
	// +optional
	ApproveReason string `json:"approveReason,omitempty"`
	// waited is set for a failure that passes by itself, such as an outage: how
	// many of them there were in a row. They do not count against retry.limit,
	// and no more than the last two are kept here.
	// +optional
	Waited int32 `json:"waited,omitempty"`
	// target is the digest of what was aimed at.
	// +optional
	Target string `json:"target,omitempty"`
	// +optional
	Revision  string      `json:"revision,omitempty"`
	StartedAt metav1.Time `json:"startedAt"`
	EndedAt   metav1.Time `json:"endedAt"`
}
