package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Phase is one word for people and for scripts of the earlier operator; it is
// derived from the rest of the status and never read back, but for "".
type Phase string

// The phases, as the earlier operator named them, and Pending.
const (
	PhaseNone            Phase = ""
	PhasePending         Phase = "Pending" // waits: suspended, not allowed, or its source cannot be read
	PhaseCloning         Phase = "Cloning"
	PhaseInstalling      Phase = "Installing"
	PhaseDeploying       Phase = "Deploying"
	PhaseSucceeded       Phase = "Succeeded"
	PhaseFailed          Phase = "Failed"
	PhaseDeleting        Phase = "Deleting"
	PhaseDriftChecking   Phase = "DriftChecking"
	PhaseGitSyncChecking Phase = "GitSyncChecking"
)

// Condition types. Ready, Reconciling and Stalled follow kstatus.
const (
	// ConditionReady is True when the stack is deployed as the spec says.
	ConditionReady = "Ready"
	// ConditionReconciling is True while something is being done.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when nothing more will be tried until the
	// spec, the revision or an order changes.
	ConditionStalled = "Stalled"
	// ConditionDrifted is True when the stack differs from its template.
	ConditionDrifted = "Drifted"
	// ConditionSourceAvailable is False when the repository or its ref
	// cannot be read.
	ConditionSourceAvailable = "SourceAvailable"
)

// CdkTsStackStatus is what the operator has seen and done.
type CdkTsStackStatus struct {
	// observedGeneration is the generation of the spec that this status is of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// phase is one word for what is going on. Setting it to "" orders a new
	// deployment.
	// +optional
	Phase Phase `json:"phase,omitempty"`
	// message says in a sentence what happened and, when something is wrong,
	// what to do about it.
	// +optional
	Message string `json:"message,omitempty"`
	// conditions: Ready, Reconciling, Stalled (kstatus), Drifted,
	// SourceAvailable.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// lastDeploy is when the stack was last deployed, verified or not.
	// +optional
	LastDeploy *Time `json:"lastDeploy,omitempty"`
	// lastDriftCheck is when the last drift check ended with an answer.
	// +optional
	LastDriftCheck *Time `json:"lastDriftCheck,omitempty"`
	// lastGitSync is when a look at the repository last brought news, or when
	// the last check with hooks around it, or that read a commit, ended.
	// +optional
	LastGitSync *Time `json:"lastGitSync,omitempty"`
	// driftDetected is the verdict of the last drift check.
	// +optional
	DriftDetected bool `json:"driftDetected,omitempty"`

	// stackProblem is set while the deployed stack is gone or broken, as the
	// last drift check saw it. Ready is then False.
	// +optional
	StackProblem *StackProblem `json:"stackProblem,omitempty"`

	// stackId is the ARN of the CloudFormation stack.
	// +optional
	StackID string `json:"stackId,omitempty"`
	// stackClaim says what the object has to do with that stack: Made when its
	// change set made the stack and nothing was executed yet, Deployed when a
	// change set of it was executed on the stack or it was adopted, Released
	// when the stack turned out to be somebody else's. A stack that is only
	// Made is deleted with the object only while it is still empty.
	// +optional
	StackClaim StackClaim `json:"stackClaim,omitempty"`
	// outputs are the outputs of the stack.
	// +optional
	Outputs map[string]string `json:"outputs,omitempty"`
	// outputsOmitted is the number of outputs that are left out of outputs, of
	// their copy and of what hooks get: those beyond 128 KiB.
	// +optional
	OutputsOmitted int32 `json:"outputsOmitted,omitempty"`

	// source is what was seen of the repository.
	// +optional
	Source *SourceStatus `json:"source,omitempty"`
	// target is what the last deployment was, or is, to bring about.
	// +optional
	Target *Target `json:"target,omitempty"`
	// operation is the intent that is being carried out, saved before it is
	// acted on.
	// +optional
	Operation *Operation `json:"operation,omitempty"`
	// progress of the CloudFormation operation in flight.
	// +optional
	Progress *Progress `json:"progress,omitempty"`
	// plan is what the last build brought forth, deployed or not.
	// +optional
	Plan *Plan `json:"plan,omitempty"`
	// deployed is the last deployment that ended well.
	// +optional
	Deployed *Deployment `json:"deployed,omitempty"`
	// lastDeployment is the last deployment, however it ended.
	// +optional
	LastDeployment *HistoryEntry `json:"lastDeployment,omitempty"`
	// drift is the detail of the last drift check.
	// +optional
	Drift *DriftStatus `json:"drift,omitempty"`
	// hooks are the last runs of the lifecycle hooks, by name.
	// +optional
	// +listType=map
	// +listMapKey=name
	Hooks []HookStatus `json:"hooks,omitempty"`
	// orders are the users' orders that have been taken up.
	// +optional
	Orders *OrdersStatus `json:"orders,omitempty"`
	// discardedChangeSets are change sets that were not executed and are still to
	// be deleted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=40
	DiscardedChangeSets []DiscardedChangeSet `json:"discardedChangeSets,omitempty"`
	// history holds the last deployments and destructions, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	History []HistoryEntry `json:"history,omitempty"`
}

// StackClaim says what an object has to do with the stack of status.stackId.
type StackClaim string

// The claims. A status without one was written by an earlier version, which
// did not tell them apart.
const (
	// ClaimMade: a change set of the object made the stack, which is empty.
	ClaimMade StackClaim = "Made"
	// ClaimDeployed: the execution of a change set of the object began on the
	// stack, or the object was adopted with it.
	ClaimDeployed StackClaim = "Deployed"
	// ClaimReleased: the object has given up the stack to somebody else.
	ClaimReleased StackClaim = "Released"
)

// SourceStatus is what was seen of the repository.
type SourceStatus struct {
	// revision is the commit that the ref pointed to when last seen.
	// +optional
	Revision string `json:"revision,omitempty"`
	// ref is the ref that was asked for.
	// +optional
	Ref string `json:"ref,omitempty"`
	// pendingRevision is a commit that was seen and not deployed; it waits
	// for autoRedeploy or for an order.
	// +optional
	PendingRevision string `json:"pendingRevision,omitempty"`
	// pending is who wrote the pending commit and what it says, once read.
	// +optional
	Pending *Commit `json:"pending,omitempty"`
	// inspectError says why the commit that was seen could not be read.
	// +optional
	InspectError string `json:"inspectError,omitempty"`
	// inspectedRevision is the newest commit that was read, well or not.
	// +optional
	InspectedRevision string `json:"inspectedRevision,omitempty"`
	// irrelevantRevision is the newest commit that was seen and touches
	// nothing of what is followed.
	// +optional
	IrrelevantRevision string `json:"irrelevantRevision,omitempty"`
	// tag is the tag that spec.source.git.semver has chosen.
	// +optional
	Tag string `json:"tag,omitempty"`
	// error says why the repository could not be read, when it could not.
	// +optional
	Error string `json:"error,omitempty"`
}

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
	// NewCommit, Ordered, Retry, Scheduled, Deleted.
	// +optional
	Reason string `json:"reason,omitempty"`
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
	// automatic is true for a commit that autoRedeploy took up.
	// +optional
	Automatic bool `json:"automatic,omitempty"`
}

// Plan is the outcome of a build: all that a change set needs. Nothing in it
// is secret.
type Plan struct {
	// stackName is the name in CloudFormation.
	StackName string `json:"stackName"`
	// artifactId is the id of the stack in the cloud assembly.
	// +optional
	ArtifactID string `json:"artifactId,omitempty"`
	Account    string `json:"account,omitempty"`
	Region     string `json:"region,omitempty"`
	// templateURL is where the template was published.
	TemplateURL string `json:"templateURL"`
	// templateDigest is the SHA-256 of the template, in hex.
	TemplateDigest string `json:"templateDigest"`
	// commit is the commit that was built.
	// +optional
	Commit *Commit `json:"commit,omitempty"`
	// +optional
	Parameters map[string]string `json:"parameters,omitempty"`
	// openParameters are those of the template that have neither a value nor
	// a default. A stack that has them keeps their values; one that does not
	// cannot be deployed.
	// +optional
	// +listType=atomic
	OpenParameters []string `json:"openParameters,omitempty"`
	// +optional
	Tags map[string]string `json:"tags,omitempty"`
	// notificationARNs are the SNS topics that CloudFormation tells of the stack's
	// events. Absent leaves those of the stack as they are; empty removes them.
	// +optional
	// +listType=atomic
	NotificationARNs []string `json:"notificationARNs,omitzero"`
	// terminationProtection as the app asks; absent means that it says nothing.
	// +optional
	TerminationProtection *bool `json:"terminationProtection,omitempty"`
	// deployRoleARN is assumed for every CloudFormation call.
	// +optional
	DeployRoleARN string `json:"deployRoleARN,omitempty"`
	// +optional
	DeployRoleExternalID string `json:"deployRoleExternalID,omitempty"`
	// deployRoleSession is what the app asks for when the role is assumed.
	// +optional
	DeployRoleSession *RoleSession `json:"deployRoleSession,omitempty"`
	// lookupRoleARN may read what the stack holds; it is assumed to look for
	// drift.
	// +optional
	LookupRoleARN string `json:"lookupRoleARN,omitempty"`
	// +optional
	LookupRoleExternalID string `json:"lookupRoleExternalID,omitempty"`
	// +optional
	LookupRoleSession *RoleSession `json:"lookupRoleSession,omitempty"`
	// executionRoleARN is handed to CloudFormation.
	// +optional
	ExecutionRoleARN string `json:"executionRoleARN,omitempty"`
	// bootstrapVersion is the least bootstrap version that the app needs.
	// +optional
	BootstrapVersion int32 `json:"bootstrapVersion,omitempty"`
	// bootstrapParameter is the SSM parameter that holds the version.
	// +optional
	BootstrapParameter string `json:"bootstrapParameter,omitempty"`
	// dependsOn names the other stacks of the app that this one needs.
	// +optional
	// +listType=atomic
	DependsOn []string `json:"dependsOn,omitempty"`
	// inputs are the paths of the repository that the build read: the project's
	// folder and what it takes from beside it; a folder stands for all in it.
	// Absent when that cannot be told, or is the whole repository.
	// +optional
	// +listType=atomic
	Inputs []string `json:"inputs,omitempty"`
	// constructPaths maps logical ids to CDK construct paths; bounded, for
	// messages. It is dropped when the operation ends.
	// +optional
	ConstructPaths map[string]string `json:"constructPaths,omitempty"`
}

// RoleSession is what an app asks for, beside the role itself, when a role is
// assumed: the assumeRoleAdditionalOptions of its synthesizer.
type RoleSession struct {
	// tags are the session tags; they are passed on to roles that are assumed
	// from this one.
	// +optional
	// +listType=atomic
	Tags []SessionTag `json:"tags,omitempty"`
	// policy narrows the session; it is an IAM policy in JSON.
	// +optional
	Policy string `json:"policy,omitempty"`
	// policyARNs are managed policies that narrow the session.
	// +optional
	// +listType=atomic
	PolicyARNs []string `json:"policyARNs,omitempty"`
	// +optional
	SourceIdentity string `json:"sourceIdentity,omitempty"`
	// +optional
	DurationSeconds int32 `json:"durationSeconds,omitempty"`
	// name is the name of the session.
	// +optional
	Name string `json:"name,omitempty"`
	// +optional
	ExternalID string `json:"externalID,omitempty"`
}

// SessionTag is one tag of a session.
type SessionTag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Commit is who wrote what.
type Commit struct {
	Hash string `json:"hash"`
	// +optional
	Author string `json:"author,omitempty"`
	// +optional
	Subject string `json:"subject,omitempty"`
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
}

// Deployment is a deployment that ended well: enough to put it back without
// building anything.
type Deployment struct {
	Target Target `json:"target"`
	// generation of the spec that was deployed.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	Plan       Plan  `json:"plan"`
	// at is when it ended.
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

// DriftStatus is the detail of the last drift check.
type DriftStatus struct {
	// checkedAt is when the check ended with an answer.
	// +optional
	CheckedAt *metav1.Time `json:"checkedAt,omitempty"`
	// attemptedAt is when a check was last tried, answered or not.
	// +optional
	AttemptedAt *metav1.Time `json:"attemptedAt,omitempty"`
	// error says why the last check gave no answer; the verdict beside it
	// is then that of the check before.
	// +optional
	Error string `json:"error,omitempty"`
	// resources that drifted, 50 at most.
	// +optional
	// +listType=atomic
	Resources []DriftedResource `json:"resources,omitempty"`
	// omitted is the number of drifted resources beyond those listed.
	// +optional
	Omitted int32 `json:"omitted,omitempty"`
	// unchecked are resources that CloudFormation could not look at, 50 at
	// most. While there are any and no drift was found, the check has no answer.
	// +optional
	// +listType=atomic
	Unchecked []UncheckedResource `json:"unchecked,omitempty"`
	// uncheckedOmitted is the number of such resources beyond those listed.
	// +optional
	UncheckedOmitted int32 `json:"uncheckedOmitted,omitempty"`
}

// UncheckedResource is a resource whose drift is not known.
type UncheckedResource struct {
	LogicalID string `json:"logicalId"`
	Type      string `json:"type"`
	// reason is CloudFormation's.
	// +optional
	Reason string `json:"reason,omitempty"`
}

// StackProblem says that the deployed stack is gone, was updated by others, or
// is in a state that no deployment leaves.
type StackProblem struct {
	// reason is StackMissing, StackChanged or StackUnusable.
	Reason string `json:"reason"`
	// message says what happened and what to do.
	Message string `json:"message"`
	// stackStatus is CloudFormation's; absent when there is no such stack.
	// +optional
	StackStatus string `json:"stackStatus,omitempty"`
	// since is when it was first seen.
	Since metav1.Time `json:"since"`
}

// DriftedResource is a resource that differs from its template.
type DriftedResource struct {
	LogicalID string `json:"logicalId"`
	// +optional
	PhysicalID string `json:"physicalId,omitempty"`
	Type       string `json:"type"`
	// change is MODIFIED or DELETED.
	Change string `json:"change"`
	// properties that differ, 20 at most.
	// +optional
	// +listType=atomic
	Properties []DriftedProperty `json:"properties,omitempty"`
}

// DriftedProperty is one difference; values longer than 256 characters are cut.
type DriftedProperty struct {
	// path is a JSON pointer into the resource's properties.
	Path string `json:"path"`
	// change is ADD, REMOVE or NOT_EQUAL.
	Change string `json:"change"`
	// +optional
	Expected string `json:"expected,omitempty"`
	// +optional
	Actual string `json:"actual,omitempty"`
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
	// current identifies the last order that was taken up.
	// +optional
	Current string `json:"current,omitempty"`
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
	// OutcomeRefused is a failure that trying the same target again cannot mend.
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
