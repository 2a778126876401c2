package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ApproveAnnotation approves the plan whose digest is its value:
// status.changes.digest, or the first eight characters of it at least. Who may
// set it is for an admission policy to say, which also holds
// ApprovedByAnnotation to the truth.
const ApproveAnnotation = "awscdk.dev/approve"

// ApprovedByAnnotation says who approves, and ApproveReasonAnnotation why.
const (
	ApprovedByAnnotation    = "awscdk.dev/approved-by"
	ApproveReasonAnnotation = "awscdk.dev/approve-reason"
)

// OrderedByAnnotation says who ordered a deployment: the value of
// RestartedAtAnnotation that it is of, a space, and the name. One of another
// order says nothing. The admission policy holds it to the truth, too.
const OrderedByAnnotation = "awscdk.dev/ordered-by"

// AcknowledgeAnnotation lets a plan through although it removes or replaces
// what spec.limits and spec.protect hold: the digest of the plan, then the
// logical ids of protected resources and, for limits, the word limits, with
// spaces between them.
const AcknowledgeAnnotation = "awscdk.dev/acknowledge"

// ApprovalRequirement says which plans a person has to approve.
//
// +kubebuilder:validation:Enum=Never;OnDestructive;OnNewCommit;Always
type ApprovalRequirement string

// The requirements. OnDestructive is for plans that remove or replace
// resources, or may replace them; OnNewCommit for those of another commit than
// the one that is deployed.
const (
	ApprovalNever         ApprovalRequirement = "Never"
	ApprovalOnDestructive ApprovalRequirement = "OnDestructive"
	ApprovalOnNewCommit   ApprovalRequirement = "OnNewCommit"
	ApprovalAlways        ApprovalRequirement = "Always"
)

// Approval says which plans wait for a person.
type Approval struct {
	// required says which plans need an approval: Never, OnDestructive (what
	// removes or replaces resources), OnNewCommit, Always.
	// +optional
	// +kubebuilder:default=Always
	Required ApprovalRequirement `json:"required,omitempty"`
	// expiresAfter is how long an approval holds, while its plan waits for
	// something else.
	// +optional
	// +kubebuilder:default="24h"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="approval.expiresAfter must lie between 1m and 720h, for example 24h"
	ExpiresAfter *metav1.Duration `json:"expiresAfter,omitempty"`
}

// Limits say how much a plan may remove and replace before a person has to
// acknowledge it.
type Limits struct {
	// maxRemoved is how many resources a plan may remove.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxRemoved *int32 `json:"maxRemoved,omitempty"`
	// maxReplaced is how many resources a plan may replace; those that it may
	// have to replace count.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxReplaced *int32 `json:"maxReplaced,omitempty"`
}

// ApprovalStatus is the approval that was last given and taken.
type ApprovalStatus struct {
	// digest of the plan that it is of.
	Digest string `json:"digest"`
	// by is who gave it, as far as is known.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
	// operation is the deployment that it was used for. It is good for one.
	// +optional
	Operation string `json:"operation,omitempty"`
	// at is when it was taken up, and expiresAt when it ends.
	At        metav1.Time `json:"at"`
	ExpiresAt metav1.Time `json:"expiresAt"`
}

// GateStatus is a gate that holds the plan.
type GateStatus struct {
	// name of the gate: dependencies, planOnly, window, freeze, policies, limits,
	// approval, traffic.
	Name string `json:"name"`
	// reason is CamelCase, for scripts.
	Reason string `json:"reason"`
	// message says what it waits for.
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message"`
}
