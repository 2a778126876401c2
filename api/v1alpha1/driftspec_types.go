package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RevertDriftAnnotation orders, whenever its value changes, a plan that puts back
// what the last drift check found; the value may be anything.
const RevertDriftAnnotation = "awscdk.dev/revert-drift"

// Drift says how often drift is looked for, what of it is ignored, how severe it
// is, and what is done about it.
type Drift struct {
	// interval is the pause between two drift checks of this stack, in place of
	// the operator's own schedule (--drift-check-cron); at least 1m. Checks are
	// later by a part of it, so that the stacks of a fleet do not ask at once.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('168h')",message="drift.interval must lie between 1m and 168h, for example 30m"
	Interval *metav1.Duration `json:"interval,omitempty"`

	// ignore are rules for differences that are no drift, such as what an
	// autoscaler changes. They are counted and listed in status.drift.ignored. A
	// resource that could not be looked at is never ignored.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Ignore []DriftIgnore `json:"ignore,omitempty"`

	// severity are rules for how severe the drift of a resource is; the first
	// that matches counts. Without one, IAM and security groups are Critical;
	// policies, keys, data and networks, and resources that were deleted, are
	// High; tags are Low; the rest is Medium.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Severity []DriftSeverityRule `json:"severity,omitempty"`

	// remediate says what is done about drift. Off: it is shown. Plan: a change
	// set that puts it back is made and shown in status.changes, and not
	// executed. Auto: that change set passes the gates of every plan (windows,
	// freezes, policies, limits, approval) and is executed if it changes nothing
	// but what the drift check names, and neither replaces or removes a resource
	// nor shifts traffic.
	// +optional
	// +kubebuilder:default=Off
	Remediate Remediation `json:"remediate,omitempty"`
}

// Remediation says what is done about drift.
//
// +kubebuilder:validation:Enum=Off;Plan;Auto
type Remediation string

// What is done about drift.
const (
	RemediateOff  Remediation = "Off"
	RemediatePlan Remediation = "Plan"
	RemediateAuto Remediation = "Auto"
)

// DriftIgnore is a rule for differences that are no drift. Every field that is
// set must match; one without property and value ignores the whole resource, its
// deletion included.
//
// +kubebuilder:validation:XValidation:rule="[has(self.type) && self.type.size() > 0, has(self.logicalId) && self.logicalId.size() > 0, has(self.constructPath) && self.constructPath.size() > 0, has(self.property) && self.property.size() > 0, has(self.value) && self.value.size() > 0].exists(set, set)",message="a rule of drift.ignore without any field set would ignore everything: set at least one of type, logicalId, constructPath, property and value"
type DriftIgnore struct {
	// type is the CloudFormation type of the resource, for example
	// AWS::ECS::Service, or all types of a service, as in AWS::Lambda::*.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9]+::[A-Za-z0-9_@-]+(::[A-Za-z0-9]+)*(::[*])?$')",message="type must be a CloudFormation type, for example AWS::ECS::Service, or all types of a service, for example AWS::ECS::*"
	Type string `json:"type,omitempty"`
	// logicalId is the id of the resource as status.drift shows it; that of a
	// nested stack is led by the name of that and "/". A segment "*" stands for
	// any.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == '' || (self.matches('^([*]|[A-Za-z0-9-]+)(/([*]|[A-Za-z0-9-]+))*$') && self.matches('[A-Za-z0-9]'))",message="logicalId must be an id as status.drift shows it, for example Service; a segment before or after a '/' may be '*', and not all of them"
	LogicalID string `json:"logicalId,omitempty"`
	// constructPath is a path in the CDK app, for example Web/Service; all that
	// is below it matches, too. To know the paths, a check that finds drift reads
	// the template of the stack.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.endsWith('/')",message="constructPath must be a path in the CDK app without a leading or trailing '/', for example Web/Service"
	ConstructPath string `json:"constructPath,omitempty"`
	// property is the path of a property, for example /DesiredCount; what is
	// below it matches, too. A segment "*" stands for any, as in /Tags/*/Value.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == '' || (self.matches('^(/([*]|[^/*]+))+$') && self.matches('/[^/*]'))",message="property must be a path as status.drift shows it, for example /DesiredCount or /Tags/*/Value; not all of its segments may be '*'"
	Property string `json:"property,omitempty"`
	// value is what the property is, as status.drift shows it under actual.
	// Longer values than 256 characters do not match.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Value string `json:"value,omitempty"`
	// reason says why, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`
}

// DriftSeverity says how much the drift of a resource concerns people.
//
// +kubebuilder:validation:Enum=Low;Medium;High;Critical
type DriftSeverity string

// The severities, the least first.
const (
	SeverityLow      DriftSeverity = "Low"
	SeverityMedium   DriftSeverity = "Medium"
	SeverityHigh     DriftSeverity = "High"
	SeverityCritical DriftSeverity = "Critical"
)

// DriftSeverityRule says how severe the drift of some resources is. Every field
// that is set must match.
//
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type.size() > 0) || (has(self.logicalId) && self.logicalId.size() > 0)",message="a rule of drift.severity needs type or logicalId"
type DriftSeverityRule struct {
	// type is the CloudFormation type of the resource, for example
	// AWS::SQS::Queue, or all types of a service, as in AWS::Lambda::*.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9]+::[A-Za-z0-9_@-]+(::[A-Za-z0-9]+)*(::[*])?$')",message="type must be a CloudFormation type, for example AWS::ECS::Service, or all types of a service, for example AWS::ECS::*"
	Type string `json:"type,omitempty"`
	// logicalId is the id of the resource as status.drift shows it. A segment
	// "*" stands for any.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == '' || (self.matches('^([*]|[A-Za-z0-9-]+)(/([*]|[A-Za-z0-9-]+))*$') && self.matches('[A-Za-z0-9]'))",message="logicalId must be an id as status.drift shows it, for example Service; a segment before or after a '/' may be '*', and not all of them"
	LogicalID string `json:"logicalId,omitempty"`
	// severity is Low, Medium, High or Critical.
	Severity DriftSeverity `json:"severity"`
}

// IgnoredDrift is what the rules of spec.drift.ignore matched in the last check.
type IgnoredDrift struct {
	// count is how many differences were ignored, a resource that was deleted
	// counting as one.
	Count int32 `json:"count"`
	// differences are what was ignored, 50 at most.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Differences []IgnoredDifference `json:"differences,omitempty"`
}

// IgnoredDifference is one difference that a rule ignores.
type IgnoredDifference struct {
	LogicalID string `json:"logicalId"`
	// +optional
	Type string `json:"type,omitempty"`
	// path is a JSON pointer into the resource's properties; absent for a
	// resource that was deleted, or is ignored without regard to its properties.
	// +optional
	Path string `json:"path,omitempty"`
	// rule is the place in spec.drift.ignore of the rule, from 0 on.
	Rule int32 `json:"rule"`
}

// RevertState says what came of putting drift back.
type RevertState string

// What came of it.
const (
	// RevertRefused: the plan does more than the drift check names, or what must
	// not be done by itself, or CloudFormation finds nothing to put back.
	RevertRefused RevertState = "Refused"
	// RevertFailed: the plan could not be made or executed.
	RevertFailed RevertState = "Failed"
	// RevertExecuted: it was executed, and the drift check that verifies it is
	// still to come.
	RevertExecuted RevertState = "Executed"
	// RevertVerified: a drift check has found it put back.
	RevertVerified RevertState = "Verified"
	// RevertIneffective: a drift check has found the same drift after it.
	RevertIneffective RevertState = "Ineffective"
	// RevertNotNeeded: it was ordered, and no drift was known.
	RevertNotNeeded RevertState = "NotNeeded"
)

// DriftRemediation is what came of the last attempt to put drift back. It is not
// tried again by itself before the drift is another.
type DriftRemediation struct {
	// drift names the drift that it is about: by resources and properties, and
	// not by their values. Absent for an attempt that does not count.
	// +optional
	Drift string      `json:"drift,omitempty"`
	State RevertState `json:"state"`
	// operation is the id of the operation, as in status.history.
	// +optional
	Operation string `json:"operation,omitempty"`
	// message says what happened and what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
	// at is when it ended.
	At metav1.Time `json:"at"`
}
