package cli

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checkMarks are how the results of checks are drawn.
var checkMarks = map[v1alpha1.CheckResult]mark{
	v1alpha1.CheckHealthy: markGood, v1alpha1.CheckUnhealthy: markBad, v1alpha1.CheckUnknown: markWaiting,
}

// verificationLines tell what the checks of spec.verification found, a line each;
// of an object that has only the hook, how that ended.
func verificationLines(p painter, o *v1alpha1.CdkTsStack, now time.Time) []string {
	v := o.Status.Verification
	if v == nil {
		return hookLines(p, o, "afterDeploy", "")
	}
	t := &table{p: p}
	for _, c := range v.Checks {
		m := checkMarks[c.Result]
		said := c.Message
		if c.Result == v1alpha1.CheckHealthy {
			said = c.Measured
		}
		t.paint([]color{m.color, plain, plain, faint}, m.sign, c.Name, said, "for "+span(now.Sub(c.Since.Time)))
	}
	return t.lines(margin)
}

// unhealthy is the condition Healthy of an object that is not, nil for all others.
func unhealthy(o *v1alpha1.CdkTsStack) *metav1.Condition {
	c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionHealthy)
	if c == nil || c.Status == metav1.ConditionTrue {
		return nil
	}
	return c
}

// whyUnhealthy says what is wrong with what is deployed, "" for nothing.
func whyUnhealthy(o *v1alpha1.CdkTsStack) string {
	switch c := unhealthy(o); {
	case c == nil:
		return ""
	case c.Status == metav1.ConditionUnknown:
		return "Whether the stack is healthy is not known: " + c.Message
	default:
		return "The stack is not healthy: " + c.Message
	}
}
