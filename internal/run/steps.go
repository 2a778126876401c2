package run

import "awscdk.dev/operator/internal/decide"

// The steps of a run, as status and logs name them; that of a hook has the
// hook's name.
const (
	StepStarting     = decide.StepStarting
	StepCloning      = "Cloning"
	StepInstalling   = decide.StepInstalling
	StepSynthesizing = decide.StepSynthesizing
	StepPublishing   = decide.StepPublishing
	StepInspecting   = "Inspecting"
)
