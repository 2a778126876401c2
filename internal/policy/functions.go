package policy

import (
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"awscdk.dev/operator/internal/expr"
)

// Templates write one thing in several ways, and CloudFormation shows some
// values only when they are there. These functions take a value, or an optional
// one that may be absent, and never fail.
var functions = []expr.Function{
	// asList is a list as it is, a list of one for anything else, and an empty
	// one for what is absent.
	{Name: "asList", Args: 1, Call: func(args ...ref.Val) ref.Val {
		switch v := given(args[0]).(type) {
		case types.Null:
			return types.NewRefValList(types.DefaultTypeAdapter, nil)
		case traits.Lister:
			return v
		default:
			return types.NewRefValList(types.DefaultTypeAdapter, []ref.Val{v})
		}
	}},
	// asText is a text, a number or a boolean as text, and "" for what is absent,
	// not known or neither.
	{Name: "asText", Args: 1, Call: func(args ...ref.Val) ref.Val { return types.String(text(given(args[0]))) }},
	// asNumber is a number, or a text that is one, and the second argument for
	// what is absent, not known or neither.
	{Name: "asNumber", Args: 2, Call: func(args ...ref.Val) ref.Val {
		n, err := strconv.ParseFloat(text(given(args[0])), 64)
		if err != nil || n != n {
			return args[1]
		}
		return types.Double(n)
	}},
	// isTrue says whether a value is true, or the text true.
	{Name: "isTrue", Args: 1, Call: func(args ...ref.Val) ref.Val {
		return types.Bool(strings.EqualFold(text(given(args[0])), "true"))
	}},
	// known says whether a value is known before the execution: it is false for
	// an intrinsic function, a dynamic reference, and what CloudFormation says that
	// it does not know. What is inside of a value is not looked at.
	{Name: "known", Args: 1, Call: func(args ...ref.Val) ref.Val { return types.Bool(known(given(args[0]))) }},
}

// given takes a value out of an optional one, null for none.
func given(v ref.Val) ref.Val {
	if o, is := v.(*types.Optional); is {
		if !o.HasValue() {
			return types.NullValue
		}
		return o.GetValue()
	}
	return v
}

func text(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		if known(v) {
			return string(v)
		}
	case types.Bool:
		return strconv.FormatBool(bool(v))
	case types.Double:
		return strconv.FormatFloat(float64(v), 'f', -1, 64)
	case types.Int:
		return strconv.FormatInt(int64(v), 10)
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10)
	}
	return ""
}

// notKnown is what CloudFormation shows in the place of a value that only the
// execution brings, and of one that is read from Systems Manager or Secrets
// Manager then.
var notKnown = []string{"{{changeSet:KNOWN_AFTER_APPLY}}", "{{resolve:"}

// masked is what CloudFormation shows of a parameter that is a secret (NoEcho).
const masked = types.String("****")

func known(v ref.Val) bool {
	switch v := v.(type) {
	case types.String:
		if v == masked {
			return false
		}
		for _, mark := range notKnown {
			if strings.Contains(string(v), mark) {
				return false
			}
		}
	case traits.Mapper:
		if v.Size() != types.IntOne {
			return true
		}
		key, _ := v.Iterator().Next().(types.String)
		return !intrinsic(string(key))
	}
	return true
}

// intrinsic says whether the only key of a map makes it a function of templates.
func intrinsic(key string) bool {
	return key == "Ref" || key == "Condition" || strings.HasPrefix(key, "Fn::")
}
