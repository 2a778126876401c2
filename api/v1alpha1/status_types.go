package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Phase is one word for people and for scripts of the earlier operator; it is
// derived from the rest of the status and never read back, except for "".
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
	// ConditionApprovalPending is True while a plan waits for a person to
	// approve or to acknowledge it.
	ConditionApprovalPending = "ApprovalPending"
	// ConditionHealthy is True while all checks of spec.verification are healthy.
	ConditionHealthy = "Healthy"
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
	// held is a deployment whose plan is ready and waits at a gate, such as a
	// closed window. Checks may be in flight meanwhile.
	// +optional
	Held *Operation `json:"held,omitempty"`
	// gates are those that hold the plan of held.
	// +optional
	// +listType=map
	// +listMapKey=name
	Gates []GateStatus `json:"gates,omitempty"`
	// approval is the approval that was last given and taken.
	// +optional
	Approval *ApprovalStatus `json:"approval,omitempty"`
	// window says whether spec.windows are open.
	// +optional
	Window *WindowStatus `json:"window,omitempty"`
	// progress of the CloudFormation operation in flight.
	// +optional
	Progress *Progress `json:"progress,omitempty"`
	// plan is what the last build brought forth, deployed or not.
	// +optional
	Plan *Plan `json:"plan,omitempty"`
	// changes is what the last change set does, or did, to the resources of the
	// stack.
	// +optional
	Changes *Changes `json:"changes,omitempty"`
	// deployed is the last deployment that ended well.
	// +optional
	Deployed *Deployment `json:"deployed,omitempty"`
	// nextAttempt is when a deployment that failed is tried again by itself.
	// +optional
	NextAttempt *NextAttempt `json:"nextAttempt,omitempty"`
	// lastDeployment is the last deployment, however it ended.
	// +optional
	LastDeployment *HistoryEntry `json:"lastDeployment,omitempty"`
	// verification is what the checks of spec.verification found.
	// +optional
	Verification *VerificationStatus `json:"verification,omitempty"`
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
