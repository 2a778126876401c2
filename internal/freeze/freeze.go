// Package freeze says what the answer of an endpoint means for deployments:
// whether a plan may be executed.
package freeze

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/expr"
)

// What expressions may speak about, with and without the status. An expression
// that is at home in the second environment does not judge the status itself.
var (
	withStatus    = sync.OnceValues(func() (*expr.Env, error) { return expr.New("body", "headers", "status") })
	withoutStatus = sync.OnceValues(func() (*expr.Env, error) { return expr.New("body", "headers") })
)

// Check is a freeze whose expressions compile. Several may use it at once.
type Check struct {
	deployWhen *expr.Program
	// message gives a text, nil for none.
	message *expr.Program
	// anyStatus says that the expression judges the status.
	anyStatus bool
}

// Answer is what an endpoint said.
type Answer struct {
	Status int
	// Headers are by their names in small letters.
	Headers map[string]string
	Body    []byte
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
	check, err := known.compile(sources{f.HTTP.DeployWhen, f.HTTP.MessageExpression})
	if wrong, is := errors.AsType[*mistake](err); is {
		return nil, fmt.Errorf("http.%s of the freeze %q cannot be used: %w", wrong.field, f.Name, wrong.err)
	}
	return check, err
}

// sources are the expressions of a freeze.
type sources struct{ deployWhen, message string }

// mistake is what is wrong with one of them.
type mistake struct {
	field string
	err   error
}

func (m *mistake) Error() string { return m.field + ": " + m.err.Error() }

// maxKnown bounds how many expressions are remembered.
const maxKnown = 200

// known are expressions that were compiled: every pass over an object asks for
// its own again, and compiling one takes a millisecond or two.
var known = compiled{checks: map[sources]outcome{}}

type compiled struct {
	mu     sync.Mutex
	checks map[sources]outcome
}

// outcome is what came of compiling an expression.
type outcome struct {
	check *Check
	err   error
}

func (c *compiled) compile(s sources) (*Check, error) {
	c.mu.Lock()
	found, is := c.checks[s]
	c.mu.Unlock()
	if is {
		return found.check, found.err
	}
	found.check, found.err = compile(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.checks) >= maxKnown {
		clear(c.checks)
	}
	c.checks[s] = found
	return found.check, found.err
}

func compile(s sources) (*Check, error) {
	env, err := withStatus()
	if err != nil {
		return nil, err
	}
	check := &Check{}
	if check.deployWhen, err = env.Bool(s.deployWhen); err != nil {
		return nil, &mistake{"deployWhen", err}
	}
	plain, err := withoutStatus()
	if err != nil {
		return nil, err
	}
	_, err = plain.Bool(s.deployWhen)
	check.anyStatus = err != nil
	if s.message == "" {
		return check, nil
	}
	if check.message, err = env.String(s.message); err != nil {
		return nil, &mistake{"messageExpression", err}
	}
	return check, nil
}

// MayDeploy says whether a plan may be executed, by the answer of the endpoint.
// An answer that does not tell is an error.
func (c *Check) MayDeploy(ctx context.Context, a Answer) (bool, error) {
	if ok := a.Status >= 200 && a.Status < 300; !ok && !c.anyStatus {
		return false, fmt.Errorf("it answers %s", strings.TrimSpace(fmt.Sprint(a.Status, " ", http.StatusText(a.Status))))
	}
	vars, kind := a.variables()
	may, err := c.deployWhen.Bool(ctx, vars)
	if err != nil {
		return false, fmt.Errorf("deployWhen cannot be evaluated on its answer (%d, %s): %w", a.Status, kind, err)
	}
	return may, nil
}

// Message is what messageExpression makes of an answer that holds a plan, "" without
// one. It holds parts of the answer, in any length.
func (c *Check) Message(ctx context.Context, a Answer) string {
	if c.message == nil {
		return ""
	}
	vars, _ := a.variables()
	text, err := c.message.String(ctx, vars)
	if err != nil {
		return fmt.Sprintf("messageExpression cannot be evaluated: %v", err)
	}
	return text
}

// variables are what expressions speak about, and of what kind the body is.
func (a Answer) variables() (vars map[string]any, kind string) {
	kind = "JSON"
	var body any
	if err := json.Unmarshal(a.Body, &body); err != nil {
		body, kind = strings.ToValidUTF8(string(a.Body), "?"), "not JSON"
	}
	return map[string]any{"body": body, "headers": a.Headers, "status": a.Status}, kind
}
