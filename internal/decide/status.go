package decide

import (
	"cmp"
	"fmt"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// record computes everything in the status that people and scripts read:
// conditions, phase, message, and what was seen of the source. It is the one
// place that does.
func record(p *pass) {
	recordSource(p)
	recordDrift(p)
	recordHealth(p)
	recordWindow(p)
	recordInputs(p)
	recordApproval(p)
	recordNextAttempt(p)
	p.tellLost()
	repeats := p.repeats()
	if !repeats || p.st.Phase == v1alpha1.PhaseNone { // "" is an order, and this one was taken up
		p.st.Phase = phase(p)
	}
	if repeats {
		return
	}
	if p.checking() {
		p.recordWhileChecking()
		return
	}
	ready, reason, message := readiness(p)
	message = problem.Cut(message, problem.MaxMessage)
	p.setCondition(v1alpha1.ConditionReady, ready, reason, message)
	p.setPresent(v1alpha1.ConditionReconciling, p.reconciling(), reason, message)
	p.setPresent(v1alpha1.ConditionStalled, p.verdict.severity == stalled, reason, message)
	p.st.Message = message
}

// repeats says whether something is about to be done once more that could not
// be done before. Until it is known how that ends, what was said of it stands:
// else each try would be news twice, and look as if it were the first.
func (p *pass) repeats() bool {
	op, was := p.st.Operation, p.obj.Status.Operation
	if p.action == ActNothing || p.action == ActDeleteChangeSet || p.seen.Acted != nil || op == nil || was == nil || was.ID != op.ID || was.Step != op.Step || background(op.Kind) {
		return false
	}
	c := meta.FindStatusCondition(p.obj.Status.Conditions, v1alpha1.ConditionReady)
	return c != nil && c.Reason != inProgressReason(op)
}

// inProgressReason is the reason of Ready while all goes well.
func inProgressReason(op *v1alpha1.Operation) string { return string(op.Kind) + "ing" }

// checking says whether this pass was about a check and nothing else, so that
// no rule has looked at readiness. A drift check is started last of all, when
// every rule has had its say.
func (p *pass) checking() bool {
	op, was := p.st.Operation, p.obj.Status.Operation
	if op == nil || !background(op.Kind) {
		return false
	}
	return op.Kind != v1alpha1.OperationDriftCheck || (was != nil && was.ID == op.ID)
}

// foreground is the operation in flight, unless it is a check.
func (p *pass) foreground() *v1alpha1.Operation {
	if op := p.st.Operation; op != nil && !background(op.Kind) {
		return op
	}
	return nil
}

// recordWhileChecking leaves readiness as it was, since a check says nothing
// about it, except for what there is to know of a stack that is as it should be.
func (p *pass) recordWhileChecking() {
	if meta.IsStatusConditionTrue(p.st.Conditions, v1alpha1.ConditionReady) && p.reached() && !p.editPending() {
		p.st.Message = problem.Cut(deployedNow(p), problem.MaxMessage)
		p.setCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, deployedReason(p), p.st.Message)
	}
}

// readiness is the Ready condition, and the sentence for people.
func readiness(p *pass) (status metav1.ConditionStatus, reason, message string) {
	v, op := p.verdict, p.foreground()
	deployed := p.reached() && !p.editPending()
	switch {
	case op != nil && v.severity >= failing:
		return metav1.ConditionFalse, v.reason, v.message
	case op != nil && v.severity != fine:
		return metav1.ConditionUnknown, v.reason, v.message
	case op != nil:
		return metav1.ConditionUnknown, inProgressReason(op), operationMessage(op, p.st.Progress)
	case p.deleting():
		return metav1.ConditionFalse, v.reason, v.message
	case deployed && v.severity <= paused:
		return metav1.ConditionTrue, deployedReason(p), deployedNow(p)
	case v.severity == waiting:
		return metav1.ConditionUnknown, v.reason, v.message
	case v.severity != fine:
		return metav1.ConditionFalse, v.reason, v.message
	}
	return metav1.ConditionUnknown, stateWaiting.Reason, "waiting"
}

func deployedReason(p *pass) string {
	switch {
	case p.obj.Spec.Suspend:
		return stateSuspended.Reason
	case p.st.LastDeployment == nil:
		return stateAdopted.Reason
	}
	return stateDeployed.Reason
}

// deployedNow says what is deployed and what else there is to know.
func deployedNow(p *pass) string {
	d := p.st.Deployed
	parts := []string{fmt.Sprintf("%s is deployed at revision %s", d.Plan.StackName, cmp.Or(short(d.Target.Revision), "unknown, until its repository can be read"))}
	if p.obj.Spec.Suspend {
		parts = append(parts, "suspended: set spec.suspend to false to go on")
	}
	if s := p.st.Source; s != nil && s.PendingRevision != "" {
		parts = append(parts, pendingNews(p, s))
	}
	if s := p.st.Source; s != nil && s.IrrelevantRevision != "" && s.IrrelevantRevision == s.Revision && s.Revision != d.Target.Revision {
		parts = append(parts, fmt.Sprintf("commit %s of %s touches nothing of what is followed", short(s.Revision), s.Ref))
	}
	if s := p.st.Source; s != nil && s.Error != "" {
		parts = append(parts, s.Error)
	}
	if p.st.DriftDetected {
		parts = append(parts, driftMessage(p.st.Drift))
	}
	if n := p.st.OutputsOmitted; n > 0 {
		parts = append(parts, fmt.Sprintf("%d outputs are left out: together they take more than %d KiB", n, kib(maxOutputs)))
	}
	if d := p.st.Drift; d != nil && d.Error != "" {
		what := "failed: "
		if len(d.Unchecked) > 0 {
			what = "could not look at everything: "
		}
		parts = append(parts, "the last drift check "+what+d.Error)
	}
	parts = append(parts, hookTrouble(p)...)
	return strings.Join(parts, "; ")
}

func operationMessage(op *v1alpha1.Operation, pr *v1alpha1.Progress) string {
	what := sentence(op)
	switch {
	case op.RunStep == BeforeDeploy:
		what = "running " + BeforeDeploy
	case op.RunStep == StepQueued:
		what = fmt.Sprintf("waiting for its turn before %s (%s)", what, ahead(op))
	case op.RunStep != "":
		what += " (" + strings.ToLower(op.RunStep) + ")"
	}
	if op.Target != nil && op.Target.Revision != "" {
		what += ", revision " + short(op.Target.Revision)
	}
	if pr != nil && pr.Total > 0 {
		what += fmt.Sprintf(": %d of %d resources, %d %%", pr.Done, pr.Total, pr.Percent)
	}
	if pr != nil && pr.Current != "" {
		what += ", at " + pr.Current
	}
	return what
}

// reconciling says whether anything is being done, or will be by itself, to
// bring the target about.
func (p *pass) reconciling() bool {
	v := p.verdict.severity
	return p.foreground() != nil || v == waiting || v == failing || (p.deleting() && v != paused)
}

// phase is one word for people and scripts; it is never "", which is an order.
func phase(p *pass) v1alpha1.Phase {
	v := p.verdict.severity
	switch op := p.st.Operation; {
	case op != nil && v < failing && !Unsaved(&p.obj.Spec, op):
		return operationPhase(op)
	case p.checking() && p.obj.Status.Phase != v1alpha1.PhaseNone:
		return p.obj.Status.Phase // a check that is not told changes nothing
	case p.deleting():
		return v1alpha1.PhaseDeleting
	case v >= failing:
		return v1alpha1.PhaseFailed
	case p.reached() && !p.editPending() && v != waiting:
		return v1alpha1.PhaseSucceeded
	}
	return v1alpha1.PhasePending
}
