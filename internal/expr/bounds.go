package expr

import (
	"fmt"
	"regexp/syntax"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// CEL counts what a call has cost when it has returned, and looks at the time
// between calls. Some functions do much work, or make a large value, in one call:
// what they would cost is bounded before.
const (
	// maxText bounds a text that one call makes, in bytes.
	maxText = 8 << 20
	// maxElements bounds what one call goes through, in elements of lists and maps.
	maxElements = 1 << 20
	// maxPairs bounds how often two elements are compared in one call.
	maxPairs = 4 << 20
	// maxSteps bounds a match: characters by instructions of the expression.
	maxSteps = 16 << 20
	// shortText is matched whatever the expression is, in bytes.
	shortText = 1 << 10
)

// dear says of functions whether a call with these arguments costs too much.
var dear = map[string]func(args []ref.Val) bool{
	"replace":       func(args []ref.Val) bool { return replaced(args) > maxText },
	"join":          func(args []ref.Val) bool { return joined(args) > maxText },
	"format":        func(args []ref.Val) bool { return beyond(args[1:], maxElements, maxText) },
	"matches":       slowMatch,
	"distinct":      func(args []ref.Val) bool { return sizeOf(args[0])*sizeOf(args[0])/2 > maxPairs || unequal(args) },
	"sets.contains": crossed, "sets.equivalent": crossed, "sets.intersects": crossed,
	"sort": walked, "@sortByAssociatedKeys": walked, "reverse": walked, "flatten": walked, "slice": walked,
	"_==_": unequal, "_!=_": unequal, "@in": unequal,
}

// bounds has each call of these functions judged before it is made.
func bounds(env *cel.Env) (*cel.Env, error) { return cel.Lib(library{env})(env) }

// library is of an environment whose functions it bounds.
type library struct{ env *cel.Env }

// CompileOptions implements cel.Library.
func (library) CompileOptions() []cel.EnvOption { return nil }

// ProgramOptions implements cel.Library.
func (l library) ProgramOptions() []cel.ProgramOption {
	return []cel.ProgramOption{cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		call, is := i.(interpreter.InterpretableCall)
		if !is || dear[call.Function()] == nil {
			return i, nil
		}
		return l.bounded(call)
	})}
}

// bounded is a call that is made only when it does not cost too much.
func (l library) bounded(call interpreter.InterpretableCall) (interpreter.InterpretableV2, error) {
	name := call.Function()
	implemented, err := l.implementation(name)
	if err != nil {
		return nil, err
	}
	args := slices.Clone(call.Args())
	if name == "matches" && len(args) == 2 {
		if err := wrongPattern(args[1]); err != nil {
			return nil, err
		}
		args[1] = hidden{args[1]}
	}
	return interpreter.NewCall(call.ID(), name, call.OverloadID(), args, func(values ...ref.Val) ref.Val {
		if dear[name](values) {
			return types.NewErr("cost limit exceeded by %s", name)
		}
		return implemented(values...)
	}), nil
}

// implementation is what a function does, whatever its arguments are.
func (l library) implementation(name string) (functions.FunctionOp, error) {
	switch name {
	case operators.Equals:
		return func(values ...ref.Val) ref.Val { return types.Equal(values[0], values[1]) }, nil
	case operators.NotEquals:
		return func(values ...ref.Val) ref.Val { return types.Bool(types.Equal(values[0], values[1]) != types.True) }, nil
	}
	all, err := l.env.Functions()[name].Bindings()
	i := slices.IndexFunc(all, func(o *functions.Overload) bool { return o.Operator == name })
	if err != nil || i < 0 {
		return nil, fmt.Errorf("%s is not known: %w", name, err)
	}
	return func(values ...ref.Val) ref.Val {
		switch of := all[i]; {
		case of.OperandTrait != 0 && !values[0].Type().HasTrait(of.OperandTrait):
		case len(values) == 1 && of.Unary != nil:
			return of.Unary(values[0])
		case len(values) == 2 && of.Binary != nil:
			return of.Binary(values[0], values[1])
		case of.Function != nil:
			return of.Function(values...)
		}
		return types.NoSuchOverloadErr()
	}, nil
}

// wrongPattern says what is wrong with a regular expression that is known before
// it is used.
func wrongPattern(arg interpreter.InterpretableV2) error {
	known, is := arg.(interpreter.InterpretableConst)
	if !is {
		return nil
	}
	text, is := known.Value().(types.String)
	if !is {
		return nil
	}
	_, err := syntax.Parse(string(text), syntax.Perl)
	return err
}

// hidden is a constant that is not known to be one: a call with a constant
// pattern would be replaced by another that is not bounded.
type hidden struct{ interpreter.InterpretableV2 }

// sizeOf is how many elements or bytes a value has itself, 1 for what has none.
func sizeOf(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	case traits.Sizer:
		if n, is := v.Size().(types.Int); is {
			return int(n)
		}
	}
	return 1
}

// replaced is how long a text is at most when it is replaced in.
func replaced(args []ref.Val) int {
	if len(args) < 3 {
		return 0
	}
	text, old, with := sizeOf(args[0]), sizeOf(args[1]), sizeOf(args[2])
	return text + (text/max(old, 1)+1)*with
}

// joined is how long the elements of a list are together, with what is put
// between them.
func joined(args []ref.Val) int {
	between := 0
	if len(args) > 1 {
		between = sizeOf(args[1])
	}
	list, is := args[0].(traits.Lister)
	if !is {
		return 0
	}
	total := sizeOf(list) * between
	for it := list.Iterator(); it.HasNext() == types.True && total <= maxText; {
		total += sizeOf(it.Next())
	}
	return total
}

func walked(args []ref.Val) bool { return beyond(args[:1], maxElements, maxText) }

func crossed(args []ref.Val) bool {
	return sizeOf(args[0])*sizeOf(args[1]) > maxPairs || unequal(args)
}

// unequal says whether it costs too much to compare values.
func unequal(args []ref.Val) bool { return beyond(args, maxElements, maxText) }

// beyond says whether values have more elements, or longer texts, all that is in
// them taken together.
func beyond(values []ref.Val, elements, bytes int) bool {
	for _, v := range values {
		if measure(v, &elements, &bytes) {
			return true
		}
	}
	return false
}

// measure takes what a value has from what is left, and says whether that is not
// enough.
func measure(v ref.Val, elements, bytes *int) bool {
	*elements--
	switch v := v.(type) {
	case types.String, types.Bytes:
		*bytes -= sizeOf(v)
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			if measure(key, elements, bytes) || measure(v.Get(key), elements, bytes) {
				return true
			}
		}
	case traits.Lister:
		if sizeOf(v) > *elements {
			return true
		}
		for it := v.Iterator(); it.HasNext() == types.True; {
			if measure(it.Next(), elements, bytes) {
				return true
			}
		}
	}
	return *elements < 0 || *bytes < 0
}

// slowMatch says whether a regular expression is too large for a text: each
// character may meet each of its instructions.
func slowMatch(args []ref.Val) bool {
	text, pattern := sizeOf(args[0]), args[1]
	source, is := pattern.(types.String)
	if text <= shortText || !is {
		return false
	}
	parsed, err := syntax.Parse(string(source), syntax.Perl)
	if err != nil {
		return false // the call says so
	}
	program, err := syntax.Compile(parsed.Simplify())
	return err == nil && len(program.Inst)*text > maxSteps
}
