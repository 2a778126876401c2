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
	return markBad, failed(o, ready)
}

func deleting(o *v1alpha1.CdkTsStack, ready *metav1.Condition) (mark, string) {
	if ready != nil && ready.Reason != "Destroying" {
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
	text := strings.ToLower(string(op.Step))
	if op.RunStep != "" {
		text = strings.ToLower(op.RunStep)
	}
	if op.RunStep == "Queued" {
		text += fmt.Sprintf(", %d ahead", op.Ahead)
	}
	return text + progress(o.Status.Progress) + ", " + span(now.Sub(op.StepStartedAt.Time)) + attempt(op)
}

func attempt(op *v1alpha1.Operation) string {
	if op.Attempt < 2 {
		return ""
	}
	return fmt.Sprintf(", attempt %d", op.Attempt)
}

func progress(p *v1alpha1.Progress) string {
	if p == nil || p.Total == 0 {
		return ""
	}
	return fmt.Sprintf(" %d of %d", p.Done, p.Total)
}

func failed(o *v1alpha1.CdkTsStack, ready *metav1.Condition) string {
	text := ready.Reason
	if meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionStalled) {
		return text + ", not tried again"
	}
	return text
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
