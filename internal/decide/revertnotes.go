package decide

import (
	"fmt"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// noteRevert notes what came of a revert that ends. One that was given up for
// something else leaves no note, and what failed for something that passes, or
// since somebody else changed the stack, may be tried again after the next drift
// check.
func (p *pass) noteRevert(op *v1alpha1.Operation, outcome v1alpha1.Outcome, pr *problem.Problem) {
	if outcome == v1alpha1.OutcomeSuperseded {
		return
	}
	state := map[v1alpha1.Outcome]v1alpha1.RevertState{
		v1alpha1.OutcomeSucceeded: v1alpha1.RevertExecuted, v1alpha1.OutcomeRefused: v1alpha1.RevertRefused,
	}[outcome]
	if state == "" {
		state = v1alpha1.RevertFailed
	}
	p.noteRemediation(state, op.ID, pr.Message)
	switch r := p.st.Drift.Remediation; {
	case pr.Outlook == problem.Waits, pr.Reason == errChangeSetOutdated.Reason:
		r.Drift = ""
	case pr.Reason == errRevertIgnored.Reason:
		r.Drift = ignoredDigest(p.st.Drift) // without what is ignored it may go on
	}
}

// withoutPlans is the history without the reverts that executed nothing, but for
// the newest entry: where drift keeps changing they would push everything else
// out.
func withoutPlans(history []v1alpha1.HistoryEntry) []v1alpha1.HistoryEntry {
	if len(history) == 0 {
		return nil
	}
	planOnly := func(e v1alpha1.HistoryEntry) bool { return e.Kind == v1alpha1.OperationRevert && !executed(e) }
	return append(history[:1:1], slices.DeleteFunc(slices.Clone(history[1:]), planOnly)...)
}

func (p *pass) noteRemediation(state v1alpha1.RevertState, operation, message string) {
	if p.st.Drift == nil {
		p.st.Drift = &v1alpha1.DriftStatus{}
	}
	p.st.Drift.Remediation = &v1alpha1.DriftRemediation{
		Drift: driftDigest(p.st.Drift), State: state, Operation: operation,
		Message: problem.Cut(message, problem.MaxMessage), At: p.metaNow(),
	}
}

// tellNotNeeded answers an order while no drift is known.
func (p *pass) tellNotNeeded() {
	message := "nothing is put back: the last drift check found no drift"
	if d := p.st.Drift; d == nil || d.Error != "" || !p.checkedSince(d) {
		message = fmt.Sprintf("nothing is put back: the drift is not known; have it looked for (%s%s=\"$(date)\"), then order it again", p.annotate(), v1alpha1.CheckDriftAnnotation)
	}
	p.noteRemediation(v1alpha1.RevertNotNeeded, "", message)
}

// tellComesBack notes that a drift is not put back any more, since it returns.
func (p *pass) tellComesBack() {
	p.noteRemediation(v1alpha1.RevertRefused, "", fmt.Sprintf(
		"%s was put back %d times within a day and drifted again, so that something goes on changing it: find that, or ignore it in spec.drift.ignore; to have it put back once more: %s%s=\"$(date)\"",
		someDrifted(p.st.Drift), maxReverts, p.annotate(), v1alpha1.RevertDriftAnnotation))
}

// verifyRevert is what is known of the last attempt once a drift check has an
// answer. The note of one that failed goes with the drift.
func (p *pass) verifyRevert(is *v1alpha1.DriftStatus, drifted bool) *v1alpha1.DriftRemediation {
	if p.st.Drift == nil || p.st.Drift.Remediation == nil {
		return nil
	}
	r := *p.st.Drift.Remediation
	switch executed := r.State == v1alpha1.RevertExecuted; {
	case executed && drifted && r.Drift == driftDigest(is):
		r.State = v1alpha1.RevertIneffective
		r.Message = fmt.Sprintf("CloudFormation says that it has put back the drift, and its drift detection finds the same: %s. It is not tried again before the drift is another: %s", someDrifted(is), byHand)
	case executed && drifted:
		r.State = v1alpha1.RevertVerified
		r.Message += "; drifted after it: " + someDrifted(is)
	case executed:
		r.State = v1alpha1.RevertVerified
		r.Message += ", and a drift check has verified it"
	case !drifted && r.State != v1alpha1.RevertVerified:
		return nil
	}
	r.Message = problem.Cut(r.Message, problem.MaxMessage)
	return &r
}

// revertNow says what there is to know of putting the drift back, "" for nothing.
func (p *pass) revertNow() string {
	if held := p.st.Held; held != nil && reverts(held) {
		text := "a plan that puts it back waits"
		for i, g := range p.st.Gates {
			text += map[bool]string{true: ": ", false: "; "}[i == 0] + g.Message
		}
		return text
	}
	d := p.st.Drift
	if d == nil || d.Remediation == nil || !p.st.DriftDetected {
		return ""
	}
	r := d.Remediation
	if r.Drift != "" && !concernsDrift(r, d) {
		return "" // it is of another drift
	}
	switch r.State {
	case v1alpha1.RevertRefused, v1alpha1.RevertFailed, v1alpha1.RevertIneffective:
		return "it was not put back: " + r.Message
	}
	return ""
}
