package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

const (
	// maxReverts is how often the same drift is put back within revertsWithin:
	// what comes back more often is changed by something that goes on.
	maxReverts    = 3
	revertsWithin = 24 * time.Hour
	// planningLasts is how long a revert waits for its plan before it is given up
	// until the next drift check has an answer.
	planningLasts = time.Hour
	// namedLeft is how many resources a message names that are not put back.
	namedLeft = 3
)

// revertDrift begins an operation that puts back what the last drift check found,
// when the spec or a person asks for that. It comes after every other rule, and
// gives way to them until its change set is executed. Each drift is tried once.
func revertDrift(p *pass) bool {
	order, by := revertOrder(p.obj, p.st), remediate(&p.obj.Spec)
	if p.st.Operation != nil || order == "" && by == v1alpha1.RemediateOff || !p.reached() {
		return false
	}
	if held := p.st.Held; held != nil {
		return reverts(held) && order != "" && p.orderHeld(held, order)
	}
	if p.lawless || !MayDeploy(&p.obj.Spec) || p.editPending() || p.newerComes(p.st.Deployed.Target.Revision) || p.st.StackProblem != nil {
		return false // what would give it up in the next pass does not let it begin
	}
	switch d := p.st.Drift; {
	case !p.driftKnownNow() && order != "":
		p.st.Orders.RevertDrift = order
		p.tellNotNeeded()
		return false
	case !p.driftKnownNow():
		return false
	case order != "":
		p.st.Orders.RevertDrift = order
		return p.startRevert(ReasonOrdered, order)
	case p.tried(d):
		return false
	case p.comesBack():
		p.tellComesBack()
		return false
	}
	return p.startRevert(ReasonDrifted, "")
}

// reverts says whether an operation puts back what drifted.
func reverts(op *v1alpha1.Operation) bool { return op.Kind == v1alpha1.OperationRevert }

// remediate is what the spec says is done about drift.
func remediate(spec *v1alpha1.CdkTsStackSpec) v1alpha1.Remediation {
	if spec.Drift == nil || spec.Drift.Remediate == "" {
		return v1alpha1.RemediateOff
	}
	return spec.Drift.Remediate
}

// revertOrder is a user's order to put drift back that was not taken up yet.
func revertOrder(obj *v1alpha1.CdkTsStack, st *v1alpha1.CdkTsStackStatus) string {
	order := problem.Head(obj.Annotations[v1alpha1.RevertDriftAnnotation], 256)
	if st.Orders != nil && st.Orders.RevertDrift == order {
		return ""
	}
	return order
}

// driftKnownNow says whether the last drift check found drift, and gave an answer
// about the stack as it is deployed.
func (p *pass) driftKnownNow() bool {
	d := p.st.Drift
	return p.st.DriftDetected && d != nil && d.Error == "" && p.checkedSince(d)
}

// tried says whether a drift was tried to put back already, or the answer of a
// drift check is still the one that the last attempt began with.
func (p *pass) tried(d *v1alpha1.DriftStatus) bool {
	r := d.Remediation
	if r == nil || r.State == v1alpha1.RevertVerified || r.State == v1alpha1.RevertNotNeeded {
		return false
	}
	return concernsDrift(r, d) || !d.CheckedAt.After(r.At.Time)
}

// concernsDrift says whether an attempt is of the drift that is known.
func concernsDrift(r *v1alpha1.DriftRemediation, d *v1alpha1.DriftStatus) bool {
	return r.Drift == driftDigest(d) || r.Drift == ignoredDigest(d)
}

// revertTarget is what a revert is to bring about: what is deployed, without the
// drift that is known. It is no target that an emergency was ordered for.
func (p *pass) revertTarget() *v1alpha1.Target {
	t := p.st.Deployed.Target
	t.Automatic = false
	t.Digest = digest("revert", t.Digest, driftDigest(p.st.Drift))
	return &t
}

// comesBack says whether the drift that is known was put back so often lately
// that something goes on changing it.
func (p *pass) comesBack() bool {
	target, n := p.revertTarget().Digest, 0
	for _, e := range p.st.History {
		if e.Kind == v1alpha1.OperationRevert && e.Outcome == v1alpha1.OutcomeSucceeded && e.Target == target && p.now.Sub(e.EndedAt.Time) < revertsWithin {
			n++
		}
	}
	return n >= maxReverts
}

func (p *pass) startRevert(reason, order string) bool {
	op := p.start(v1alpha1.OperationRevert, v1alpha1.StepPlanning, reason)
	op.Order, op.StackID, op.Target = order, p.st.StackID, p.revertTarget()
	op.Plan = p.st.Deployed.Plan.DeepCopy()
	// What is not in the change set is left alone, and no commit is deployed.
	op.Plan.RevertsDrift, op.Plan.TerminationProtection, op.Plan.Commit = true, nil, nil
	return p.again()
}

// orderHeld has a plan that waits stand for an order that was given meanwhile.
func (p *pass) orderHeld(op *v1alpha1.Operation, order string) bool {
	op.Order, p.st.Orders.RevertDrift = order, order
	return p.again()
}

// followRevert goes on with a revert. While it plans, what it meets says nothing
// about readiness: what is deployed is as it should be.
func followRevert(p *pass, op *v1alpha1.Operation) bool {
	if op.Step == v1alpha1.StepPlanning && p.now.Sub(op.StepStartedAt.Time) > planningLasts {
		return p.fail(errRevertUnplanned.New("the plan that puts back the drift of %s could not be made within an hour; it is tried again after the next drift check", op.Plan.StackName))
	}
	spoke := followDeploy(p, op)
	if is := p.st.Operation; is != nil && rowOf(is).quiet {
		if p.verdict.severity >= waiting {
			p.after = p.seldom(op.StepStartedAt)
		}
		p.verdict = verdict{}
	}
	return spoke
}

// revertGivenUp says why a revert that has changed nothing yet is given up, or "".
// A new target comes first.
func (p *pass) revertGivenUp(op *v1alpha1.Operation) string {
	switch {
	case op.Target.Order != p.st.Orders.Current:
		return "a deployment was ordered before anything was put back"
	case p.newerComes(op.Target.Revision):
		return "a newer commit was seen before anything was put back"
	case op.Order == "" && remediate(&p.obj.Spec) == v1alpha1.RemediateOff:
		return "spec.drift.remediate was set to Off before anything was put back"
	case p.st.StackProblem != nil:
		return "the stack is not as it was deployed any more"
	case p.st.Drift == nil || p.st.Drift.Error != "" || p.st.Drift.CheckedAt == nil:
		return "" // what there was to know before stands
	case !p.st.DriftDetected:
		return "the drift is gone"
	case p.revertTarget().Digest != op.Target.Digest:
		return "another drift was found before anything was put back"
	}
	return ""
}

// newerComes says whether another commit than that is deployed next, as soon as what
// it waits for lets it.
func (p *pass) newerComes(than string) bool {
	revision, known := p.head()
	return known && revision != than && p.followsHead() && p.relevant(revision)
}

// requestRevert asks for the change set when the stack is in a state to take one.
func (p *pass) requestRevert(op *v1alpha1.Operation, stack Stack) bool {
	switch pr := p.notAsDeployed(stack); {
	case inProgress(stack.Status):
		p.say(waiting, problem.StackBusy, "") // it says nothing about readiness
		return p.look(p.poll(op.StepStartedAt))
	case p.seen.Rival.Name != "":
		return p.fail(errStackOfAnother.New("%s", p.rivalMessage(op.Plan.StackName)))
	case pr != nil:
		return p.fail(pr)
	}
	if now := p.metaNow(); op.RequestedAt == nil || now.Sub(op.RequestedAt.Time) > lag/2 {
		op.RequestedAt = &now
	}
	return p.act(ActCreateChangeSet, p.poll(op.StepStartedAt))
}

// mayRevert holds a plan that puts drift back while that is only to be shown, or
// while nobody knows what has drifted.
func mayRevert(p *pass, op *v1alpha1.Operation) *hold {
	d := p.st.Drift
	switch {
	case !reverts(op):
		return nil
	case d == nil || d.Error != "":
		return &hold{reason: stateCheckFailed, parks: true, message: "the last drift check gave no answer: it goes on when one does"}
	case op.Order != "" || remediate(&p.obj.Spec) == v1alpha1.RemediateAuto:
		return nil
	}
	return &hold{reason: stateRevertPlanned, parks: true, message: fmt.Sprintf(
		"spec.drift.remediate is Plan: nothing is put back; to have it put back once it is approved: %s%s=\"$(date)\"", p.annotate(), v1alpha1.RevertDriftAnnotation)}
}

// reverted ends a revert whose change set was executed or is empty.
func (p *pass) reverted(op *v1alpha1.Operation, outcome v1alpha1.Outcome) bool {
	if outcome == v1alpha1.OutcomeUnchanged {
		return p.fail(errNotRevertible.New("CloudFormation finds nothing to put back in %s, although its drift detection names %s: %s", op.Plan.StackName, someDrifted(p.st.Drift), byHand))
	}
	message := "Put back the drift of " + op.Plan.StackName
	if c := p.changesOf(op); c != nil {
		message += " (" + c.Summary + ")"
	}
	if left := p.leftDrifted(op); len(left) > 0 {
		message += fmt.Sprintf("; CloudFormation's plan leaves out %s: %s", someOf(left), byHand)
	}
	p.noteOutputs(p.seen.Stack)
	p.end(v1alpha1.OutcomeSucceeded, problem.Named(string(v1alpha1.OutcomeSucceeded)), message)
	return false
}

// byHand is what can be done about drift that a revert does not put back.
const byHand = "change it back by hand, or change the app to say what is there, or ignore it in spec.drift.ignore"

// leftDrifted are the drifted resources that a plan does not change.
func (p *pass) leftDrifted(op *v1alpha1.Operation) []string {
	c := p.changesOf(op)
	if c == nil || c.Omitted > 0 || p.st.Drift == nil {
		return nil
	}
	var left []string
	for _, r := range p.st.Drift.Resources {
		if !slices.ContainsFunc(c.Resources, func(done v1alpha1.ResourceChange) bool { return done.LogicalID == r.LogicalID }) {
			left = append(left, r.LogicalID)
		}
	}
	return left
}

func someDrifted(d *v1alpha1.DriftStatus) string {
	var all []string
	if d != nil {
		for _, r := range d.Resources {
			all = append(all, r.LogicalID)
		}
	}
	if len(all) == 0 {
		return "some"
	}
	return someOf(all)
}

func someOf(all []string) string {
	text := strings.Join(all[:min(len(all), namedLeft)], ", ")
	if more := len(all) - namedLeft; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// revertKind is what operations have in common that put drift back.
func revertKind() kind {
	return kind{
		word: "revert", phase: v1alpha1.PhaseDeploying,
		follow: followRevert,
		steps: map[v1alpha1.OperationStep]row{
			v1alpha1.StepPlanning:  {needs: []need{needChanges, needRival}, tentative: true, quiet: true, sentence: "planning how to put drift back", follow: plan},
			v1alpha1.StepExecuting: {needs: []need{needChangeSet, needEvents}, sentence: "putting drift back", follow: execute},
		},
	}
}
