package cfn

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"awscdk.dev/operator/demo/localaws/wire"
)

// same compares two values as CloudFormation does: 7 and "7", true and "true"
// are the same.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, other, same)
	case []any:
		other, ok := b.([]any)
		return ok && slices.EqualFunc(a, other, same)
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return wire.Text(a) == wire.Text(b)
}

// difference is one place where two trees of properties differ.
type difference struct {
	path   string // a JSON pointer
	before any    // nil: it was added
	after  any    // nil: it was removed
}

func (d difference) top() string {
	top, _, _ := strings.Cut(strings.TrimPrefix(d.path, "/"), "/")
	return top
}

// differences lists the deepest places where two values differ, by path. Lists
// of different lengths differ as a whole.
func differences(path string, before, after any) []difference {
	if same(before, after) {
		return nil
	}
	a, isMap := before.(map[string]any)
	b, alsoMap := after.(map[string]any)
	if isMap && alsoMap {
		return mapDifferences(path, a, b)
	}
	x, isList := before.([]any)
	y, alsoList := after.([]any)
	if isList && alsoList && len(x) == len(y) {
		var out []difference
		for i := range x {
			out = append(out, differences(path+"/"+strconv.Itoa(i), x[i], y[i])...)
		}
		return out
	}
	return []difference{{path, before, after}}
}

func mapDifferences(path string, a, b map[string]any) []difference {
	names := maps.Clone(a)
	maps.Copy(names, b)
	var out []difference
	for _, k := range slices.Sorted(maps.Keys(names)) {
		v, had := a[k]
		w, has := b[k]
		switch {
		case !had:
			out = append(out, difference{path + "/" + k, nil, w})
		case !has:
			out = append(out, difference{path + "/" + k, v, nil})
		default:
			out = append(out, differences(path+"/"+k, v, w)...)
		}
	}
	return out
}

func holdsUnknown(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, unknown)
	case []any:
		return slices.ContainsFunc(v, holdsUnknown)
	case map[string]any:
		for _, child := range v {
			if holdsUnknown(child) {
				return true
			}
		}
	}
	return false
}
