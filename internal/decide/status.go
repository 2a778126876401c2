package decide

import (
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
// about it, but for what there is to know of a stack that is as it should be.
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
	parts := []string{fmt.Sprintf("%s is deployed at revision %s", d.Plan.StackName, short(d.Target.Revision))}
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

// pendingNews tells of a commit that is seen and not deployed.
func pendingNews(p *pass, s *v1alpha1.SourceStatus) string {
	news := fmt.Sprintf("commit %s of %s", short(s.PendingRevision), s.Ref)
	if s.Pending != nil && s.Pending.Hash == s.PendingRevision {
		news += fmt.Sprintf(" (%q by %s)", s.Pending.Subject, s.Pending.Author)
	}
	switch {
	case !AutoRedeploy(&p.obj.Spec):
		return news + " is pending: set actions.autoRedeploy or order a deployment"
	case s.InspectError != "" && s.InspectedRevision == s.PendingRevision:
		return news + " could not be read, which is tried again: " + s.InspectError
	}
	return news + " is looked at before it is deployed"
}

func driftMessage(d *v1alpha1.DriftStatus) string {
	if d == nil || len(d.Resources) == 0 {
		return "the stack has drifted from its template"
	}
	if n := len(d.Unchecked) + int(d.UncheckedOmitted); n > 0 {
		known := *d
		known.Unchecked, known.UncheckedOmitted = nil, 0
		return fmt.Sprintf("%s; %d more could not be looked at", driftMessage(&known), n)
	}
	r := d.Resources[0]
	what := fmt.Sprintf("%s (%s) is %s", r.LogicalID, r.Type, strings.ToLower(r.Change))
	if len(r.Properties) > 0 {
		q := r.Properties[0]
		what = fmt.Sprintf("%s%s is %q, not %q", r.LogicalID, strings.ReplaceAll(q.Path, "/", "."), q.Actual, q.Expected)
	}
	if more := len(d.Resources) + int(d.Omitted) - 1; more > 0 {
		what += fmt.Sprintf(" and %d more", more)
	}
	return "drifted: " + what
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

// recordSource notes what was seen of the repository, and the commit that
// waits to be deployed.
func recordSource(p *pass) {
	tracked := Tracked(&p.obj.Spec)
	src := v1alpha1.SourceStatus{Ref: tracked}
	if old := p.st.Source; old != nil && old.Ref == tracked {
		src = *old
	}
	h := p.seen.Head
	switch {
	case p.deleting():
		return
	case pinned(&p.obj.Spec):
		src.Revision, src.Error = tracked, ""
	case h.Err != nil:
		src.Error = problem.Cut(problem.Of(h.Err).Message, problem.MaxMessage)
	case h.Known:
		src.Error, src.Tag = "", problem.Head(h.Tag, maxTag)
		if src.Revision != h.Revision {
			src.Revision, p.st.LastGitSync = h.Revision, v1alpha1.NewTime(p.metaNow())
		}
	}
	src.PendingRevision = p.pendingRevision(src)
	if src.PendingRevision == "" {
		src.Pending = nil
	}
	p.st.Source = &src
	p.recordSourceCondition(src)
}

func (p *pass) pendingRevision(src v1alpha1.SourceStatus) string {
	if p.st.Deployed == nil || p.st.Target == nil || src.Revision == p.st.Target.Revision || src.Revision == src.IrrelevantRevision {
		return ""
	}
	return src.Revision
}

func (p *pass) recordSourceCondition(src v1alpha1.SourceStatus) {
	switch {
	case src.Error != "":
		p.setCondition(v1alpha1.ConditionSourceAvailable, metav1.ConditionFalse, problem.Of(orNone(p.seen.Head.Err)).Reason, src.Error)
	case src.Revision != "":
		p.setCondition(v1alpha1.ConditionSourceAvailable, metav1.ConditionTrue, stateSeen.Reason, fmt.Sprintf("%s is at revision %s", src.Ref, short(src.Revision)))
	}
}

func orNone(err error) error {
	if err == nil {
		return errSourceUnavailable
	}
	return err
}

func recordDrift(p *pass) {
	d := p.st.Drift
	switch {
	case p.st.StackProblem != nil:
		p.setCondition(v1alpha1.ConditionDrifted, metav1.ConditionUnknown, p.st.StackProblem.Reason, "drift is not looked for: the condition Ready says why")
	case d == nil:
		meta.RemoveStatusCondition(&p.st.Conditions, v1alpha1.ConditionDrifted)
	case len(d.Unchecked) > 0 && d.Error != "":
		p.setCondition(v1alpha1.ConditionDrifted, metav1.ConditionUnknown, stateCheckIncomplete.Reason, d.Error)
	case d.Error != "":
		p.setCondition(v1alpha1.ConditionDrifted, metav1.ConditionUnknown, stateCheckFailed.Reason, d.Error)
	case d.CheckedAt == nil || p.st.LastDriftCheck == nil || p.st.Deployed == nil || d.CheckedAt.Before(&p.st.Deployed.At):
		meta.RemoveStatusCondition(&p.st.Conditions, v1alpha1.ConditionDrifted)
	case p.st.DriftDetected:
		p.setCondition(v1alpha1.ConditionDrifted, metav1.ConditionTrue, stateDrifted.Reason, driftMessage(d))
	default:
		p.setCondition(v1alpha1.ConditionDrifted, metav1.ConditionFalse, stateInSync.Reason, "the stack is as its template says")
	}
}

// phase is one word for people and scripts; it is never "", which is an order.
func phase(p *pass) v1alpha1.Phase {
	v := p.verdict.severity
	switch op := p.st.Operation; {
	case op != nil && v < failing:
		return operationPhase(op)
	case p.deleting():
		return v1alpha1.PhaseDeleting
	case v >= failing:
		return v1alpha1.PhaseFailed
	case p.reached() && !p.editPending() && v != waiting:
		return v1alpha1.PhaseSucceeded
	}
	return v1alpha1.PhasePending
}

func (p *pass) setCondition(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&p.st.Conditions, metav1.Condition{
		Type:               kind,
		Status:             status,
		ObservedGeneration: p.obj.Generation,
		LastTransitionTime: p.metaNow(),
		Reason:             orUnknown(reason),
		Message:            message,
	})
}

// setPresent keeps a condition of kstatus's abnormal-true kind only while it
// is true.
func (p *pass) setPresent(kind string, on bool, reason, message string) {
	if !on {
		meta.RemoveStatusCondition(&p.st.Conditions, kind)
		return
	}
	p.setCondition(kind, metav1.ConditionTrue, reason, message)
}

func orUnknown(reason string) string {
	if reason == "" {
		return "Unknown"
	}
	return reason
}
