package v1alpha1

// PlanDetailsKey is the key of a plan's ConfigMap that holds its PlanDetails as
// YAML.
const PlanDetailsKey = "plan.yaml"

// PlanDetails is the readable whole of a plan. Nothing in it is secret: values
// of NoEcho parameters, references to secrets, and values whose names speak of
// passwords, keys and the like are left out.
type PlanDetails struct {
	// operation and digest are those of status.changes.
	Operation string `json:"operation"`
	Digest    string `json:"digest"`
	Summary   string `json:"summary"`
	// +optional
	Stack string `json:"stack,omitempty"`
	// +optional
	Revision string `json:"revision,omitempty"`
	// noValues says why some values are missing, if so.
	// +optional
	NoValues string `json:"noValues,omitempty"`
	// validation is what the app's own validators found.
	// +optional
	Validation *Validation `json:"validation,omitempty"`
	// resources are the changes, the worst first.
	// +optional
	Resources []ResourceDetails `json:"resources,omitempty"`
	// withoutValues is of how many more the values were left out for want of
	// room, and omitted how many are left out.
	// +optional
	WithoutValues int32 `json:"withoutValues,omitempty"`
	// +optional
	Omitted int32 `json:"omitted,omitempty"`
}

// ResourceDetails is what becomes of one resource, with its values.
type ResourceDetails struct {
	ResourceChange `json:",inline"`
	// +optional
	Values []ChangedValue `json:"values,omitempty"`
	// moreValues is how many more there are.
	// +optional
	MoreValues int32 `json:"moreValues,omitempty"`
}

// ChangedValue is one place of a resource that changes.
type ChangedValue struct {
	// path is a JSON pointer, for example /Properties/DisplayName.
	Path string `json:"path"`
	// before and after are absent for none.
	// +optional
	Before *string `json:"before,omitempty"`
	// +optional
	After *string `json:"after,omitempty"`
	// cause is the parameter, the resource or its attribute that makes it change.
	// +optional
	Cause string `json:"cause,omitempty"`
}

// Validation is what the app's own validators, such as cdk-nag, found of the
// stack: its validation-report.json. What they refuse is no plan but a failure.
type Validation struct {
	// violations and suppressed are how many there are.
	// +optional
	Violations int32 `json:"violations,omitempty"`
	// +optional
	Suppressed int32 `json:"suppressed,omitempty"`
	// findings are those, violations first; bounded.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=30
	Findings []Finding `json:"findings,omitempty"`
}

// Finding is one violation of a rule, or one that the app suppresses.
type Finding struct {
	// plugin is the validator, rule its rule.
	Plugin string `json:"plugin"`
	Rule   string `json:"rule"`
	// severity is the validator's own word: error, warning, info …
	// +optional
	Severity string `json:"severity,omitempty"`
	// +optional
	Message string `json:"message,omitempty"`
	// path is the construct, the first of several.
	// +optional
	Path string `json:"path,omitempty"`
	// suppressed is true for one that the app has acknowledged; reason is why.
	// +optional
	Suppressed bool `json:"suppressed,omitempty"`
	// +optional
	Reason string `json:"reason,omitempty"`
}
