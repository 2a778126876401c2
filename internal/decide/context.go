package decide

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// maxContext bounds the context of one stack, in bytes: beyond it the command
// line of the CDK CLI gets near the kernel's limit for one process.
const maxContext = 64 << 10

// ContextValue is one CDK context value, as `cdk -c name=value` gives it. Only
// Context makes them, so that they are fit for a command line.
type ContextValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// String is the value as a command line carries it.
func (v ContextValue) String() string { return v.Name + "=" + v.Value }

// Context reads spec.cdkContext in both documented shapes, "key=value" and
// {name, value}; the value of the second may be a string, a number or a
// boolean. Of several with one name the last wins. The error names the first
// entry that is of neither shape.
func Context(entries []apiextensionsv1.JSON) ([]ContextValue, error) {
	values := make([]ContextValue, 0, len(entries))
	size := 0
	for i, entry := range entries {
		value, ok := contextValue(entry.Raw)
		if !ok {
			return nil, fmt.Errorf(`spec.cdkContext[%d] must be a string "key=value" or an object {name, value}`, i)
		}
		size += len(value.Name) + len(value.Value)
		values = append(slices.DeleteFunc(values, func(v ContextValue) bool { return v.Name == value.Name }), value)
	}
	if size > maxContext {
		return nil, fmt.Errorf("spec.cdkContext is %d bytes long and may be %d: keep large values in a file of the project (cdk.json or one that the app reads)", size, maxContext)
	}
	return values, nil
}

// AddContext adds a value to those that Context gave; it wins over one of the
// same name. The error says what is wrong with it, without the value.
func AddContext(values []ContextValue, name, value string) ([]ContextValue, error) {
	if !plainName(name) || strings.ContainsRune(value, 0) {
		return nil, fmt.Errorf("the context value %s cannot be given to the app: its name must have no '=' and no line break, its value no zero byte", name)
	}
	values = append(slices.DeleteFunc(values, func(v ContextValue) bool { return v.Name == name }), ContextValue{Name: name, Value: value})
	size := 0
	for _, v := range values {
		size += len(v.Name) + len(v.Value)
	}
	if size > maxContext {
		return nil, fmt.Errorf("with the context value %s the context is %d bytes long and may be %d: keep large values elsewhere, and give the app their names", name, size, maxContext)
	}
	return values, nil
}

func contextValue(raw []byte) (v ContextValue, ok bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		name, value, found := strings.Cut(text, "=")
		return ContextValue{Name: name, Value: value}, found && plainName(name) && !strings.ContainsRune(value, 0)
	}
	var pair struct {
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(raw, &pair) != nil || !plainName(pair.Name) {
		return ContextValue{}, false
	}
	value, ok := scalar(pair.Value)
	return ContextValue{Name: pair.Name, Value: value}, ok && !strings.ContainsRune(value, 0)
}

// plainName refuses what `-c name=value` would misread.
func plainName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "=\x00\n")
}

// scalar gives a JSON string, number or boolean as the text that a command
// line would carry; ok is false for null, lists and objects.
func scalar(raw json.RawMessage) (text string, ok bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.ContainsRune([]byte("n[{"), rune(raw[0])) {
		return "", false
	}
	if json.Unmarshal(raw, &text) == nil {
		return text, true
	}
	return string(raw), true
}
