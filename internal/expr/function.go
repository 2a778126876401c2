package expr

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
)

// Function is a function that expressions may call, with arguments of any type.
// Its cost counts as that of one step, so it must look at no more than the first
// layer of what it is given.
type Function struct {
	Name string
	Args int
	Call func(args ...ref.Val) ref.Val
}

func (f Function) option() cel.EnvOption {
	args := make([]*cel.Type, f.Args)
	for i := range args {
		args[i] = cel.DynType
	}
	return cel.Function(f.Name, cel.Overload(f.Name, args, cel.DynType, cel.FunctionBinding(f.Call)))
}
