// Package answer says what the answer of an endpoint means, by an expression of
// the user in CEL about its status, headers and body.
package answer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"awscdk.dev/operator/internal/expr"
)

// What expressions may speak about, with and without the status. An expression
// that is at home in the second environment does not judge the status itself.
var (
	withStatus    = sync.OnceValues(func() (*expr.Env, error) { return expr.New("body", "headers", "status") })
	withoutStatus = sync.OnceValues(func() (*expr.Env, error) { return expr.New("body", "headers") })
)

// Answer is what an endpoint said.
type Answer struct {
	Status int
	// Headers are by their names in small letters.
	Headers map[string]string
	Body    []byte
}

// Expression is one that compiles. Several may use it at once.
type Expression struct {
	program *expr.Program
	// anyStatus says that it judges the status.
	anyStatus bool
}

// Text is an expression that gives a text. Several may use it at once.
type Text struct{ program *expr.Program }

// Parse compiles an expression. An error names the place of the mistake.
func Parse(source string) (*Expression, error) { return known.compile(source) }

// ParseText compiles an expression that gives a text.
func ParseText(source string) (*Text, error) { return knownTexts.compile(source) }

// maxKnown bounds how many expressions are remembered.
const maxKnown = 200

// known are expressions that were compiled: every pass over an object asks for
// its own again, and compiling one takes a millisecond or two.
var (
	known      = compiled[*Expression]{compiler: compile, all: map[string]outcome[*Expression]{}}
	knownTexts = compiled[*Text]{compiler: compileText, all: map[string]outcome[*Text]{}}
)

type compiled[T any] struct {
	compiler func(source string) (T, error)

	mu  sync.Mutex
	all map[string]outcome[T]
}

// outcome is what came of compiling an expression.
type outcome[T any] struct {
	expression T
	err        error
}

func (c *compiled[T]) compile(source string) (T, error) {
	c.mu.Lock()
	found, is := c.all[source]
	c.mu.Unlock()
	if is {
		return found.expression, found.err
	}
	found.expression, found.err = c.compiler(source)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= maxKnown {
		clear(c.all)
	}
	c.all[source] = found
	return found.expression, found.err
}

func compile(source string) (*Expression, error) {
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
	return &Expression{program: program, anyStatus: err != nil}, nil
}

func compileText(source string) (*Text, error) {
	env, err := withStatus()
	if err != nil {
		return nil, err
	}
	program, err := env.String(source)
	return &Text{program}, err
}

// JudgesStatus says whether the expression speaks about the status, so that an
// answer of any status is for it to judge.
func (e *Expression) JudgesStatus() bool { return e.anyStatus }

// Holds says whether the expression is true of an answer. An answer that does
// not tell is an error, which has the name of the expression in it: one of
// expr.ErrCost when it costs too much.
func (e *Expression) Holds(ctx context.Context, name string, a Answer) (bool, error) {
	if ok := a.Status >= 200 && a.Status < 300; !ok && !e.anyStatus {
		return false, fmt.Errorf("it answers %s", StatusText(a.Status))
	}
	vars, kind := a.variables()
	holds, err := e.program.Bool(ctx, vars)
	if err != nil {
		return false, fmt.Errorf("%s cannot be evaluated on its answer (%d, %s): %w", name, a.Status, kind, err)
	}
	return holds, nil
}

// Of is the text of an answer, which may hold parts of that, in any length. An
// answer that it cannot be made of is an error, which has the name of the
// expression in it.
func (t *Text) Of(ctx context.Context, name string, a Answer) (string, error) {
	vars, _ := a.variables()
	text, err := t.program.String(ctx, vars)
	if err != nil {
		return "", fmt.Errorf("%s cannot be evaluated: %w", name, err)
	}
	return text, nil
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

// StatusText is a status with its name, such as 404 Not Found.
func StatusText(status int) string {
	return strings.TrimSpace(fmt.Sprint(status, " ", http.StatusText(status)))
}
