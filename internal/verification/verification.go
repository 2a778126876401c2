// Package verification says what the answers of the checks of spec.verification
// mean: whether what was asked is healthy. It asks nobody: facts are passed in.
package verification

import (
	"errors"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/answer"
)

// Verdict is what an answer means.
type Verdict struct {
	Result v1alpha1.CheckResult
	// Message says what is wrong. It has no figure in it that is another each time.
	Message string
	// Measured tells people the figures.
	Measured string
	Latency  *v1alpha1.Latency
}

func healthy(measured string, args ...any) Verdict {
	return Verdict{Result: v1alpha1.CheckHealthy, Measured: fmt.Sprintf(measured, args...)}
}

func unhealthy(measured, message string) Verdict {
	return Verdict{Result: v1alpha1.CheckUnhealthy, Measured: measured, Message: message}
}

// Unknown is what it means that nobody could be asked.
func Unknown(err error) Verdict {
	return Verdict{Result: v1alpha1.CheckUnknown, Message: err.Error()}
}

// Validate says what is wrong with checks that the schema cannot refuse. An
// error names the check, names being theirs, and the place of the mistake.
func Validate(checks []v1alpha1.Check, names []string) error {
	for i, c := range checks {
		if c.HTTP == nil {
			continue
		}
		if _, err := healthyWhen(c.HTTP); err != nil {
			return fmt.Errorf("http.healthyWhen of the check %q cannot be used: %w", names[i], err)
		}
		if c.HTTP.DegradedAbove != "" {
			if _, err := factor(c.HTTP); err != nil {
				return fmt.Errorf("http.degradedAbove of the check %q is no number above 1, such as \"1.5\"", names[i])
			}
		}
	}
	return nil
}

// healthyWhen compiles the expression of an http check, nil if it has none.
func healthyWhen(c *v1alpha1.HTTPCheck) (*answer.Expression, error) {
	if c.HealthyWhen == "" {
		return nil, nil
	}
	return answer.Parse(c.HealthyWhen)
}

var errFactor = errors.New("no factor")
