package decide

import (
	"slices"

	"awscdk.dev/operator/internal/problem"
)

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
	// stateTrafficWouldShift: a plan would move live traffic that somebody else has
	// moved, and stateRolloutUnderWay: it would meet a rollout that goes on.
	stateTrafficWouldShift = problem.State("TrafficWouldShift", problem.Calm)
	stateRolloutUnderWay   = problem.State("RolloutUnderWay", problem.Calm)
	// stateRolloutPaused: a rollout of the deployment waits for a person.
	stateRolloutPaused = problem.State("RolloutPaused", problem.Calm)
	// statePlanOnly: spec.planOnly keeps the plan from being executed.
	statePlanOnly     = problem.State("PlanOnly", problem.Calm)
	stateStackDeleted = problem.State("StackDeleted", problem.Silent)
	stateRollingBack  = problem.State("RollingBack", problem.Silent)
	// stateAlarmFiring: a plan waits since an alarm would roll it back at once.
	stateAlarmFiring = problem.State("AlarmFiring", problem.Calm)
	// stateSkipped: a rollback went on without resources that it was stuck at.
	stateSkipped = problem.State("ResourcesSkipped", problem.Silent)

	stateDeployDisabled   = problem.State("DeployDisabled", problem.Calm)
	stateStackRetained    = problem.State("StackRetained", problem.Calm)
	stateStackGone        = problem.State("StackGone", problem.Calm)
	stateNothingToDestroy = problem.State("NothingToDestroy", problem.Calm)

	stateSeen = problem.State("Seen", problem.Silent)
	// stateRevertPlanned: a plan that puts drift back is shown and not executed.
	stateRevertPlanned   = problem.State("RevertPlanned", problem.Silent)
	_                    = problem.State("Reverting", problem.Silent)
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
	// errRevertRefused: the plan that puts drift back does what it must not;
	// errRevertIgnored: it would put back what is ignored;
	// errNotRevertible: CloudFormation finds nothing to put back; errRevertUnplanned:
	// there is no plan yet.
	errRevertRefused   = problem.Declare("DriftRevertRefused", problem.Stalls)
	errRevertIgnored   = problem.Declare("DriftRevertIgnored", problem.Stalls)
	errNotRevertible   = problem.Declare("DriftNotRevertible", problem.Stalls)
	errRevertUnplanned = problem.Declare("DriftRevertUnplanned", problem.Waits)
	// errRolledBack is a deployment that was taken back, or is about to be.
	errRolledBack = problem.Declare("RolledBack", problem.Stalls)
	// errRollbackFailed is a last good deployment that could not be put back.
	errRollbackFailed = problem.Declare("RollbackFailed", problem.Retries)
	// errLastGoodGone is one whose template is gone.
	errLastGoodGone = problem.Declare("LastGoodGone", problem.Stalls)
	// errFailureKept is an operation that failed and was not rolled back, as the
	// user wants it.
	errFailureKept = problem.Declare("FailureKept", problem.Stalls)
	// errAlarmNotFound is an alarm of spec.rollback that is not there. An edit of it
	// is a reason to try again.
	errAlarmNotFound    = problem.DeclareRoom("AlarmNotFound", problem.Retries)
	errStackChanged     = problem.Declare("StackChanged", problem.Stalls)
	errStackMissing     = problem.Declare("StackMissing", problem.Stalls)
	errStackUnusable    = problem.Declare("StackUnusable", problem.Stalls)
	errAccountChanged   = problem.Declare("AccountChanged", problem.Stalls)
	errRegionChanged    = problem.Declare("RegionChanged", problem.Stalls)
	errStackNameChanged = problem.Declare("StackNameChanged", problem.Stalls)
	errStackOfAnother   = problem.Declare("StackOfAnother", problem.Waits)
	errStackKept        = problem.Declare("StackKept", problem.Waits)
	errStackNotFound    = problem.Declare("StackNotFound", problem.Waits)
	errDestroyFailed    = problem.Declare("DestroyFailed", problem.Retries)
	errUnknownOperation = problem.Declare("UnknownOperation", problem.Retries)
	errDependencyCycle  = problem.Declare("DependencyCycle", problem.Stalls)
	// errExportInUse is waited out for the stacks that import the export.
	errExportInUse   = problem.Declare("ExportInUse", problem.Waits)
	errExportMissing = problem.Declare("ExportMissing", problem.Retries)
	// errRolloutAborted is a rollout that a person has rolled back, and
	// errRolloutNotApproved one whose pause nobody has answered.
	errRolloutAborted     = problem.Declare("RolloutAborted", problem.Stalls)
	errRolloutNotApproved = problem.Declare("RolloutNotApproved", problem.Stalls)
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

	// ErrCancelDenied is a role that may not cancel an update.
	ErrCancelDenied = problem.Declare("CancelDenied", problem.Retries)
	// ErrAlarmsUnseen is a role that may not look at alarms.
	ErrAlarmsUnseen = problem.Declare("AlarmsUnseen", problem.Retries)
	// ErrTemplateGone is a template that is no longer where it was put.
	ErrTemplateGone = problem.Declare("TemplateGone", problem.Retries)

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

// isOneOf says whether a reason is that of one of some kinds.
func isOneOf(reason string, kinds []*problem.Kind) bool {
	return slices.ContainsFunc(kinds, func(k *problem.Kind) bool { return k.Reason == reason })
}
