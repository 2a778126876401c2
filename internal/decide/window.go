package decide

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/windows"
)

// emergencyLasts is how long an emergency opens a window.
const emergencyLasts = time.Hour

// recordWindow notes how the windows stand, and wakes the object when that
// changes.
func recordWindow(p *pass) {
	p.st.Window = nil
	if p.obj.Spec.Windows == nil || p.deleting() {
		return
	}
	w, err := windows.Parse(p.obj.Spec.Windows)
	if err != nil {
		return // refuseSpec says it
	}
	s := w.At(p.now)
	p.st.Window = &v1alpha1.WindowStatus{Open: s.Open, Reason: s.Reason, NextOpening: momentOf(s.Opening), NextClosing: momentOf(s.Closing)}
	for _, change := range []time.Time{s.Opening, s.Closing} {
		if !change.IsZero() {
			p.wakeAt(change)
		}
	}
}

func momentOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	at := metav1.NewTime(t)
	return &at
}

// windowOpen holds a plan while the windows are closed. An emergency opens them
// for one target.
func windowOpen(p *pass, op *v1alpha1.Operation) *hold {
	op.Override = ""
	if p.obj.Spec.Windows == nil {
		return nil
	}
	w, err := windows.Parse(p.obj.Spec.Windows)
	if err != nil {
		return &hold{reason: problem.InvalidSpec, message: err.Error(), parks: true}
	}
	s := w.At(p.now)
	if s.Open {
		return nil
	}
	if p.obj.Spec.Windows.Overrun == v1alpha1.OverrunFinish && op.HeldSince == nil && w.At(op.StartedAt.Time).Open {
		return nil
	}
	if p.emergencyFor(op) {
		op.Override = problem.CutMiddle("emergency: "+p.emergencyReason(), maxOverride)
		return nil
	}
	return &hold{reason: stateWindowClosed, message: p.closed(op, s), parks: true}
}

// maxOverride bounds what is kept of the reason of an emergency, in bytes.
const maxOverride = 512

// closed says what the plan waits for.
func (p *pass) closed(op *v1alpha1.Operation, s windows.State) string {
	when := "no window opens within a year: edit spec.windows"
	if !s.Opening.IsZero() {
		when = "the next opening is at " + s.Opening.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s; %s%s", s.Reason, when, p.emergencyRefused(op))
}

// emergencyRefused says why an emergency does not open the window, "" when none
// was ordered.
func (p *pass) emergencyRefused(op *v1alpha1.Operation) string {
	at, is := emergencyAt(op.Target.Order)
	annotate := p.annotate()
	switch {
	case !is || p.usedElsewhere(op):
		return ""
	case p.now.Sub(at) > emergencyLasts:
		return fmt.Sprintf("; the emergency was ordered more than an hour ago: order it again with %s%s=false and then =true", annotate, v1alpha1.EmergencyAnnotation)
	}
	return fmt.Sprintf("; an emergency needs its reason beside it: %s%s=...", annotate, v1alpha1.EmergencyReasonAnnotation)
}

// emergencyFor says whether an emergency was ordered for what an operation is to
// bring about: with a reason, not long ago, and not for another target before.
func (p *pass) emergencyFor(op *v1alpha1.Operation) bool {
	at, is := emergencyAt(op.Target.Order)
	return is && p.emergencyReason() != "" && p.now.Sub(at) <= emergencyLasts && !p.usedElsewhere(op)
}

// emergencyAt is when an order was given that is of an emergency.
func emergencyAt(order string) (at time.Time, is bool) {
	millis, is := strings.CutPrefix(order, "emergency-")
	n, err := strconv.ParseInt(millis, 10, 64)
	return time.UnixMilli(n), is && err == nil
}

// bindEmergency has an emergency be for the target that it is first ordered for,
// whether or not that needs it, and for no other.
func (p *pass) bindEmergency(t *v1alpha1.Target) {
	if _, is := emergencyAt(t.Order); is && p.st.Orders.EmergencyTarget == "" {
		p.st.Orders.EmergencyTarget = t.Digest
	}
}

func (p *pass) usedElsewhere(op *v1alpha1.Operation) bool {
	used := p.st.Orders.EmergencyTarget
	return used != "" && used != op.Target.Digest
}

// annotate is the command that sets an annotation of the object.
func (p *pass) annotate() string {
	return fmt.Sprintf("kubectl annotate cdk %s -n %s --overwrite ", p.obj.Name, p.obj.Namespace)
}

func (p *pass) emergencyReason() string {
	return strings.TrimSpace(p.obj.Annotations[v1alpha1.EmergencyReasonAnnotation])
}
