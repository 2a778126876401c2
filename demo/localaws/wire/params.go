package wire

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Params are a call's parameters: strings, numbers, booleans, lists and maps,
// the same whether they came as a form or as JSON.
type Params map[string]any

// String returns the named parameter as text, "" if it is absent.
func (p Params) String(name string) string { return Text(p[name]) }

// Has says whether the named parameter was sent.
func (p Params) Has(name string) bool { _, ok := p[name]; return ok }

// Bool returns the named parameter as a boolean, false if it is absent.
func (p Params) Bool(name string) bool { return strings.EqualFold(Text(p[name]), "true") }

// Int returns the named parameter as a number, or otherwise if it is absent or no number.
func (p Params) Int(name string, otherwise int) int {
	n, err := strconv.Atoi(Text(p[name]))
	if err != nil {
		return otherwise
	}
	return n
}

// List returns the named parameter as a list, nil if it is absent.
func (p Params) List(name string) []any {
	list, _ := p[name].([]any)
	return list
}

// Strings returns the named parameter as a list of texts.
func (p Params) Strings(name string) []string {
	var out []string
	for _, v := range p.List(name) {
		out = append(out, Text(v))
	}
	return out
}

// Maps returns the named parameter as a list of structures.
func (p Params) Maps(name string) []Params {
	var out []Params
	for _, v := range p.List(name) {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// Map returns the named parameter as a structure, empty if it is absent.
func (p Params) Map(name string) Params {
	m, _ := p[name].(map[string]any)
	return m
}

// Text writes a scalar as AWS would put it in a form.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	raw, _ := json.Marshal(v)
	return string(raw)
}

func decodeJSON(body []byte) Params {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	p := Params{}
	if err := decoder.Decode(&p); err != nil || p == nil {
		return Params{}
	}
	return p
}

// decodeForm folds "A.member.1.B=x" (and the flattened "A.1.B=x", and map
// entries "A.entry.1.key=k") into nested lists and maps.
func decodeForm(form url.Values) Params {
	root := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(form)) {
		if key == "Action" || key == "Version" {
			continue
		}
		put(root, strings.Split(key, "."), form.Get(key))
	}
	out := Params{}
	for k, v := range root {
		out[k] = fold(v)
	}
	return out
}

func put(node map[string]any, path []string, value string) {
	if len(path) == 1 {
		node[path[0]] = value
		return
	}
	child, ok := node[path[0]].(map[string]any)
	if !ok {
		child = map[string]any{}
		node[path[0]] = child
	}
	put(child, path[1:], value)
}

// fold turns maps keyed 1, 2, 3 … into lists, and drops "member" and "entry" levels.
func fold(v any) any {
	node, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for _, level := range []string{"member", "entry"} {
		if inner, ok := node[level].(map[string]any); ok && len(node) == 1 {
			return fold(inner)
		}
	}
	if list, ok := numbered(node); ok {
		return list
	}
	out := map[string]any{}
	for k, child := range node {
		out[k] = fold(child)
	}
	return out
}

func numbered(node map[string]any) ([]any, bool) {
	keys := make([]int, 0, len(node))
	for k := range node {
		n, err := strconv.Atoi(k)
		if err != nil {
			return nil, false
		}
		keys = append(keys, n)
	}
	slices.Sort(keys)
	list := make([]any, 0, len(keys))
	for _, k := range keys {
		list = append(list, fold(node[strconv.Itoa(k)]))
	}
	return list, len(list) > 0
}
