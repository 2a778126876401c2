package decide_test

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/verification"
)

// checks is what spec.verification asks: each question once, with an answer a
// second later, whose figures are others each time.
type checks struct {
	result v1alpha1.CheckResult
	// message is what is wrong; with flaps it is another each time.
	message string
	flaps   bool

	answers  int
	question decide.NeededCheck
	began    time.Time // of the question in flight
	seen     decide.Checkup
}

func (c *checks) checking() (at time.Time, asking bool) {
	return c.began.Add(time.Second), !c.began.IsZero()
}

// answer is what is known now.
func (c *checks) answer(needed []decide.NeededCheck, now time.Time) map[string]decide.Checkup {
	if len(needed) == 0 {
		c.began, c.question = time.Time{}, decide.NeededCheck{}
		return nil
	}
	if at, asking := c.checking(); asking && !now.Before(at) {
		c.answers++
		v := verification.Verdict{Result: c.result, Message: c.message, Measured: fmt.Sprint(c.answers, " ms"), Latency: &v1alpha1.Latency{P50MS: int64(c.answers), P95MS: 2 * int64(c.answers)}}
		if v.Result == "" {
			v.Result = v1alpha1.CheckHealthy
		}
		if c.flaps {
			v.Message += fmt.Sprint(c.answers)
		}
		c.seen = decide.Checkup{Known: true, Operation: c.question.Operation, At: c.began, Verdict: v}.After(c.seen)
		c.began = time.Time{}
	}
	if needed[0] != c.question {
		c.question, c.began = needed[0], now
	}
	if !c.began.IsZero() {
		return nil
	}
	return map[string]decide.Checkup{needed[0].Name: c.seen}
}

// checkedEvery asks a URL of deployments, and every five minutes afterwards.
func checkedEvery(s *v1alpha1.CdkTsStackSpec) {
	s.Verification = []v1alpha1.Check{{Name: "site", HTTP: &v1alpha1.HTTPCheck{URL: "https://web.example"}, Every: &metav1.Duration{Duration: 5 * time.Minute}}}
}

// quietFor has alarms be quiet for a while.
func quietFor(d time.Duration) func(*v1alpha1.CdkTsStackSpec) {
	return func(s *v1alpha1.CdkTsStackSpec) {
		s.Verification = []v1alpha1.Check{{Alarms: &v1alpha1.AlarmsCheck{QuietFor: &metav1.Duration{Duration: d}}, Interval: &metav1.Duration{Duration: 30 * time.Second}}}
	}
}

// patient has a check tried for long.
func patient(s *v1alpha1.CdkTsStackSpec) {
	checkedEvery(s)
	s.Verification[0].Retries, s.Verification[0].Interval = ptr.To[int32](100), &metav1.Duration{Duration: time.Minute}
}

func says(result v1alpha1.CheckResult, message string) func(*hour) {
	return func(h *hour) { h.checks.result, h.checks.message = result, message }
}
