package decide

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// emergencyLasts is how long an emergency opens a window or a freeze.
const emergencyLasts = time.Hour

// maxOverride bounds what is kept of the reason of an emergency, in bytes.
const maxOverride = 512

// override lets an emergency open what is closed, and notes that.
func (p *pass) override(op *v1alpha1.Operation) bool {
	if !p.emergencyFor(op) {
		return false
	}
	op.Override = problem.CutMiddle("emergency: "+p.emergencyReason(), maxOverride)
	return true
}

// emergencyRefused says why an emergency does not open what is closed, "" when
// none was ordered.
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
