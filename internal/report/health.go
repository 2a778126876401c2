package report

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// healthEvents tells once when the stack becomes healthy, or no longer is.
func healthEvents(before, after *v1alpha1.CdkTsStack) []Event {
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionHealthy)
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionHealthy)
	if is == nil || was != nil && was.Status == is.Status || was == nil && is.Status == metav1.ConditionTrue {
		return nil
	}
	how := map[metav1.ConditionStatus]string{metav1.ConditionTrue: "healthy", metav1.ConditionFalse: "not healthy"}[is.Status]
	if how == "" {
		how = "not known to be healthy"
	}
	return []Event{{Warning: is.Status != metav1.ConditionTrue, Reason: "HealthChanged", Action: "Verify", Note: fmt.Sprintf("The stack is %s: %s", how, is.Message)}}
}

// recordChecks shows what the checks of spec.verification found, and how long the
// first of them that asks a URL waited for the answer.
func (m *Metrics) recordChecks(l prometheus.Labels, before, after *v1alpha1.CdkTsStack, seen decide.Observed) {
	found := m.checkHealthy.MustCurryWith(l)
	kept := map[string]bool{}
	if v := after.Status.Verification; v != nil {
		for _, c := range v.Checks {
			kept[c.Name] = true
			found.WithLabelValues(c.Name).Set(number(c.Result == v1alpha1.CheckHealthy))
		}
	}
	if v := before.Status.Verification; v != nil {
		for _, c := range v.Checks {
			if !kept[c.Name] {
				found.DeleteLabelValues(c.Name)
				m.checkTime.MustCurryWith(l).DeletePartialMatch(prometheus.Labels{"check": c.Name})
			}
		}
	}
	names := decide.CheckNames(after.Spec.Verification)
	first := true
	for i, c := range after.Spec.Verification {
		if c.HTTP == nil {
			continue
		}
		if latency := seen.Checks[names[i]].Latency; latency != nil {
			times := m.checkTime.MustCurryWith(l)
			times.WithLabelValues(names[i], "0.5").Set(float64(latency.P50MS))
			times.WithLabelValues(names[i], "0.95").Set(float64(latency.P95MS))
			if first {
				m.healthTime.With(l).Set(float64(latency.P50MS))
			}
		}
		first = false
	}
}
