// Package freeze says what the answer of an endpoint means for deployments:
// whether a plan may be executed.
package freeze

import (
	"context"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/answer"
)

// Check is a freeze whose expressions compile. Several may use it at once.
type Check struct {
	deployWhen *answer.Expression
	// message gives a text, nil for none.
	message *answer.Expression
}

// Validate compiles the expressions of spec.freeze. An error names the freeze
// and the place of the mistake.
func Validate(all []v1alpha1.Freeze) error {
	for _, f := range all {
		if _, err := Parse(f); err != nil {
			return err
		}
	}
	return nil
}

// Parse compiles the expressions of a freeze.
func Parse(f v1alpha1.Freeze) (*Check, error) {
	check := &Check{}
	var err error
	if check.deployWhen, err = answer.Parse(f.HTTP.DeployWhen); err != nil {
		return nil, fmt.Errorf("http.deployWhen of the freeze %q cannot be used: %w", f.Name, err)
	}
	if f.HTTP.MessageExpression == "" {
		return check, nil
	}
	if check.message, err = answer.ParseText(f.HTTP.MessageExpression); err != nil {
		return nil, fmt.Errorf("http.messageExpression of the freeze %q cannot be used: %w", f.Name, err)
	}
	return check, nil
}

// MayDeploy says whether a plan may be executed, by the answer of the endpoint.
// An answer that does not tell is an error.
func (c *Check) MayDeploy(ctx context.Context, a answer.Answer) (bool, error) {
	return c.deployWhen.Holds(ctx, "deployWhen", a)
}

// Message is what messageExpression makes of an answer that holds a plan, "" without
// one. It holds parts of the answer, in any length.
func (c *Check) Message(ctx context.Context, a answer.Answer) string {
	if c.message == nil {
		return ""
	}
	text, err := c.message.Text(ctx, a)
	if err != nil {
		return fmt.Sprintf("messageExpression cannot be evaluated: %v", err)
	}
	return text
}
