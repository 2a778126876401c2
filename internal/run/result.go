package run

import "awscdk.dev/operator/internal/decide"

// Result is what a run brings back, in its result file: facts that decide
// judges, and so defines.
type Result = decide.RunResult
