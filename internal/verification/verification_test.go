package verification_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/answer"
	"awscdk.dev/operator/internal/verification"
)

func plainly(err error) error { return err }

func TestAnswersOfURLs(t *testing.T) {
	up := []byte(`{"status": "up"}`)
	for name, c := range map[string]struct {
		check  v1alpha1.HTTPCheck
		answer answer.Answer
		says   string
	}{
		"200 without more":                       {answer: answer.Answer{Status: 200}},
		"another status":                         {answer: answer.Answer{Status: 204}, says: "https://web answers 204 No Content, not 200"},
		"the status that is wanted":              {check: v1alpha1.HTTPCheck{Status: ptr.To[int32](401)}, answer: answer.Answer{Status: 401}},
		"an expression":                          {check: v1alpha1.HTTPCheck{HealthyWhen: "body.status == 'up'"}, answer: answer.Answer{Status: 203, Body: up}},
		"an expression that is false":            {check: v1alpha1.HTTPCheck{HealthyWhen: "body.status == 'up'"}, answer: answer.Answer{Status: 200, Body: []byte(`{"status": "down"}`)}, says: "healthyWhen is false for what it says"},
		"an expression, and an error":            {check: v1alpha1.HTTPCheck{HealthyWhen: "body.status == 'up'"}, answer: answer.Answer{Status: 503, Body: up}, says: "it answers 503 Service Unavailable"},
		"an expression about the status":         {check: v1alpha1.HTTPCheck{HealthyWhen: "status in [200, 503] && body.status == 'up'"}, answer: answer.Answer{Status: 503, Body: up}},
		"a status, and an expression":            {check: v1alpha1.HTTPCheck{Status: ptr.To[int32](503), HealthyWhen: "body.status == 'up'"}, answer: answer.Answer{Status: 503, Body: up}},
		"a status that is not met":               {check: v1alpha1.HTTPCheck{Status: ptr.To[int32](503), HealthyWhen: "body.status == 'up'"}, answer: answer.Answer{Status: 200, Body: up}, says: "answers 200 OK, not 503"},
		"JSON of another kind":                   {check: v1alpha1.HTTPCheck{HealthyWhen: "body.status == 'up'"}, answer: answer.Answer{Status: 200, Body: []byte(`[]`)}, says: "healthyWhen cannot be evaluated on its answer (200, JSON)"},
		"no JSON":                                {check: v1alpha1.HTTPCheck{HealthyWhen: "body.status == 'up'"}, answer: answer.Answer{Status: 200, Body: []byte("<html>")}, says: "(200, not JSON)"},
		"a header":                               {check: v1alpha1.HTTPCheck{HealthyWhen: "headers['x-version'].startsWith('2.')"}, answer: answer.Answer{Status: 200, Headers: map[string]string{"x-version": "2.1"}}},
		"what costs too much is not its fault":   {check: v1alpha1.HTTPCheck{HealthyWhen: "body.all(a, body.all(b, body.all(c, a + b + c < 0.0 || true)))"}, answer: answer.Answer{Status: 200, Body: []byte("[" + strings.Repeat("1,", 2000) + "1]")}, says: "costs too much"},
		"what does not compile is not its fault": {check: v1alpha1.HTTPCheck{HealthyWhen: "body.status = 1"}, answer: answer.Answer{Status: 200}, says: "line 1, column"},
	} {
		t.Run(name, func(t *testing.T) {
			err := verification.HTTP(context.Background(), &c.check, "https://web", c.answer, plainly)
			switch {
			case c.says == "" && err != nil, c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%v, want %q", err, c.says)
			}
			if unusable := strings.HasSuffix(name, "not its fault"); errors.Is(err, verification.ErrUnusable) != unusable {
				t.Errorf("%v: it cannot be used: %t", err, !unusable)
			}
		})
	}
}

func TestLatencies(t *testing.T) {
	of := func(all ...int) (took []time.Duration) {
		for _, ms := range all {
			took = append(took, time.Duration(ms)*time.Millisecond)
		}
		return took
	}
	last := func(all ...int64) (baseline []v1alpha1.Latency) {
		for _, ms := range all {
			baseline = append(baseline, v1alpha1.Latency{P50MS: ms, P95MS: 9 * ms})
		}
		return baseline
	}
	limit := &metav1.Duration{Duration: 500 * time.Millisecond}
	for name, c := range map[string]struct {
		check          v1alpha1.HTTPCheck
		took           []time.Duration
		baseline       []v1alpha1.Latency
		says, measured string
		p50, p95       int64
	}{
		"one sample":                         {took: of(120), measured: "120 ms, the median of 1", p50: 120, p95: 120},
		"several":                            {took: of(300, 100, 200, 110, 120), measured: "120 ms, the median of 5; p95 300 ms", p50: 120, p95: 300},
		"twenty, one of which is slow":       {check: v1alpha1.HTTPCheck{MaxLatency: limit}, took: of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 900), measured: "1 ms", p50: 1, p95: 1},
		"twenty, two of which are slow":      {check: v1alpha1.HTTPCheck{MaxLatency: limit}, took: of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 800, 900), says: "takes longer than maxLatency (500ms)", measured: "p95 800 ms", p50: 1, p95: 800},
		"at the limit":                       {check: v1alpha1.HTTPCheck{MaxLatency: limit}, took: of(500), measured: "500 ms", p50: 500, p95: 500},
		"above it":                           {check: v1alpha1.HTTPCheck{MaxLatency: limit}, took: of(501), says: "maxLatency", measured: "501 ms", p50: 501, p95: 501},
		"the first has nothing to meet":      {check: v1alpha1.HTTPCheck{DegradedAbove: "1.5"}, took: of(900), measured: "900 ms", p50: 900, p95: 900},
		"as quick as usual":                  {check: v1alpha1.HTTPCheck{DegradedAbove: "1.5"}, took: of(150), baseline: last(100, 90, 400, 110, 95), measured: "150 ms", p50: 150, p95: 150},
		"slower than usual":                  {check: v1alpha1.HTTPCheck{DegradedAbove: "1.5"}, took: of(151), baseline: last(100, 90, 400, 110, 95), says: "more than 1.5 times as long as after the last good deployments (degradedAbove; 100 ms then)", measured: "151 ms", p50: 151, p95: 151},
		"a few milliseconds are not slower":  {check: v1alpha1.HTTPCheck{DegradedAbove: "1.5"}, took: of(9), baseline: last(1, 1, 1), measured: "9 ms", p50: 9, p95: 9},
		"without a factor nothing is slower": {took: of(9000), baseline: last(1), measured: "9000 ms", p50: 9000, p95: 9000},
	} {
		t.Run(name, func(t *testing.T) {
			v := verification.Latencies(&c.check, c.took, c.baseline)
			if healthy := v.Result == v1alpha1.CheckHealthy; healthy != (c.says == "") || !strings.Contains(v.Message, c.says) || !strings.Contains(v.Measured, c.measured) {
				t.Errorf("%+v", v)
			}
			if v.Latency.P50MS != c.p50 || v.Latency.P95MS != c.p95 {
				t.Errorf("%+v", v.Latency)
			}
			if strings.Contains(v.Message, "151") || strings.Contains(v.Message, "501") {
				t.Errorf("the message changes with each answer: %s", v.Message)
			}
		})
	}
}

func TestTargetGroups(t *testing.T) {
	type targets = []verification.Target
	well, draining := verification.Target{State: "healthy"}, verification.Target{State: "draining", Reason: "Target.DeregistrationInProgress"}
	ill := verification.Target{State: "unhealthy", Reason: "Target.FailedHealthChecks", Description: "Health checks failed"}
	unused := verification.Target{State: "unused", Reason: "Target.NotInUse"}
	off := verification.Target{State: "unavailable", Reason: "Target.HealthCheckDisabled"}
	for name, c := range map[string]struct {
		least    int32
		groups   []verification.Group
		named    bool
		result   v1alpha1.CheckResult
		says     string
		measured string
	}{
		"all are healthy":                       {groups: []verification.Group{{Name: "Web", Targets: targets{well, well}}}, result: "Healthy", measured: "Web: 2 of 2 healthy"},
		"those that leave are not counted":      {groups: []verification.Group{{Name: "Web", Targets: targets{well, draining}}}, result: "Healthy", measured: "Web: 1 of 1 healthy"},
		"one is not":                            {groups: []verification.Group{{Name: "Web", Targets: targets{well, ill}}}, result: "Unhealthy", says: "one is unhealthy (Target.FailedHealthChecks): Health checks failed", measured: "Web: 1 of 2 healthy"},
		"half of them are enough":               {least: 50, groups: []verification.Group{{Name: "Web", Targets: targets{well, ill}}}, result: "Healthy"},
		"half of them are not enough":           {least: 51, groups: []verification.Group{{Name: "Web", Targets: targets{well, ill}}}, result: "Unhealthy", says: "less than 51 %"},
		"none is there":                         {groups: []verification.Group{{Name: "Web"}}, result: "Unhealthy", says: "the target group Web has no target"},
		"the other colour is empty":             {groups: []verification.Group{{Name: "Blue", Targets: targets{well}}, {Name: "Green"}}, result: "Healthy", measured: "Blue: 1 of 1 healthy"},
		"the other colour is left":              {groups: []verification.Group{{Name: "Blue", Targets: targets{well}}, {Name: "Green", Targets: targets{unused}}}, result: "Healthy"},
		"the other colour is asked for by name": {named: true, groups: []verification.Group{{Name: "Blue", Targets: targets{well}}, {Name: "Green"}}, result: "Unhealthy", says: "Green has no target"},
		"no load balancer uses it":              {groups: []verification.Group{{Name: "Web", Targets: targets{unused}}}, result: "Unhealthy", says: "one is unused (Target.NotInUse)"},
		"one of two groups is ill":              {groups: []verification.Group{{Name: "Web", Targets: targets{well}}, {Name: "Api", Targets: targets{ill}}}, result: "Unhealthy", says: "in the target group Api"},
		"health checks are off":                 {groups: []verification.Group{{Name: "Fn", Targets: targets{off}}}, result: "Healthy", measured: "its health checks are off"},
		"the stack has none":                    {result: "Unknown", says: "the stack has no target group"},
	} {
		t.Run(name, func(t *testing.T) {
			check := &v1alpha1.TargetGroupsCheck{}
			if c.least > 0 {
				check.MinHealthyPercent = &c.least
			}
			v := verification.TargetGroups(check, c.groups, c.named)
			if v.Result != c.result || !strings.Contains(v.Message, c.says) || !strings.Contains(v.Measured, c.measured) {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestAlarms(t *testing.T) {
	quiet, loud := verification.Alarm{Name: "Quiet", State: "OK"}, verification.Alarm{Name: "Loud", State: "ALARM", Reason: "5.0 is above 1.0"}
	unknown := verification.Alarm{Name: "New", State: "INSUFFICIENT_DATA"}
	for name, c := range map[string]struct {
		all     []verification.Alarm
		missing []string
		result  v1alpha1.CheckResult
		says    string
	}{
		"none fires":                            {all: []verification.Alarm{quiet, unknown}, result: "Healthy"},
		"one fires":                             {all: []verification.Alarm{quiet, loud}, result: "Unhealthy", says: "the alarm Loud is in ALARM"},
		"several fire":                          {all: []verification.Alarm{loud, loud, loud}, result: "Unhealthy", says: "and 2 more are"},
		"one does not exist":                    {all: []verification.Alarm{quiet}, missing: []string{"Gone"}, result: "Unknown", says: "there is no alarm Gone"},
		"one fires, and another does not exist": {all: []verification.Alarm{loud}, missing: []string{"Gone"}, result: "Unhealthy", says: "Loud"},
		"there is none":                         {result: "Unknown", says: "the stack has no alarm"},
	} {
		t.Run(name, func(t *testing.T) {
			v := verification.Alarms(c.all, c.missing)
			if v.Result != c.result || !strings.Contains(v.Message, c.says) || strings.Contains(v.Message, "5.0") {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ends   time.Time
		result v1alpha1.CheckResult
	}{
		"thirty days are left":      {now.Add(30 * 24 * time.Hour), "Healthy"},
		"thirty days are not left":  {now.Add(30*24*time.Hour - time.Second), "Unhealthy"},
		"it has ended a moment ago": {now.Add(-time.Second), "Unhealthy"},
	} {
		t.Run(name, func(t *testing.T) {
			if v := verification.Certificate(&v1alpha1.CertificateCheck{}, "https://web", c.ends, now); v.Result != c.result {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestMistakesAreNamedWithTheCheck(t *testing.T) {
	for name, c := range map[string]struct {
		check v1alpha1.HTTPCheck
		says  string
	}{
		"an expression that does not compile": {v1alpha1.HTTPCheck{HealthyWhen: "body.status = 1"}, `http.healthyWhen of the check "site" cannot be used: line 1, column`},
		"an expression of another kind":       {v1alpha1.HTTPCheck{HealthyWhen: "size(body)"}, "a bool is needed"},
		"a factor that is no number":          {v1alpha1.HTTPCheck{DegradedAbove: "fast"}, `http.degradedAbove of the check "site" is no number above 1`},
		"a factor that is none":               {v1alpha1.HTTPCheck{DegradedAbove: "1"}, "is no number above 1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := verification.Validate([]v1alpha1.Check{{HTTP: &c.check}}, []string{"site"})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}
