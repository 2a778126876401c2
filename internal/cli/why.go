package cli

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// showWhy says what keeps an object from being ready, and what happens next.
func showWhy(p painter, o *v1alpha1.CdkTsStack, now time.Time) {
	m, text := state(o, now)
	p.printf("%s\n", p.mark(m, text))
	ready := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return
	}
	p.printf("%s, for %s\n\n%s\n\n", printable(ready.Reason), span(now.Sub(ready.LastTransitionTime.Time)), printable(ready.Message))
	p.printf("%s\n", next(p, o, ready))
	if text := whyUnhealthy(o); text != "" {
		p.printf("%s\n", p.in(red, text))
	}
	if s := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionSourceAvailable); s != nil && s.Status == metav1.ConditionFalse && s.Message != ready.Message {
		p.printf("%s\n", p.in(yellow, "The repository cannot be read: "+s.Message))
	}
	if d := o.Status.Drift; d != nil && d.Error != "" {
		p.printf("%s\n", p.in(yellow, "The last drift check gave no answer: "+d.Error))
	}
}

// next says what happens by itself, and what a person has to do.
func next(p painter, o *v1alpha1.CdkTsStack, ready *metav1.Condition) string {
	switch {
	case ready.Status == metav1.ConditionTrue && o.Spec.Suspend:
		return "Nothing happens until: " + p.call("resume", o)
	case ready.Status == metav1.ConditionTrue && unhealthy(o) != nil:
		return "It is deployed as it should be; what its checks found is below."
	case ready.Status == metav1.ConditionTrue:
		return "It is as it should be."
	case meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionApprovalPending):
		return "It waits for a person: " + p.call("plan", o) + ", then " + p.call("approve", o) + " or " + p.call("acknowledge", o)
	case ready.Reason == "PolicyDenied":
		return "It goes on when the app or the policy is changed: " + p.call("plan", o) + " shows what breaks it"
	case meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionStalled):
		return "It is not tried again by itself. Put right what the message says; when that is no edit of the object or a new commit: " + p.call("deploy", o)
	case o.Spec.Suspend:
		return "Nothing happens until: " + p.call("resume", o)
	}
	return "It goes on by itself: " + p.call("status -w", o)
}
