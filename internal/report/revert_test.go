package report

import (
	"slices"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// remedied is an object in sync with what came of putting its drift back.
func remedied(state v1alpha1.RevertState, operation string) *v1alpha1.CdkTsStack {
	obj := answered(metav1.ConditionFalse, 0)
	obj.Status.Drift.Remediation = &v1alpha1.DriftRemediation{State: state, Operation: operation, At: metav1.NewTime(driftBegan)}
	return obj
}

func TestWhatComesOfARevertIsToldOnce(t *testing.T) {
	const of = "cdk-revert-1"
	for name, c := range map[string]struct {
		was, is *v1alpha1.CdkTsStack
		want    []string
	}{
		"it is verified":           {remedied(v1alpha1.RevertExecuted, of), remedied(v1alpha1.RevertVerified, of), []string{"DriftRevertVerified"}},
		"it is verified still":     {remedied(v1alpha1.RevertVerified, of), remedied(v1alpha1.RevertVerified, of), nil},
		"it has no effect":         {remedied(v1alpha1.RevertExecuted, of), remedied(v1alpha1.RevertIneffective, of), []string{"DriftRevertIneffective"}},
		"it has no effect still":   {remedied(v1alpha1.RevertIneffective, of), remedied(v1alpha1.RevertIneffective, of), nil},
		"it is refused":            {answered(metav1.ConditionFalse, 0), remedied(v1alpha1.RevertRefused, of), nil}, // the operation's end tells of it
		"it comes back":            {remedied(v1alpha1.RevertVerified, of), remedied(v1alpha1.RevertRefused, ""), []string{"DriftNotReverted"}},
		"an order without drift":   {answered(metav1.ConditionFalse, 0), remedied(v1alpha1.RevertNotNeeded, ""), []string{"DriftNotReverted"}},
		"the note goes with drift": {remedied(v1alpha1.RevertRefused, of), answered(metav1.ConditionFalse, 0), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, reasons(Between(c.was, c.is))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Drift is counted by its severity, and is gone from the metrics when it is gone.
func TestDriftIsCountedBySeverity(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry, "", func() time.Time { return driftBegan })
	clean, found := answered(metav1.ConditionFalse, 0), answered(metav1.ConditionTrue, 0, "Role", "Queue", "Table")
	for i, s := range []v1alpha1.DriftSeverity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityHigh} {
		found.Status.Drift.Resources[i].Severity = s
	}
	found.Status.Drift.Ignored = &v1alpha1.IgnoredDrift{Count: 7}
	m.Record(clean, found, decide.Observed{})
	if diff := cmp.Diff([]float64{7, 1, 2}, driftSeries(t, registry)); diff != "" {
		t.Errorf("ignored, critical and high: %s", diff)
	}
	m.Record(found, clean, decide.Observed{})
	if left := driftSeries(t, registry); len(left) > 0 {
		t.Errorf("without drift there are %v", left)
	}
}

func driftSeries(t *testing.T, r *prometheus.Registry) (values []float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !slices.Contains([]string{"cdktsstack_drifted_resources", "cdktsstack_drift_ignored"}, f.GetName()) {
			continue
		}
		for _, metric := range f.GetMetric() {
			values = append(values, metric.GetGauge().GetValue())
		}
	}
	return values
}
