package decide

import (
	"cmp"

	"awscdk.dev/operator/api/v1alpha1"
)

// kind is what all operations of one kind have in common. What is special to a
// step of them is in its row: a new step is a new row here, and the function
// that follows it.
type kind struct {
	// word stands in the ids of its operations.
	word string
	// background operations say nothing about readiness and are not kept in
	// the history.
	background bool
	// phase is what is shown while one is in flight, unless a step's row says
	// otherwise.
	phase v1alpha1.Phase
	// before and after name the hooks that surround it.
	before, after string
	// follow goes on with an operation in flight: it gives it up when that is
	// due, and otherwise follows its step.
	follow func(*pass, *v1alpha1.Operation) bool
	steps  map[v1alpha1.OperationStep]row
}

// row is a step of an operation: what it needs, and how it is told.
type row struct {
	// run is what a run of this step appends to the operation's id; runs says
	// that it is a runner's.
	runs bool
	run  string
	// hook is the hook that it runs, or that is part of its run.
	hook string
	// token is what its writes to CloudFormation append to the operation's id.
	token string
	// needs are the observations of AWS that it asks for.
	needs []need
	// phase is what is shown, "" for that of its kind.
	phase v1alpha1.Phase
	// sentence tells people what is going on; of a hook it says that it runs.
	sentence string
	// asks: it asks the checks of spec.verification. One that needs nothing besides
	// looks at nothing else in AWS.
	asks bool
	// tentative: nothing of the stack has been changed yet, so that an edit or
	// a deletion may end the operation here.
	tentative bool
	// quiet: it says nothing about readiness, as the operation may later.
	quiet bool
	// follow goes on with it.
	follow func(*pass, *v1alpha1.Operation) bool
}

// need is one observation of AWS.
type need int

const (
	needChangeSet need = iota
	// needChanges is the change set with what it does.
	needChanges
	needEvents
	needBootstrap
	needRival
	// needTemplate is the template of the stack, once another one is gone.
	needTemplate
	// needDrift is the drift detection or, before that has begun, the stack.
	needDrift
	// needRollouts are the rollouts of what CloudFormation works on.
	needRollouts
)

var kinds map[v1alpha1.OperationKind]kind

// rowOf is the row of an operation's present step; the zero row for a step
// that this version does not know.
func rowOf(op *v1alpha1.Operation) row { return kinds[op.Kind].steps[op.Step] }

// followStep goes on with the present step of an operation.
func (p *pass) followStep(op *v1alpha1.Operation) bool {
	if follow := rowOf(op).follow; follow != nil {
		return follow(p, op)
	}
	return p.unknown(op)
}

// hooksOf gives the hooks that surround operations of a kind; their scripts
// are "" where the user has set none. beforeDeploy is part of the build.
func hooksOf(spec *v1alpha1.CdkTsStackSpec, of v1alpha1.OperationKind) (before, after Hook) {
	k := kinds[of]
	return hookNamed(spec, k.before), hookNamed(spec, k.after)
}

// HookAt gives the hook that belongs to the present step of an operation, the
// zero Hook when there is none: beforeDeploy while building, and the others
// at their own steps.
func HookAt(spec *v1alpha1.CdkTsStackSpec, op *v1alpha1.Operation) Hook {
	return hookNamed(spec, rowOf(op).hook)
}

// Runs says whether an operation's present step is a runner's.
func Runs(op *v1alpha1.Operation) bool { return rowOf(op).runs }

// RunName names the run of an operation's present step. It is at most seven
// bytes longer than the operation's id.
func RunName(op *v1alpha1.Operation) string { return op.ID + rowOf(op).run }

// Token names what an operation's present step asks of CloudFormation, so that
// asking twice does nothing.
func Token(op *v1alpha1.Operation) string { return op.ID + rowOf(op).token }

// background says whether operations of a kind say nothing about readiness
// and are not kept in the history.
func background(of v1alpha1.OperationKind) bool { return kinds[of].background }

// sentence tells people what the present step of an operation does.
func sentence(op *v1alpha1.Operation) string {
	r := rowOf(op)
	if r.sentence == "" && r.hook != "" {
		return "running " + r.hook
	}
	return r.sentence
}

// operationPhase is the phase while an operation is in flight.
func operationPhase(op *v1alpha1.Operation) v1alpha1.Phase {
	r := rowOf(op)
	if r.phase != "" && op.RunStep != "" {
		return cmp.Or(runPhases[op.RunStep], r.phase)
	}
	return cmp.Or(r.phase, kinds[op.Kind].phase)
}

// runPhases are the phases of a build by what its run is doing.
var runPhases = map[string]v1alpha1.Phase{
	StepQueued:       v1alpha1.PhasePending,
	StepWaiting:      v1alpha1.PhasePending,
	StepInstalling:   v1alpha1.PhaseInstalling,
	StepSynthesizing: v1alpha1.PhaseDeploying,
	StepPublishing:   v1alpha1.PhaseDeploying,
	BeforeDeploy:     v1alpha1.PhaseDeploying,
}

// lookAtOperation says what an operation's present step needs to see.
func lookAtOperation(op *v1alpha1.Operation) Needs {
	r := rowOf(op)
	if r.asks && !r.runs && len(r.needs) == 0 {
		return Needs{Credentials: true, Reader: true}
	}
	n := Needs{Credentials: true, Stack: op.StackID}
	if r.runs {
		n.Run = RunName(op)
	}
	if r.runs && len(r.needs) == 0 {
		return Needs{Run: n.Run, Credentials: !background(op.Kind)}
	}
	if n.Stack == "" && op.Plan != nil {
		n.Stack = op.Plan.StackName
	}
	for _, need := range r.needs {
		switch need {
		case needChangeSet:
			n.ChangeSet = op.ID
		case needChanges:
			n.ChangeSet, n.Changes = op.ID, true
		case needEvents:
			n.Events, n.EventsSince = Token(op), op.StepStartedAt.Time
			if at := op.AcceptedAt; at != nil && r.token == "" {
				n.EventsSince = earlier(n.EventsSince, at.Time) // it began in a step before
			}
		case needBootstrap:
			n.Bootstrap, n.BootstrapLeast = op.Plan.BootstrapParameter, int(op.Plan.BootstrapVersion)
		case needTemplate:
			n.Template = op.Monitoring != nil && op.Monitoring.LastGoodGone != ""
		case needRival:
			n.Rival = true
			n.Place, _ = planned(op.Plan)
		case needRollouts:
			n.Rollouts = true
		case needDrift:
			n.Drift, n.Reader = op.DetectionID, true
			if n.Drift != "" {
				n.Stack = ""
			}
		}
	}
	return n
}

// unknown gives up an operation that another version of the operator began and
// that this one cannot follow.
func (p *pass) unknown(op *v1alpha1.Operation) bool {
	return p.fail(errUnknownOperation.New("status.operation is %s at the step %q, which this version of the operator does not know, and was given up", op.Kind, op.Step))
}
