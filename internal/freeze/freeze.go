// Package freeze says what the answer of an endpoint means for deployments:
// whether a plan may be executed.
package freeze

import (
	"context"
	"encoding/json"
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

// Check is a freeze whose expression compiles. Several may use it at once.
type Check struct {
	deployWhen *expr.Program
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

// Parse compiles the expression of a freeze.
func Parse(f v1alpha1.Freeze) (*Check, error) {
	check, err := known.compile(f.HTTP.DeployWhen)
	if err != nil {
		return nil, fmt.Errorf("http.deployWhen of the freeze %q cannot be used: %w", f.Name, err)
	}
	return check, nil
}

// maxKnown bounds how many expressions are remembered.
const maxKnown = 200

// known are expressions that were compiled: every pass over an object asks for
// its own again, and compiling one takes a millisecond or two.
var known = compiled{checks: map[string]outcome{}}

type compiled struct {
	mu     sync.Mutex
	checks map[string]outcome
}

// outcome is what came of compiling an expression.
type outcome struct {
	check *Check
	err   error
}

func (c *compiled) compile(source string) (*Check, error) {
	c.mu.Lock()
	found, is := c.checks[source]
	c.mu.Unlock()
	if is {
		return found.check, found.err
	}
	found.check, found.err = compile(source)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.checks) >= maxKnown {
		clear(c.checks)
	}
	c.checks[source] = found
	return found.check, found.err
}

func compile(source string) (*Check, error) {
	env, err := withStatus()
	if err != nil {
		return nil, err
	}
	program, err := env.Bool(source)
	if err != nil {
		return nil, err
	}
	plain, err := withoutStatus()
	if err != nil {
		return nil, err
	}
	_, err = plain.Bool(source)
	return &Check{deployWhen: program, anyStatus: err != nil}, nil
}

// MayDeploy says whether a plan may be executed, by the answer of the endpoint.
// An answer that does not tell is an error.
func (c *Check) MayDeploy(ctx context.Context, a Answer) (bool, error) {
	if ok := a.Status >= 200 && a.Status < 300; !ok && !c.anyStatus {
		return false, fmt.Errorf("it answers %s", strings.TrimSpace(fmt.Sprint(a.Status, " ", http.StatusText(a.Status))))
	}
	kind := "JSON"
	var body any
	if err := json.Unmarshal(a.Body, &body); err != nil {
		body, kind = strings.ToValidUTF8(string(a.Body), "?"), "not JSON"
	}
	may, err := c.deployWhen.Bool(ctx, map[string]any{"body": body, "headers": a.Headers, "status": a.Status})
	if err != nil {
		return false, fmt.Errorf("deployWhen cannot be evaluated on its answer (%d, %s): %w", a.Status, kind, err)
	}
	return may, nil
}
