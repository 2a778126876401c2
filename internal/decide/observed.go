package decide

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// Observed is what was seen of the world around one CdkTsStack. A failure to
// see is itself something seen: errors stand beside the values. What was not
// looked at, since Needs did not ask for it, is zero.
type Observed struct {
	// Credentials is why the object's AWS credentials cannot be read, if so.
	Credentials error
	Head        Head
	Run         Run
	Stack       Stack
	ChangeSet   ChangeSet
	Events      Events
	Drift       Drift
	Bootstrap   Bootstrap
	Rival       Rival
	Inputs      Inputs
	Others      Others
	// Freezes are what the endpoints of spec.freeze say, by name.
	Freezes  map[string]Freeze
	Policies Policies
	// Checks are the last answers of the checks of spec.verification, by name.
	Checks map[string]Checkup
	// Acted is what came of the action that the decision before this one, in
	// the same pass, asked for; nil in the first decision of a pass.
	Acted *Acted
}

// Rival is another object with the better claim to the stack that is operated
// on: it deploys that stack, or was there first.
type Rival struct {
	// Seen is true when all objects of the stack were looked at.
	Seen bool
	// Name is NAMESPACE/NAME, "" when there is none.
	Name string
	// Leaving is true when it is being deleted.
	Leaving bool
	Err     error
}

// Freeze is what an endpoint of spec.freeze says.
type Freeze struct {
	// Known is false while it was not asked yet.
	Known bool
	// Frozen is true when no plan may be executed.
	Frozen bool
	// Why is what the spec's expression makes of the answer while it is, "" for
	// nothing.
	Why string
	// SeenAt is when it was asked last.
	SeenAt time.Time
	// Err is why there is no answer: a problem.Problem when it could not be asked
	// for what is wrong on our side, and any other when it is the endpoint's
	// fault.
	Err error
}

// Acted is what came of an action.
type Acted struct {
	Action Action
	// DetectionID is set when drift detection was started.
	DetectionID string
	Err         error
}

// Bootstrap is the version of the bootstrap stack in the account and region.
type Bootstrap struct {
	Seen    bool
	Version int
	Err     error
}

// Head is the commit that the tracked ref points to.
type Head struct {
	// Known is false while no look has ended yet.
	Known    bool
	Revision string
	// Tag is the tag that a range of versions has chosen, "" without one.
	Tag    string
	SeenAt time.Time
	// RetryAt is when a look may be made again after one that failed.
	RetryAt time.Time
	// Err is why the last look failed; Revision is then of an earlier look,
	// or "".
	Err error
}

// The steps of a run that status.phase tells apart; package run names them all.
const (
	// StepQueued is that of a run that waits for its turn.
	StepQueued = "Queued"
	// StepWaiting is that of a run that waits for something else, see Run.Waiting.
	StepWaiting = "Waiting"
	// StepStarting is that of a run that has begun and does nothing yet.
	StepStarting     = "Starting"
	StepInstalling   = "Installing"
	StepSynthesizing = "Synthesizing"
	StepPublishing   = "Publishing"
)

// RunState says what became of a run.
type RunState string

// The states of a run. RunNone means that it was never started or was lost:
// it is safe to start it (again).
const (
	RunNone    RunState = ""
	RunRunning RunState = "Running"
	RunDone    RunState = "Done"
)

// Run is a runner's run, as its executor sees it.
type Run struct {
	State RunState
	// Step is what a running run is doing, one word: Queued, Cloning,
	// Installing, Synthesizing, Publishing, Inspecting, or the name of a hook.
	Step string
	// Ahead is how many runs have their turn before this one while it is queued.
	Ahead int
	// Waiting is why a running run cannot begin yet, or go on, in its step:
	// nothing that it needs is used up meanwhile. It is nil while all goes well.
	Waiting *problem.Problem
	// Stale says that a run which has not begun was given its secrets so long ago
	// that it needs fresh ones: to start it again hands them over, and keeps its
	// place.
	Stale bool
	// Result is set when State is RunDone.
	Result *RunResult
	Err    error
}

// RunResult is what a run brings back: a plan, or the error that a person
// needs. It is JSON in the run's result file.
type RunResult struct {
	// Plan is set when the run succeeded.
	Plan *v1alpha1.Plan `json:"plan,omitempty"`
	// PlanAt is where the plan is, when it is too large to be brought back.
	PlanAt *PlanAt `json:"planAt,omitempty"`
	// Failure is set when it did not, and Step is then where it ended.
	Failure *problem.Problem `json:"failure,omitempty"`
	Step    string           `json:"step,omitempty"`
	// Hooks are the lifecycle hooks that it ran, in order.
	Hooks []HookResult `json:"hooks,omitempty"`
	// Inspection is what a run that reads a commit found.
	Inspection *Inspection `json:"inspection,omitempty"`
	// Steps are the durations of the run's steps, in order.
	Steps []RunStep `json:"steps,omitempty"`
}

// PlanAt is where a run has put its plan, as JSON of v1alpha1.Plan, and how it
// is read.
type PlanAt struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Region string `json:"region"`
	// Account is the owner of the bucket.
	Account string `json:"account,omitempty"`
	// SHA256 is the digest of the JSON in hex, Bytes its size.
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
	// Role is the role that may read it, with what the app asks for when it is
	// assumed; "" for the object's own credentials.
	Role           string                `json:"role,omitempty"`
	RoleExternalID string                `json:"roleExternalID,omitempty"`
	RoleSession    *v1alpha1.RoleSession `json:"roleSession,omitempty"`
}

// HookResult is how a lifecycle hook ended.
type HookResult struct {
	Name      string `json:"name"`
	Succeeded bool   `json:"succeeded"`
	// ExitCode of the script, nil when it did not end by itself.
	ExitCode *int32 `json:"exitCode,omitempty"`
	// Message says what it failed with and shows its last lines, without
	// secrets.
	Message  string        `json:"message,omitempty"`
	Duration time.Duration `json:"duration"`
	// Values are the numbers that it reported, by name.
	Values map[string]float64 `json:"values,omitempty"`
}

// Inspection is what was read of a commit.
type Inspection struct {
	Commit v1alpha1.Commit `json:"commit"`
	// Touched is false when nothing of what is followed differs from the
	// commit before.
	Touched bool `json:"touched"`
}

// RunStep is how long one step took.
type RunStep struct {
	Name     string        `json:"name"`
	Duration time.Duration `json:"duration"`
	// Cached is true when a cache spared the work.
	Cached bool `json:"cached,omitempty"`
}

// Stack is a CloudFormation stack.
type Stack struct {
	// Seen is true when CloudFormation answered.
	Seen bool
	// Exists is false when there is no such stack (or it was deleted).
	Exists bool
	// ID is the ARN.
	ID     string
	Name   string
	Status string
	// StatusReason is CloudFormation's own explanation.
	StatusReason          string
	Outputs               map[string]string
	TerminationProtection bool
	CreatedAt             time.Time
	UpdatedAt             time.Time
	// Template is the SHA-256 of its template in hex; "" when it was not asked
	// for, see Updated, or cannot be told.
	Template string
	Err      error
}

// Unborn says that the next change set has to create the stack.
func (s Stack) Unborn() bool { return !s.Exists || s.Status == statusReview }

// ChangeSet is a change set of a stack.
type ChangeSet struct {
	Seen   bool
	Exists bool
	ID     string
	// StackID is the ARN of its stack.
	StackID string
	// Status is CREATE_PENDING, CREATE_IN_PROGRESS, CREATE_COMPLETE, FAILED…
	Status string
	// ExecutionStatus is UNAVAILABLE, AVAILABLE, EXECUTE_IN_PROGRESS,
	// EXECUTE_COMPLETE, EXECUTE_FAILED, OBSOLETE.
	ExecutionStatus string
	Reason          string
	// Empty is true when it failed since there is nothing to change.
	Empty bool
	// Changes are what it does to resources, those of nested stacks included.
	Changes []Change
	// Unseen says that it does more, in nested stacks that could not be read.
	Unseen bool
	// Export is what it failed for, if that is an export.
	Export *ExportFault
	// NoValues says why the values of changes are not known, "" when none is
	// missing.
	NoValues string
	Err      error
}

// Change is what a change set does to one resource, in CloudFormation's words:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
type Change struct {
	// Action is Add, Modify, Remove, Import, Dynamic or SyncWithActual.
	Action string
	// Replacement is True, False or Conditional, "" unless it is modified.
	Replacement string
	// PolicyAction is what becomes of the old resource: Delete, Retain,
	// Snapshot, or one of them led by ReplaceAnd; "" when it is not told.
	PolicyAction string
	// LogicalID is led by those of the nested stacks that it is in, each
	// followed by "/".
	LogicalID string
	Type      string
	// Properties are the names of what changes, Because of those that cause a
	// replacement.
	Properties, Because []string
	// Values are known where CloudFormation tells them.
	Values `json:"-"`
}

// Events is what the stack's events since an operation's request token tell.
type Events struct {
	Seen bool
	// Started is true when the operation's token appears at all.
	Started bool
	// Final is the newest status that the stack itself shows under the
	// operation's token, for example UPDATE_COMPLETE, "" if none.
	Final string
	// Done is the number of resources that reached a final state; Current
	// is the logical id of the newest one in progress.
	Done    int
	Current string
	// RootCause is the first failure that is not a consequence of another.
	RootCause *Failure
	Err       error
}

// Failure is a resource that CloudFormation could not create, change or delete.
type Failure struct {
	LogicalID    string
	ResourceType string
	Status       string
	Reason       string
	// Export is what it failed for, if that is an export.
	Export *ExportFault
}

// Drift is CloudFormation's drift detection.
type Drift struct {
	Seen bool
	// Status is DETECTION_IN_PROGRESS, DETECTION_COMPLETE, DETECTION_FAILED, or
	// DETECTION_PENDING while a nested stack's has not begun.
	Status string
	Reason string
	// Drifted is the verdict of a complete detection.
	Drifted   bool
	Resources []v1alpha1.DriftedResource
	Omitted   int
	// Unchecked are resources that CloudFormation could not look at.
	Unchecked        []v1alpha1.UncheckedResource
	UncheckedOmitted int
	// Undecided says why there is no verdict on the stack as a whole, "" when
	// there is one.
	Undecided string
	Err       error
}
