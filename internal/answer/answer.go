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

// Expression is one that compiles, of a verdict or of a text. Several may use it at
// once.
type Expression struct {
	program *expr.Program
	// anyStatus says that it judges the status.
	anyStatus bool
}

// Parse compiles an expression that is true or false. An error names the place of
// the mistake.
func Parse(source string) (*Expression, error) { return known.compile(wanted{source: source}) }

// ParseText compiles an expression that gives a text.
func ParseText(source string) (*Expression, error) {
	return known.compile(wanted{source: source, text: true})
}

// maxKnown bounds how many expressions are remembered.
const maxKnown = 200

// known are expressions that were compiled: every pass over an object asks for
// its own again, and compiling one takes a millisecond or two.
var known = compiled{all: map[wanted]outcome{}}

type compiled struct {
	mu  sync.Mutex
	all map[wanted]outcome
}

// wanted is what is to be compiled.
type wanted struct {
	source string
	text   bool
}

// outcome is what came of compiling an expression.
type outcome struct {
	expression *Expression
	err        error
}

func (c *compiled) compile(w wanted) (*Expression, error) {
	c.mu.Lock()
	found, is := c.all[w]
	c.mu.Unlock()
	if is {
		return found.expression, found.err
	}
	found.expression, found.err = compile(w)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= maxKnown {
		clear(c.all)
	}
	c.all[w] = found
	return found.expression, found.err
}

func compile(w wanted) (*Expression, error) {
	env, err := withStatus()
	if err != nil {
		return nil, err
	}
	if w.text {
		program, err := env.String(w.source)
		if err != nil {
			return nil, err
		}
		return &Expression{program: program}, nil
	}
	program, err := env.Bool(w.source)
	if err != nil {
		return nil, err
	}
	plain, err := withoutStatus()
	if err != nil {
		return nil, err
	}
	_, err = plain.Bool(w.source)
	return &Expression{program: program, anyStatus: err != nil}, nil
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

// Text is what the expression makes of an answer: parts of it, in any length.
func (e *Expression) Text(ctx context.Context, a Answer) (string, error) {
	vars, _ := a.variables()
	return e.program.String(ctx, vars)
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
