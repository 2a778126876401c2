package decide

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// checkDrift starts a drift check when one is due and the stack is at rest. One
// that waits for AWS comes after whatever else was to be done.
func checkDrift(p *pass) bool {
	if p.st.Operation != nil {
		return false
	}
	due := driftDue(p.obj, p.st, p.cfg)
	if due.IsZero() || !p.due(due) {
		return false
	}
	op := p.start(v1alpha1.OperationDriftCheck, v1alpha1.StepDetecting, ReasonScheduled)
	op.StackID = p.st.StackID
	if op.Order = driftOrder(p.obj, p.st); op.Order != "" {
		op.Reason = ReasonOrdered
	}
	if before, _ := hooksOf(&p.obj.Spec, op.Kind); before.Script != "" {
		return p.enter(v1alpha1.StepBeforeHook)
	}
	return p.detect(op)
}

// driftOrder is a user's order of a drift check that was not answered yet. It
// waits, as a check that is due does, while the object is suspended or at work.
func driftOrder(obj *v1alpha1.CdkTsStack, st *v1alpha1.CdkTsStackStatus) string {
	order := problem.Head(obj.Annotations[v1alpha1.CheckDriftAnnotation], 256)
	if st.Orders != nil && st.Orders.CheckDrift == order {
		return ""
	}
	return order
}

// answered notes that an ordered check has its answer, be it an error: one that
// is dropped for something else is still to come.
func (p *pass) answered() {
	if order := p.st.Operation.Order; order != "" {
		p.st.Orders.CheckDrift = order
	}
}

// turn is how much time a check takes of the requests that AWS allows: the
// checks of a fleet are spread so that they use half of them.
const turn = 2 * time.Second

// driftDue is the first scheduled time after the last attempt, or at once when a
// user wants it, and the zero time for never. It is later by a part of the spread that the object chooses, so
// that thousands of stacks with one schedule do not ask at once. The spread is
// a tenth of the period and a minute at most; a fleet takes what it needs, up
// to four fifths of the period.
func driftDue(obj *v1alpha1.CdkTsStack, st *v1alpha1.CdkTsStackStatus, cfg Settings) time.Time {
	if !MayCheckDrift(&obj.Spec) || st.StackID == "" || st.Deployed == nil {
		return time.Time{}
	}
	last := st.Deployed.At.Time
	if driftOrder(obj, st) != "" || checkOwed(&obj.Spec, st.Drift) {
		return last
	}
	if d := st.Drift; d != nil && d.AttemptedAt.After(last) {
		last = d.AttemptedAt.Time
	}
	every := driftSchedule(&obj.Spec, cfg, last)
	if every == nil {
		return time.Time{}
	}
	due := every.Next(last)
	if due.IsZero() {
		return due
	}
	over := max(spread(every, due, 1, 10, time.Minute), spread(every, due, 4, 5, time.Duration(cfg.Fleet)*turn))
	return due.Add(share(over, jitter(string(obj.UID), 0)))
}

// checkOwed says whether a check is due whatever the schedule says: the rules of
// spec.drift were edited, or what was put back is to be verified.
func checkOwed(spec *v1alpha1.CdkTsStackSpec, d *v1alpha1.DriftStatus) bool {
	if d == nil || d.AttemptedAt == nil {
		return false
	}
	return d.RulesDigest != rulesDigest(spec) || triedLast(d.Remediation) && !d.AttemptedAt.After(d.Remediation.At.Time)
}

// triedLast says whether an attempt to put drift back may have changed the stack.
func triedLast(r *v1alpha1.DriftRemediation) bool {
	return r != nil && (r.State == v1alpha1.RevertExecuted || r.State == v1alpha1.RevertFailed && r.Drift != "")
}

// driftSchedule is when drift of the object is looked for; nil for never.
func driftSchedule(spec *v1alpha1.CdkTsStackSpec, cfg Settings, now time.Time) Schedule {
	if d := spec.Drift; d != nil && d.Interval != nil && d.Interval.Duration > 0 {
		return interval{max(d.Interval.Duration, shortestDrift), ""}
	}
	return anchored(cfg.Drift, "", now)
}

// shortestDrift is the least spec.drift.interval, as its schema says.
const shortestDrift = time.Minute

// followDriftCheck waits for the detection and takes its verdict. A check that
// fails says so and leaves the verdict before it: an error is never "no drift".
// What a user orders or edits does not wait for it.
func followDriftCheck(p *pass, op *v1alpha1.Operation) bool {
	if p.overtaken() {
		p.drop()
		return false
	}
	if p.seen.Credentials != nil {
		return p.driftFailed(p.seen.Credentials.Error())
	}
	return p.followStep(op)
}

// overtaken says whether a deletion, an edit or an order can begin now. A check
// is not dropped for one that cannot: it would be due again at once, and be
// dropped again in the next pass, for as long as the repository cannot be read.
func (p *pass) overtaken() bool {
	switch {
	case p.deleting(), p.heldGoesOn():
		return true
	case p.st.Target == nil || !p.editPending() || p.obj.Spec.Suspend || !MayDeploy(&p.obj.Spec):
		return false
	}
	_, known := p.head()
	_, invalid := Context(p.obj.Spec.CDKContext)
	return known && invalid == nil
}

// beforeDetection waits for the hook. Whatever it says, the check goes on: it
// cannot change a verdict.
func beforeDetection(p *pass, op *v1alpha1.Operation) bool {
	if p.runEnded(op) == nil {
		return true
	}
	p.step(v1alpha1.StepDetecting)
	return p.detect(op)
}

func endDriftCheck(p *pass, op *v1alpha1.Operation) bool {
	if p.runEnded(op) == nil {
		return true
	}
	p.drop()
	return false
}

// detect has the detection begun when the stack is there and in a state that a
// deployment leaves. Otherwise that is the verdict.
func (p *pass) detect(op *v1alpha1.Operation) bool {
	stack := p.seen.Stack
	switch {
	case stack.Err != nil:
		return p.putOff(op, stack.Err)
	case !stack.Seen:
		return p.again()
	case stack.Exists && inProgress(stack.Status):
		return p.putOff(op, problem.StackBusy.New("another operation on %s is under way (%s)", stack.Name, stack.Status))
	}
	if pr := p.notAsDeployed(stack); pr != nil {
		return p.lose(pr, stack)
	}
	p.st.StackProblem = nil
	return p.act(ActDetectDrift, p.poll(op.StepStartedAt))
}

func followDetection(p *pass, op *v1alpha1.Operation) bool {
	if a := p.seen.Acted; a != nil && a.Err != nil {
		return p.putOff(op, a.Err)
	}
	if a := p.seen.Acted; a != nil && a.DetectionID != "" {
		op.DetectionID = a.DetectionID
		return p.look(p.seldom(op.StepStartedAt))
	}
	d := p.seen.Drift
	switch {
	case op.DetectionID == "":
		return p.detect(op)
	case d.Err != nil:
		return p.putOff(op, d.Err)
	case d.Status == detectionFailed && !d.Drifted && len(d.Unchecked) == 0:
		return p.driftFailed("CloudFormation's drift detection failed: " + d.Reason)
	case d.Status == detectionComplete || d.Status == detectionFailed:
		return p.driftKnown(d)
	case p.now.Sub(op.StartedAt.Time) > time.Hour:
		return p.driftFailed("CloudFormation's drift detection did not end within an hour")
	case d.Status == detectionPending:
		return p.act(ActDetectDrift, p.seldom(op.StepStartedAt))
	}
	return p.look(p.seldom(op.StepStartedAt))
}

// passing are the problems that a check waits for. What waits for a person,
// such as credentials that AWS refuses, is told at once.
var passing = []*problem.Kind{problem.Throttled, problem.AWSUnreachable, problem.StackBusy, problem.TimedOut, problem.Cancelled, problem.Unnamed}

// putOff judges what keeps a check from going on. What passes by itself is
// waited for, up to an hour, and nothing else has to wait for that: the rules
// below are asked, and may put another operation in its place.
func (p *pass) putOff(op *v1alpha1.Operation, err error) bool {
	pr := problem.Of(err)
	age := p.now.Sub(op.StepStartedAt.Time)
	if !isOneOf(pr.Reason, passing) {
		return p.driftFailed(pr.Message)
	}
	if age > time.Hour {
		return p.driftFailed(pr.Message + "; it was waited for an hour")
	}
	p.wakeAt(p.now.Add(min(max(age/4, problemPoll), 2*time.Minute)))
	return false
}

func (p *pass) driftKnown(d Drift) bool {
	d = withoutShifts(d)
	unchecked := fitBeside(d.Unchecked)
	d.Unchecked, d.UncheckedOmitted = unchecked, d.UncheckedOmitted+len(d.Unchecked)-len(unchecked)
	found := p.sift(d)
	if !found.drifted && (len(d.Unchecked) > 0 || d.Undecided != "") {
		return p.driftUndecided(d, found)
	}
	now := p.metaNow()
	p.answered()
	before := p.st.Drift
	is := &v1alpha1.DriftStatus{
		CheckedAt: &now, AttemptedAt: &now, Resources: found.resources, Omitted: found.omitted,
		Unchecked: d.Unchecked, UncheckedOmitted: int32(d.UncheckedOmitted),
		Severity: found.severity, Ignored: found.ignored, Unmatched: found.unmatched, RulesDigest: rulesDigest(&p.obj.Spec),
	}
	is.Remediation = p.verifyRevert(is, found.drifted)
	p.st.Drift, p.st.DriftDetected = is, found.drifted
	p.wantWriters(before)
	p.st.LastDriftCheck = v1alpha1.NewTime(now)
	if _, after := hooksOf(&p.obj.Spec, v1alpha1.OperationDriftCheck); after.Script != "" {
		return p.enter(v1alpha1.StepAfterHook)
	}
	p.drop()
	return false
}

// driftUndecided ends a check that found no drift and could not look at all:
// what was not looked at may have drifted.
func (p *pass) driftUndecided(d Drift, found sifted) bool {
	message := d.Undecided
	if len(d.Unchecked) > 0 {
		message = uncheckedMessage(d.Unchecked, d.UncheckedOmitted)
	}
	p.driftFailed(message)
	is := p.st.Drift
	is.Unchecked, is.UncheckedOmitted = d.Unchecked, int32(d.UncheckedOmitted)
	is.Ignored, is.Unmatched = found.ignored, found.unmatched
	return false
}

func uncheckedMessage(all []v1alpha1.UncheckedResource, omitted int) string {
	r := all[0]
	message := fmt.Sprintf("CloudFormation could not compare %s (%s) with its template", r.LogicalID, r.Type)
	if more := len(all) + omitted - 1; more > 0 {
		message += fmt.Sprintf(", nor %d more", more)
	}
	if r.Reason != "" {
		message += ": " + r.Reason
	}
	return message + " (most often the role that asks may not read the resource)"
}

func (p *pass) driftFailed(message string) bool {
	now := p.metaNow()
	p.answered()
	if p.st.Drift == nil {
		p.st.Drift = &v1alpha1.DriftStatus{}
	}
	d := p.st.Drift
	d.AttemptedAt, d.Error = &now, problem.Cut(message, problem.MaxMessage)
	d.Unmatched = p.stillUnmatched()
	d.RulesDigest = rulesDigest(&p.obj.Spec)
	d.Unchecked, d.UncheckedOmitted = nil, 0
	p.drop()
	return false
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
	case p.st.LastDriftCheck == nil || p.st.Deployed == nil || !p.checkedSince(d):
		meta.RemoveStatusCondition(&p.st.Conditions, v1alpha1.ConditionDrifted)
	case p.st.DriftDetected:
		p.setCondition(v1alpha1.ConditionDrifted, metav1.ConditionTrue, stateDrifted.Reason, driftMessage(d))
	default:
		p.setCondition(v1alpha1.ConditionDrifted, metav1.ConditionFalse, stateInSync.Reason, "the stack is as its template says"+butFor(d))
	}
}

// checkedSince says whether a check gave an answer about the stack as it is: since
// the last good deployment, and since what may have been deployed after it.
func (p *pass) checkedSince(d *v1alpha1.DriftStatus) bool {
	at := d.CheckedAt
	return at != nil && !at.Before(&p.st.Deployed.At) && (p.st.LastDeploy == nil || !at.Before(&p.st.LastDeploy.Time))
}

// butFor says what is ignored.
func butFor(d *v1alpha1.DriftStatus) string {
	if words := ignoredWords(d); words != "" {
		return ", but for " + words
	}
	return ""
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
	what += writtenBy(r.ChangedBy)
	if more := len(d.Resources) + int(d.Omitted) - 1; more > 0 {
		what += fmt.Sprintf(" and %d more", more)
	}
	message := "drifted: " + what
	if d.Severity != "" {
		message = fmt.Sprintf("%s (severity %s)", message, d.Severity)
	}
	if words := ignoredWords(d); words != "" {
		message += "; " + words
	}
	return message
}
