package report

import (
	"awscdk.dev/operator/api/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
)

var severities = []v1alpha1.DriftSeverity{v1alpha1.SeverityLow, v1alpha1.SeverityMedium, v1alpha1.SeverityHigh, v1alpha1.SeverityCritical}

// recordDrift shows how severe the drift is that is known. Of a stack without
// drift there is no series: most have none, and there are thousands.
func (m *Metrics) recordDrift(l prometheus.Labels, before, after *v1alpha1.DriftStatus) {
	if nothingFound(before) && nothingFound(after) {
		return
	}
	counts := map[v1alpha1.DriftSeverity]int{}
	var ignored int32
	if after != nil {
		if after.Ignored != nil {
			ignored = after.Ignored.Count
		}
		for _, r := range after.Resources {
			counts[r.Severity]++
		}
	}
	if ignored > 0 {
		m.driftIgnored.With(l).Set(float64(ignored))
	} else {
		m.driftIgnored.Delete(l)
	}
	drifted := m.driftedResources.MustCurryWith(l)
	for _, s := range severities {
		if n := counts[s]; n > 0 {
			drifted.WithLabelValues(string(s)).Set(float64(n))
		} else {
			drifted.DeleteLabelValues(string(s))
		}
	}
}

func nothingFound(d *v1alpha1.DriftStatus) bool {
	return d == nil || len(d.Resources) == 0 && d.Ignored == nil
}
