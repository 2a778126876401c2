package decide

import (
	"slices"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/verification"
)

func TestChecksAreNamedApart(t *testing.T) {
	http := func(name string) v1alpha1.Check { return v1alpha1.Check{Name: name, HTTP: &v1alpha1.HTTPCheck{}} }
	alarms := v1alpha1.Check{Alarms: &v1alpha1.AlarmsCheck{}}
	hook := v1alpha1.Check{AfterDeploy: &v1alpha1.AfterDeployCheck{}}
	for name, c := range map[string]struct {
		checks []v1alpha1.Check
		want   []string
	}{
		"by what they ask":                {[]v1alpha1.Check{http(""), alarms, hook}, []string{"http", "alarms", "afterDeploy"}},
		"with a number":                   {[]v1alpha1.Check{http(""), http(""), http("")}, []string{"http", "http-2", "http-3"}},
		"around names that are given":     {[]v1alpha1.Check{http(""), http("http-2"), http(""), http("http")}, []string{"http-3", "http-2", "http-4", "http"}},
		"the hook by a name of its own":   {[]v1alpha1.Check{http(""), {Name: "script", AfterDeploy: &v1alpha1.AfterDeployCheck{}}}, []string{"http", "script"}},
		"a name given after it was taken": {[]v1alpha1.Check{alarms, {Name: "alarms", HTTP: &v1alpha1.HTTPCheck{}}}, []string{"alarms-2", "alarms"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := CheckNames(c.checks); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestTwoChecksOfOneNameAreRefused also when one is the hook, which needs no place.
func TestTwoChecksOfOneNameAreRefused(t *testing.T) {
	spec := &v1alpha1.CdkTsStackSpec{
		LifecycleHooks: &v1alpha1.LifecycleHooks{AfterDeploy: "./verify.sh"},
		Verification:   []v1alpha1.Check{{Name: "afterDeploy", Alarms: &v1alpha1.AlarmsCheck{}}},
	}
	if err := refuseVerification(spec); err == nil || err.Error() != "two checks of verification are called afterDeploy: give one of them another name" {
		t.Error(err)
	}
	spec.Verification[0].Name = "alarms"
	if err := refuseVerification(spec); err != nil {
		t.Error(err)
	}
}

// TestTheLastFiveGoodDeploymentsAreTheBaseline, the newest first, and of the
// deployment itself only what was asked for it.
func TestTheLastFiveGoodDeploymentsAreTheBaseline(t *testing.T) {
	p := &pass{st: &v1alpha1.CdkTsStackStatus{Verification: &v1alpha1.VerificationStatus{Checks: []v1alpha1.CheckStatus{{Name: "site"}, {Name: "other"}}}}}
	for n := range 7 {
		op := &v1alpha1.Operation{ID: string(rune('a' + n))}
		site := checkStatus(p.st, "site")
		site.Operation, site.Latency = op.ID, &v1alpha1.Latency{P50MS: int64(n)}
		p.rememberLatency(op)
	}
	var got []int64
	for _, b := range Baseline(p.st, "site") {
		got = append(got, b.P50MS)
	}
	if !slices.Equal(got, []int64{6, 5, 4, 3, 2}) || len(Baseline(p.st, "other")) > 0 {
		t.Errorf("baseline %v, and of the other %v", got, Baseline(p.st, "other"))
	}
}

// TestAnswersInARowAreCounted for one deployment, or for none.
func TestAnswersInARowAreCounted(t *testing.T) {
	answer := func(operation string, result v1alpha1.CheckResult, message string) Checkup {
		return Checkup{Known: true, Operation: operation, Verdict: verification.Verdict{Result: result, Message: message}}
	}
	var last Checkup
	for i, c := range []struct {
		of             Checkup
		failures, same int
	}{
		{answer("", v1alpha1.CheckUnhealthy, "503"), 1, 1},
		{answer("", v1alpha1.CheckUnhealthy, "503"), 2, 2},
		{answer("", v1alpha1.CheckUnhealthy, "502"), 3, 1},
		{answer("", v1alpha1.CheckUnknown, "no right"), 4, 1},
		{answer("", v1alpha1.CheckHealthy, ""), 0, 1},
		{answer("", v1alpha1.CheckHealthy, ""), 0, 2},
		{answer("", v1alpha1.CheckUnhealthy, "503"), 1, 1},
		{answer("op-1", v1alpha1.CheckUnhealthy, "503"), 1, 1}, // of a deployment that it was not asked for
	} {
		last = c.of.After(last)
		if last.Failures != c.failures || last.Same != c.same {
			t.Errorf("answer %d: %d failures, %d the same, want %d and %d", i, last.Failures, last.Same, c.failures, c.same)
		}
	}
}
