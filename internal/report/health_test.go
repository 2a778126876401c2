package report_test

import (
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/report"
	"awscdk.dev/operator/internal/verification"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// found is an object whose checks have these results.
func found(status metav1.ConditionStatus, results map[string]v1alpha1.CheckResult) *v1alpha1.CdkTsStack {
	o := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "web"}}
	o.Spec.StackName, o.Spec.AWSRegion = "Web", "eu-west-1"
	o.Spec.Verification = []v1alpha1.Check{{Alarms: &v1alpha1.AlarmsCheck{}}, {Name: "site", HTTP: &v1alpha1.HTTPCheck{URL: "https://web"}}, {HTTP: &v1alpha1.HTTPCheck{URL: "https://api"}}}
	if status != "" {
		meta.SetStatusCondition(&o.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionHealthy, Status: status, Message: "the check site: it is down"})
	}
	o.Status.Verification = &v1alpha1.VerificationStatus{}
	for name, result := range results {
		o.Status.Verification.Checks = append(o.Status.Verification.Checks, v1alpha1.CheckStatus{Name: name, Result: result})
	}
	return o
}

// TestHealthIsToldOnceWhenItChanges: a deployment that is healthy from the
// beginning is told by its own end.
func TestHealthIsToldOnceWhenItChanges(t *testing.T) {
	for name, c := range map[string]struct {
		before, after metav1.ConditionStatus
		note          string
		warning       bool
	}{
		"healthy from the beginning": {"", metav1.ConditionTrue, "", false},
		"ill from the beginning":     {"", metav1.ConditionFalse, "The stack is not healthy: the check site: it is down", true},
		"it falls ill":               {metav1.ConditionTrue, metav1.ConditionFalse, "The stack is not healthy: the check site: it is down", true},
		"it stays ill":               {metav1.ConditionFalse, metav1.ConditionFalse, "", false},
		"nobody can be asked":        {metav1.ConditionTrue, metav1.ConditionUnknown, "The stack is not known to be healthy: the check site: it is down", true},
		"it is well again":           {metav1.ConditionFalse, metav1.ConditionTrue, "The stack is healthy: the check site: it is down", false},
	} {
		t.Run(name, func(t *testing.T) {
			var told []report.Event
			for _, e := range report.Between(found(c.before, nil), found(c.after, nil)) {
				if e.Reason == "HealthChanged" {
					told = append(told, e)
				}
			}
			if len(told) > 1 || (len(told) == 1) != (c.note != "") || c.note != "" && (told[0].Note != c.note || told[0].Warning != c.warning) {
				t.Errorf("%+v", told)
			}
		})
	}
}

// TestChecksAreMetrics: of the response times, the first http check's is that which
// dashboards know. A check that is taken away takes its series along.
func TestChecksAreMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := report.NewMetrics(registry, "", time.Now)
	seen := decide.Observed{Checks: map[string]decide.Checkup{
		"site": {Known: true, Verdict: verification.Verdict{Latency: &v1alpha1.Latency{P50MS: 120, P95MS: 340}}},
		"http": {Known: true, Verdict: verification.Verdict{Latency: &v1alpha1.Latency{P50MS: 7, P95MS: 8}}},
	}}
	before := found("", nil)
	after := found(metav1.ConditionFalse, map[string]v1alpha1.CheckResult{"site": v1alpha1.CheckUnhealthy, "alarms": v1alpha1.CheckHealthy})
	m.Record(before, after, seen)
	want := map[string]float64{
		`cdktsstack_check_healthy site`: 0, `cdktsstack_check_healthy alarms`: 1, `health_check_response_time_ms `: 120,
		`cdktsstack_check_response_time_ms site 0.5`: 120, `cdktsstack_check_response_time_ms site 0.95`: 340, `cdktsstack_check_response_time_ms http 0.5`: 7,
	}
	got := series(t, registry)
	for name, value := range want {
		if v, known := got[name]; !known || v != value {
			t.Errorf("%s is %v, want %v", name, v, value)
		}
	}
	m.Record(after, found(metav1.ConditionTrue, map[string]v1alpha1.CheckResult{"alarms": v1alpha1.CheckHealthy}), decide.Observed{})
	for name := range series(t, registry) {
		if strings.Contains(name, "check_") && strings.Contains(name, "site") {
			t.Errorf("%s is still there", name)
		}
	}
}

// series are the gauges about checks, by name, check and quantile.
func series(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			name := f.GetName() + " "
			var more []string
			for _, l := range one.GetLabel() {
				if l.GetName() == "check" || l.GetName() == "quantile" {
					more = append(more, l.GetValue())
				}
			}
			all[name+strings.Join(more, " ")] = one.GetGauge().GetValue()
		}
	}
	return all
}
