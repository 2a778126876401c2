// Package expr evaluates expressions of users in CEL
// (https://github.com/google/cel-spec), bounded in size, cost and time. It
// knows nothing of what the expressions are about.
package expr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
)

const (
	// MaxSource bounds an expression, in bytes.
	MaxSource = 8 << 10
	// maxCost bounds an evaluation, in CEL's own units: about one for each
	// step and each ten characters that are looked at. The API server allows
	// ten million for all rules of an object; a walk through a template of 500
	// resources costs some hundred thousand.
	maxCost = 10_000_000
	// maxTime bounds an evaluation, for what the cost does not tell.
	maxTime = time.Second
	// checkEvery is after how many rounds of a loop the time is looked at.
	checkEvery = 100
)

// ErrCost is that an expression costs too much to be evaluated.
var ErrCost = errors.New("the expression costs too much: make its loops smaller")

// ErrTime is an ErrCost that the clock told, so that another time may differ.
var ErrTime = fmt.Errorf("%w (it took too long)", ErrCost)

// Budget is what several evaluations may cost together, in the units of CEL. It
// is not safe for concurrent use.
type Budget struct {
	left uint64
}

// NewBudget makes a budget.
func NewBudget(cost uint64) *Budget { return &Budget{cost} }

type budgetKey struct{}

// Within has the evaluations under a context share a budget: once it is spent,
// each of them is ErrCost.
func Within(ctx context.Context, b *Budget) context.Context {
	return context.WithValue(ctx, budgetKey{}, b)
}

// take takes from the budget of a context what an evaluation cost.
func (b *Budget) take(cost *uint64) {
	if b != nil && cost != nil {
		b.left -= min(b.left, *cost)
	}
}

// Env is what expressions may speak about.
type Env struct {
	env     *cel.Env
	maxCost uint64
	maxTime time.Duration
}

// New makes an environment with variables of those names, each of any type,
// beside CEL's own macros and the extensions for bindings, strings, lists, sets,
// math, encoding, regular expressions and two-variable comprehensions.
func New(variables ...string) (*Env, error) { return NewWith(Options{}, variables...) }

// Options are what may be special about an environment.
type Options struct {
	// Functions are some of one's own.
	Functions []Function
	// MaxCost bounds an evaluation, in the units of CEL; 0 for ten million.
	MaxCost uint64
	// MaxTime bounds it in time; 0 for a second.
	MaxTime time.Duration
}

// NewWith is New with options.
func NewWith(o Options, variables ...string) (*Env, error) {
	options := []cel.EnvOption{
		cel.OptionalTypes(), ext.Bindings(), ext.Strings(), ext.Lists(), ext.Sets(), ext.Math(), ext.Encoders(), ext.TwoVarComprehensions(),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.ParserExpressionSizeLimit(MaxSource),
		bounds,
	}
	for _, name := range variables {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	for _, f := range o.Functions {
		options = append(options, f.option())
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("make the environment of expressions: %w", err)
	}
	return &Env{env, cmp.Or(o.MaxCost, maxCost), cmp.Or(o.MaxTime, maxTime)}, nil
}

// Program is an expression that compiles. It may be used by several at once.
type Program struct {
	program cel.Program
	maxTime time.Duration
}

// Bool compiles an expression that says yes or no.
func (e *Env) Bool(source string) (*Program, error) { return e.compile(source, cel.BoolType) }

// String compiles an expression that gives a text.
func (e *Env) String(source string) (*Program, error) { return e.compile(source, cel.StringType) }

// List compiles an expression that gives a list.
func (e *Env) List(source string) (*Program, error) {
	return e.compile(source, cel.ListType(cel.DynType))
}

func (e *Env) compile(source string, want *cel.Type) (*Program, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("the expression has %d bytes, and at most %d are taken", len(source), MaxSource)
	}
	ast, issues := e.env.Compile(source)
	if issues.Err() != nil {
		return nil, compileError(issues)
	}
	if got := ast.OutputType(); !got.IsExactType(cel.DynType) && got.Kind() != want.Kind() {
		return nil, fmt.Errorf("the expression gives a %s, and a %s is needed", got, want)
	}
	program, err := e.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(e.maxCost), cel.InterruptCheckFrequency(checkEvery))
	if err != nil {
		return nil, fmt.Errorf("the expression cannot be used: %w", err)
	}
	return &Program{program, e.maxTime}, nil
}

// compileError names each mistake with its place, without the drawing of it.
func compileError(issues *cel.Issues) error {
	var all []string
	for _, e := range issues.Errors() {
		all = append(all, fmt.Sprintf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, e.Message))
	}
	slices.Sort(all)
	return errors.New(strings.Join(slices.Compact(all), "; "))
}

// Bool evaluates an expression that says yes or no.
func (p *Program) Bool(ctx context.Context, vars map[string]any) (bool, error) {
	return eval[bool](ctx, p, vars)
}

// String evaluates an expression that gives a text.
func (p *Program) String(ctx context.Context, vars map[string]any) (string, error) {
	return eval[string](ctx, p, vars)
}

// List evaluates an expression that gives a list.
func (p *Program) List(ctx context.Context, vars map[string]any) ([]any, error) {
	return eval[[]any](ctx, p, vars)
}

func eval[T any](ctx context.Context, p *Program, vars map[string]any) (result T, err error) {
	budget, _ := ctx.Value(budgetKey{}).(*Budget)
	if budget != nil && budget.left == 0 {
		return result, ErrCost
	}
	ctx, cancel := context.WithTimeout(ctx, p.maxTime)
	defer cancel()
	value, details, err := p.program.ContextEval(ctx, vars)
	budget.take(details.ActualCost())
	switch {
	case err != nil && strings.Contains(err.Error(), "cost limit exceeded"):
		return result, ErrCost
	case err != nil && ctx.Err() != nil:
		return result, ErrTime
	case err != nil:
		return result, err
	}
	native, err := value.ConvertToNative(reflect.TypeFor[T]())
	if err != nil {
		return result, fmt.Errorf("the expression gave a %s, and a %s is needed", value.Type().TypeName(), kindOf[T]())
	}
	return native.(T), nil
}

// kindOf is what CEL calls a type.
func kindOf[T any]() string {
	switch any(*new(T)).(type) {
	case bool:
		return types.BoolType.TypeName()
	case string:
		return types.StringType.TypeName()
	}
	return types.ListType.TypeName()
}
