package cloudformation

import (
	"testing"

	"awscdk.dev/operator/internal/decide"
)

func TestRefusalsAreToldApart(t *testing.T) {
	for message, want := range map[string]error{
		"Stack with id app does not exist":                                          ErrNotFound,
		"Stack [app] does not exist":                                                ErrNotFound,
		"S3 error: The specified key does not exist.":                               decide.ErrTemplateGone,
		"Parameters: [A] do not exist in the template":                              ErrValidation,
		"Stack [app] cannot be deleted while TerminationProtection is enabled":      ErrTerminationProtection,
		"Stack:arn:x is in UPDATE_IN_PROGRESS state and can not be updated.":        ErrStackBusy,
		"Stack:arn:x is in REVIEW_IN_PROGRESS state and can not be updated.":        ErrValidation,
		"Stack:arn:x is in ROLLBACK_COMPLETE state and can not be updated.":         ErrValidation,
		"Drift detection is already in progress for stack [arn:x]":                  ErrStackBusy,
		"Template format error: Unresolved resource dependencies [X] in Resources.": ErrValidation,
	} {
		if got := refusal(message); got != want {
			t.Errorf("%q is %v, want %v", message, got, want)
		}
	}
}
