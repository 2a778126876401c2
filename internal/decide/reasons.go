package decide

import "awscdk.dev/operator/internal/problem"

// How things stand. Those that are silent need no event: they say what is
// going on, or an event of their own tells of it.
var (
	stateDeployed  = problem.State("Deployed", problem.Silent)
	stateAdopted   = problem.State("Adopted", problem.Silent)
	stateSuspended = problem.State("Suspended", problem.Silent)
	_              = problem.State("Deploying", problem.Silent)
	// stateVerifying: the checks of spec.verification are asked.
	stateVerifying = problem.State("Verifying", problem.Silent)
	// How the stack is by the checks of spec.verification.
	stateHealthy         = problem.State("ChecksHealthy", problem.Silent)
	stateUnhealthy       = problem.State("ChecksUnhealthy", problem.Silent)
	stateHealthUnknown   = problem.State("ChecksUnknown", problem.Silent)
	stateDestroying      = problem.State("Destroying", problem.Silent)
	stateLookingAtSource = problem.State("LookingAtSource", problem.Silent)
	stateWaiting         = problem.State("Waiting", problem.Silent)
	// stateWindowClosed: a plan waits for the next opening of spec.windows.
	stateApprovalPending = problem.State("ApprovalPending", problem.Calm)
	// stateChangesRefused: a plan goes beyond spec.limits or spec.protect.
	stateChangesRefused = problem.State("ChangesRefused", problem.Calm)
	// stateDependencyNotReady: a deployment waits for what it depends on,
	// stateDependentsExist a deletion for what depends on it.
	stateDependencyNotReady = problem.State("DependencyNotReady", problem.Calm)
	stateDependentsExist    = problem.State("DependentsExist", problem.Calm)
	// stateFrozen: a plan waits since an endpoint of spec.freeze says so, and
	// stateFreezeUnknown since one gives no answer.
	stateFrozen        = problem.State("Frozen", problem.Calm)
	stateFreezeUnknown = problem.State("FreezeUnknown", problem.Alarming)
	// statePolicyDenied: a plan breaks a rule of a policy.
	statePolicyDenied = problem.State("PolicyDenied", problem.Calm)
	stateWindowClosed = problem.State("WindowClosed", problem.Calm)
	// statePlanOnly: spec.planOnly keeps the plan from being executed.
	statePlanOnly     = problem.State("PlanOnly", problem.Calm)
	stateStackDeleted = problem.State("StackDeleted", problem.Silent)

	stateDeployDisabled   = problem.State("DeployDisabled", problem.Calm)
	stateStackRetained    = problem.State("StackRetained", problem.Calm)
	stateStackGone        = problem.State("StackGone", problem.Calm)
	stateNothingToDestroy = problem.State("NothingToDestroy", problem.Calm)

	stateSeen            = problem.State("Seen", problem.Silent)
	stateDrifted         = problem.State("Drifted", problem.Silent)
	stateInSync          = problem.State("InSync", problem.Silent)
	stateCheckIncomplete = problem.State("CheckIncomplete", problem.Silent)
	stateCheckFailed     = problem.State("CheckFailed", problem.Silent)

	// These are the reasons of good ends in the history.
	_               = problem.State("Succeeded", problem.Silent)
	_               = problem.State("Unchanged", problem.Silent)
	stateSuperseded = problem.State("Superseded", problem.Silent)
)

// What can go wrong with a stack. What an adapter meets, it declares itself.
var (
	errChangeSetFailed   = problem.Declare("ChangeSetFailed", problem.Retries)
	errChangeSetOutdated = problem.Declare("ChangeSetOutdated", problem.Retries)
	errDeploymentFailed  = problem.Declare("DeploymentFailed", problem.Retries)
	errTakenOver         = problem.Declare("TakenOver", problem.Stalls)
	errRollbackStuck     = problem.Declare("RollbackStuck", problem.Stalls)
	errStackChanged      = problem.Declare("StackChanged", problem.Stalls)
	errStackMissing      = problem.Declare("StackMissing", problem.Stalls)
	errStackUnusable     = problem.Declare("StackUnusable", problem.Stalls)
	errAccountChanged    = problem.Declare("AccountChanged", problem.Stalls)
	errRegionChanged     = problem.Declare("RegionChanged", problem.Stalls)
	errStackNameChanged  = problem.Declare("StackNameChanged", problem.Stalls)
	errStackOfAnother    = problem.Declare("StackOfAnother", problem.Waits)
	errStackKept         = problem.Declare("StackKept", problem.Waits)
	errStackNotFound     = problem.Declare("StackNotFound", problem.Waits)
	errDestroyFailed     = problem.Declare("DestroyFailed", problem.Retries)
	errUnknownOperation  = problem.Declare("UnknownOperation", problem.Retries)
	errDependencyCycle   = problem.Declare("DependencyCycle", problem.Stalls)
	// errExportInUse is waited out for the stacks that import the export.
	errExportInUse   = problem.Declare("ExportInUse", problem.Waits)
	errExportMissing = problem.Declare("ExportMissing", problem.Retries)
	// errSourceUnavailable is a failure of which only the message is known.
	errSourceUnavailable = problem.Declare("SourceUnavailable", problem.Waits)

	// ErrPolicyNotFound is a policy whose ConfigMap is not there, ErrPolicyUnreadable
	// one that the API server does not show, ErrPolicyInvalid one that does not
	// compile, and ErrPolicySlow one that could not be evaluated in time.
	ErrPolicyNotFound   = problem.Declare("PolicyNotFound", problem.Waits)
	ErrPolicyUnreadable = problem.Declare("PolicyUnreadable", problem.Waits)
	ErrPolicyInvalid    = problem.Declare("PolicyInvalid", problem.Waits)
	ErrPolicySlow       = problem.Declare("PolicySlow", problem.Waits)
	policyTroubles      = []*problem.Kind{ErrPolicyNotFound, ErrPolicyUnreadable, ErrPolicyInvalid, ErrPolicySlow}

	// ErrBeforeDeploy is a beforeDeploy hook that failed: nothing was changed.
	ErrBeforeDeploy = problem.Declare("BeforeDeployFailed", problem.Retries)
	// ErrAfterDeploy is a deployment that is in place and whose verification
	// failed.
	ErrAfterDeploy = problem.Declare("AfterDeployFailed", problem.Retries)
	// ErrVerification is a deployment that is in place and not healthy by a check of
	// spec.verification, ErrVerificationUnknown one whose check cannot be asked.
	ErrVerification        = problem.Declare("VerificationFailed", problem.Retries)
	ErrVerificationUnknown = problem.Declare("VerificationUnknown", problem.Waits)
	// verificationFailures are those after which only the verification is tried again.
	verificationFailures = []*problem.Kind{ErrAfterDeploy, ErrVerification, ErrVerificationUnknown}
	// ErrBeforeDestroy is a hook that forbids the destruction.
	ErrBeforeDestroy = problem.Declare("BeforeDestroyFailed", problem.Retries)
)
