package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
	// resources that drifted, the most severe first, 50 at most.
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
	// severity is the highest of the drifted resources: Low, Medium, High or
	// Critical.
	// +optional
	Severity DriftSeverity `json:"severity,omitempty"`
	// ignored is what spec.drift.ignore matched.
	// +optional
	Ignored *IgnoredDrift `json:"ignored,omitempty"`
	// unmatched are the rules of spec.drift.ignore that have matched nothing
	// since spec.drift was last edited.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Unmatched []string `json:"unmatched,omitempty"`
	// rulesDigest is of the rules of spec.drift that the last check went by.
	// +optional
	RulesDigest string `json:"rulesDigest,omitempty"`
	// remediation is what came of the last attempt to put drift back.
	// +optional
	Remediation *DriftRemediation `json:"remediation,omitempty"`
	// writers is how far CloudTrail was asked who changed the resources.
	// +optional
	Writers *WriterLookup `json:"writers,omitempty"`
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
	// path is the CDK construct path; it is known when spec.drift.ignore has a
	// rule with a constructPath.
	// +optional
	Path string `json:"path,omitempty"`
	// change is MODIFIED or DELETED.
	Change string `json:"change"`
	// severity is Low, Medium, High or Critical.
	// +optional
	Severity DriftSeverity `json:"severity,omitempty"`
	// properties that differ, 20 at most.
	// +optional
	// +listType=atomic
	Properties []DriftedProperty `json:"properties,omitempty"`
	// propertiesOmitted is the number of properties beyond those listed.
	// +optional
	PropertiesOmitted int32 `json:"propertiesOmitted,omitempty"`
	// changedBy is the newest successful call of CloudTrail that wrote to the
	// resource and was not CloudFormation's: most likely what made it drift.
	// +optional
	ChangedBy *ResourceWriter `json:"changedBy,omitempty"`
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
