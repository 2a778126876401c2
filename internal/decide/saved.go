package decide

import (
	"awscdk.dev/operator/api/v1alpha1"
)

// Saved is the part of a status that is to be saved. What was saved before is
// another question, since the hooks may have been edited since. A drift check in flight that runs
// no hook stays in the manager's memory: that it is going on is nothing that
// anybody has to know, and the next manager may begin it again, since detecting
// drift changes nothing. So a check costs one write, that of its answer.
func Saved(spec *v1alpha1.CdkTsStackSpec, st *v1alpha1.CdkTsStackStatus) v1alpha1.CdkTsStackStatus {
	saved := *st
	if Unsaved(spec, st.Operation) {
		saved.Operation = nil
	}
	return saved
}

// Unsaved says whether an operation in flight is not saved: a drift check whose
// detection is going on. One that has run a hook is saved, so that the hook is not
// run twice; the hook that comes after it is a step of its own.
func Unsaved(spec *v1alpha1.CdkTsStackSpec, op *v1alpha1.Operation) bool {
	if op == nil || op.Kind != v1alpha1.OperationDriftCheck || op.Step != v1alpha1.StepDetecting {
		return false
	}
	before, _ := hooksOf(spec, op.Kind)
	return before.Script == ""
}
