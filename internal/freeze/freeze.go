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
	message *answer.Text
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
	deployWhen, err := answer.Parse(f.HTTP.DeployWhen)
	if err != nil {
		return nil, fmt.Errorf("http.deployWhen of the freeze %q cannot be used: %w", f.Name, err)
	}
	if f.HTTP.MessageExpression == "" {
		return &Check{deployWhen: deployWhen}, nil
	}
	message, err := answer.ParseText(f.HTTP.MessageExpression)
	if err != nil {
		return nil, fmt.Errorf("http.messageExpression of the freeze %q cannot be used: %w", f.Name, err)
	}
	return &Check{deployWhen, message}, nil
}

// MayDeploy says whether a plan may be executed, by the answer of the endpoint.
// An answer that does not tell is an error.
func (c *Check) MayDeploy(ctx context.Context, a answer.Answer) (bool, error) {
	return c.deployWhen.Holds(ctx, "deployWhen", a)
}

// Message is what messageExpression makes of an answer that holds a plan, "" without
// one, or why it makes nothing. It holds parts of the answer, in any length.
func (c *Check) Message(ctx context.Context, a answer.Answer) string {
	if c.message == nil {
		return ""
	}
	text, err := c.message.Of(ctx, "messageExpression", a)
	if err != nil {
		return err.Error()
	}
	return text
}
