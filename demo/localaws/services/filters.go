package services

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// facts say what a filter of a describe call may ask of a resource: each name
// has the values that the resource has for it.
type facts map[string][]string

// chosen lets through what all filters of the call let through. A filter that
// is not known here is refused: an answer without it would be wrong.
func chosen(call *wire.Call, filters []wire.Params, values func(name string) string, has facts) (bool, error) {
	for _, f := range filters {
		name := f.String("Name")
		have, known := has[name]
		if tag, ok := strings.CutPrefix(name, "tag:"); ok {
			known = true
			if v := values(tag); v != "" {
				have = []string{v}
			}
		}
		if !known {
			return false, notImplemented(call, "filter "+name)
		}
		if !slices.ContainsFunc(patterns(f), func(pattern string) bool { return anyLike(pattern, have) }) {
			return false, nil
		}
	}
	return true, nil
}

// patterns reads a filter's values, which EC2 calls Value and RDS Values.Value.
func patterns(f wire.Params) []string {
	if f.Has("Value") {
		return f.Strings("Value")
	}
	return append(f.Strings("Values"), f.Map("Values").Strings("Value")...)
}

// anyLike says whether the pattern, with * and ?, matches one of the values.
func anyLike(pattern string, values []string) bool {
	quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	expression, err := regexp.Compile("(?s)^" + quoted + "$")
	return err == nil && slices.ContainsFunc(values, expression.MatchString)
}

// notImplemented refuses a part of an action that is otherwise there.
func notImplemented(call *wire.Call, what string) error {
	return &wire.Error{
		Code: "NotImplemented", Status: http.StatusNotImplemented,
		Message: "the local AWS does not implement " + what + " of " + call.Service + ":" + call.Action,
	}
}

// onlyKnown refuses a call with a parameter that would be ignored.
func onlyKnown(call *wire.Call, names ...string) error {
	for name := range call.Params {
		if !slices.Contains(names, name) {
			return notImplemented(call, "parameter "+name)
		}
	}
	return nil
}

// wanted returns the resources of a type with the given IDs, all of them if
// none is given. The first that doesn't exist is refused in the service's words.
func wanted(c *cloud.Cloud, call *wire.Call, typ string, ids []string, code, format string) ([]cloud.Resource, error) {
	if len(ids) == 0 {
		return c.List(place(call), typ), nil
	}
	var out []cloud.Resource
	for _, id := range ids {
		r, ok := c.Get(place(call), typ, id)
		if !ok {
			return nil, wire.Errorf(code, format, id)
		}
		out = append(out, r)
	}
	return out, nil
}

// orElse is the property as text, or what AWS takes when it is not set.
func orElse(r cloud.Resource, property, otherwise string) string {
	return cmp.Or(r.Text(property), otherwise)
}
