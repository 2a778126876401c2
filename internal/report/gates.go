package report

import (
	"awscdk.dev/operator/api/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
)

// freezePassed tells once of a plan that is executed although a freeze gave no
// answer.
func freezePassed(before, after *v1alpha1.CdkTsStack) []Event {
	was, is := before.Status.Operation, after.Status.Operation
	if is == nil || is.FreezeErrors == "" || is.Step != v1alpha1.StepExecuting || same(was, is) && was.Step == is.Step {
		return nil
	}
	return []Event{{
		Warning: true, Reason: "FreezeUnanswered", Action: "Deploy",
		Note: "The plan is executed although a freeze gave no answer, since its onError is Allow: " + is.FreezeErrors,
	}}
}

// recordGates shows which gates hold the plan of an object.
func (m *Metrics) recordGates(l prometheus.Labels, before, after *v1alpha1.CdkTsStack) {
	waiting := m.gateWaiting.MustCurryWith(l)
	for _, g := range before.Status.Gates {
		waiting.WithLabelValues(g.Name).Set(0)
	}
	for _, g := range after.Status.Gates {
		waiting.WithLabelValues(g.Name).Set(1)
	}
}
