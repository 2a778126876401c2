package cli

import (
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mark is the sign of a state, the same on every line of every command.
type mark struct {
	sign  string
	color color
}

var (
	markGood    = mark{"✓", green}
	markWorking = mark{"▶", blue}
	markWaiting = mark{"…", yellow}
	markPaused  = mark{"‖", yellow}
	markBad     = mark{"✗", red}
)

// state is how an object is, in a few words.
func state(o *v1alpha1.CdkTsStack, now time.Time) (mark, string) {
	ready := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
	op := o.Status.Operation
	switch {
	case !o.DeletionTimestamp.IsZero():
		return deleting(o, ready)
	case ready == nil:
		return markWaiting, "not looked at yet: is the operator running, and does it watch this namespace?"
	case o.Spec.Suspend:
		return markPaused, "suspended"
	case ready.Status == metav1.ConditionTrue:
		return markGood, deployed(o, now)
	case o.Status.Held != nil:
		return markWaiting, held(o)
	case ready.Status == metav1.ConditionUnknown && op != nil && isForeground(op):
		return markWorking, working(o, now)
	case ready.Status == metav1.ConditionUnknown:
		return markWaiting, ready.Reason
	}
	return markBad, failed(o, ready, now)
}

func deleting(o *v1alpha1.CdkTsStack, ready *metav1.Condition) (mark, string) {
	if ready != nil && ready.Status != metav1.ConditionTrue && ready.Reason != "Destroying" {
		return markBad, "deletion waits: " + ready.Reason
	}
	return markWorking, "deleting" + progress(o.Status.Progress)
}

func deployed(o *v1alpha1.CdkTsStack, now time.Time) string {
	text := "deployed"
	if d := o.Status.Deployed; d != nil {
		text += " " + ago(d.At.Time, now)
	}
	if o.Status.DriftDetected {
		text += ", drifted"
	}
	if c := unhealthy(o); c != nil && c.Status == metav1.ConditionFalse {
		text += ", not healthy"
	}
	if s := o.Status.Source; s != nil && s.PendingRevision != "" {
		text += ", " + short(s.PendingRevision) + " pending"
	}
	return text
}

// held says what a finished plan waits for.
func held(o *v1alpha1.CdkTsStack) string {
	var needs []string
	for _, g := range o.Status.Gates {
		switch g.Reason {
		case "ApprovalPending":
			needs = append(needs, "an approval")
		case "ChangesRefused":
			needs = append(needs, "an acknowledgement")
		case "WindowClosed":
			needs = append(needs, "its window")
		case "Frozen":
			needs = append(needs, "the end of a freeze")
		case "PolicyDenied":
			needs = append(needs, "a change, since it breaks a policy")
		case "PlanOnly":
			needs = append(needs, "spec.planOnly to be false")
		default:
			needs = append(needs, g.Name)
		}
	}
	return "plan waits for " + strings.Join(needs, " and ")
}

func working(o *v1alpha1.CdkTsStack, now time.Time) string {
	op := o.Status.Operation
	return doing(op) + progress(o.Status.Progress) + ", " + span(now.Sub(op.StepStartedAt.Time)) + attempt(o, op)
}

// hookSteps are the steps that are called after hooks, in words.
var hookSteps = map[v1alpha1.OperationStep]string{
	v1alpha1.StepBeforeHook: "running the hook before", v1alpha1.StepAfterHook: "running the hook after",
}

// doing is what an operation does, in a word or two.
func doing(op *v1alpha1.Operation) string {
	switch op.RunStep {
	case "":
		if step, known := hookSteps[op.Step]; known {
			return step
		}
		return lower(string(op.Step))
	case "Queued":
		return fmt.Sprintf("queued, %s", ahead(op.Ahead))
	}
	return lower(op.RunStep)
}

// lower is a step within a sentence; one may have the name of a hook.
func lower(step string) string { return strings.ToLower(step[:1]) + step[1:] }

// ahead is a place in a queue. From ten on the operator rounds it down.
func ahead(n int32) string {
	switch {
	case n == 0:
		return "next"
	case n < 10:
		return fmt.Sprintf("%d ahead", n)
	}
	return fmt.Sprintf("%d or more ahead", n)
}

// attempt tells which attempt this is, from the second on.
func attempt(o *v1alpha1.CdkTsStack, op *v1alpha1.Operation) string {
	switch {
	case op.Attempt < 2:
		return ""
	case op.Kind != v1alpha1.OperationDeploy:
		return fmt.Sprintf(", attempt %d", op.Attempt)
	}
	return fmt.Sprintf(", attempt %d of %d", op.Attempt, attempts(o))
}

// attempts is how often a deployment is tried in all.
func attempts(o *v1alpha1.CdkTsStack) int32 {
	if r := o.Spec.Retry; r != nil && r.Limit != nil {
		return *r.Limit + 1
	}
	return v1alpha1.DefaultRetryLimit + 1
}

func progress(p *v1alpha1.Progress) string {
	if p == nil || p.Total == 0 {
		return ""
	}
	return fmt.Sprintf(" %d of %d", p.Done, p.Total)
}

func failed(o *v1alpha1.CdkTsStack, ready *metav1.Condition, now time.Time) string {
	text := ready.Reason
	if meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionStalled) {
		return text + ", not tried again"
	}
	if n := o.Status.NextAttempt; n != nil {
		text += fmt.Sprintf(", attempt %d of %d in %s", n.Number, n.Of, span(n.At.Sub(now)))
	}
	return text
}

// wayOut is the command by which a person lets an object go on that waits for
// one; "" when there is none.
func wayOut(p painter, o *v1alpha1.CdkTsStack) string {
	ready := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil || ready.Status == metav1.ConditionTrue || o.Spec.Suspend || !o.DeletionTimestamp.IsZero():
		return ""
	case ready.Reason == "BeforeDeployFailed":
		return "emergency: " + p.call("override", o) + " --reason WHY"
	case o.Status.Held == nil:
		return ""
	}
	var ways []string
	for _, g := range o.Status.Gates {
		switch g.Reason {
		case "ApprovalPending":
			ways = append(ways, p.call("approve", o))
		case "WindowClosed":
			ways = append(ways, "emergency: "+p.call("override", o)+" --reason WHY")
		}
	}
	return strings.Join(ways, "; ")
}

// isForeground says whether an operation is more than a check.
func isForeground(op *v1alpha1.Operation) bool {
	return op.Kind == v1alpha1.OperationDeploy || op.Kind == v1alpha1.OperationDestroy
}

// live is the revision that is deployed, "-" for none.
func live(o *v1alpha1.CdkTsStack) string {
	if d := o.Status.Deployed; d != nil {
		return short(d.Target.Revision)
	}
	return "-"
}

// last says what the last deployment did.
func last(o *v1alpha1.CdkTsStack) string {
	e := o.Status.LastDeployment
	switch {
	case e == nil:
		return ""
	case e.Outcome == v1alpha1.OutcomeFailed || e.Outcome == v1alpha1.OutcomeRefused:
		return firstLine(e.Message)
	case e.Changes != "":
		return e.Changes
	}
	return strings.ToLower(string(e.Outcome))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// ref is what an object follows.
func ref(o *v1alpha1.CdkTsStack) string {
	if s := o.Status.Source; s != nil && s.Tag != "" {
		return s.Tag
	}
	git := o.Spec.Source.Git
	switch {
	case git.Semver != "":
		return git.Semver
	case o.Spec.Source.SourceRef != nil:
		return o.Spec.Source.SourceRef.Name
	case len(git.Ref) == 40:
		return short(git.Ref)
	}
	return git.Ref
}

func short(revision string) string { return revision[:min(len(revision), 7)] }

// ago says how long before now something was.
func ago(t, now time.Time) string { return span(now.Sub(t)) + " ago" }

// span is a duration of one unit, as kubectl writes ages.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
