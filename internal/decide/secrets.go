package decide

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// What stands in the place of a value that may be secret, and of a reference to
// a value that is kept elsewhere.
const (
	hiddenValue    = "(hidden)"
	referenceValue = "(kept elsewhere: a dynamic reference)"
)

// secretWords are in the names of what nobody but its user is to see. Some that
// are not secret are hidden, too: they are in the template, for whoever may read
// that.
var secretWords = regexp.MustCompile(`(?i)passw(or)?d|passphrase|secret|token|api.?key|private.?key|access.?key|credential|connection.?string|user.?data|auth.?(header|key)|\bdsn\b|_dsn$`)

func secretName(name string) bool { return secretWords.MatchString(name) }

// withoutSecrets is a value without what may be secret in it.
func withoutSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, child := range v {
			if secretName(name) || isValue(name) && secretName(nameBeside(v)) {
				out[name] = hiddenValue
				continue
			}
			out[name] = withoutSecrets(child)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutSecrets(v[i])
		}
		return out
	case string:
		return withoutSecretsText(v)
	}
	return v
}

// withoutSecretsText is a text, which may hold JSON, without what may be secret.
func withoutSecretsText(text string) string {
	if strings.Contains(text, "{{resolve:") {
		return referenceValue
	}
	var inner any
	if strings.ContainsAny(text, "{[") && json.Unmarshal([]byte(text), &inner) == nil {
		if _, plain := inner.(string); !plain {
			data, _ := json.Marshal(withoutSecrets(inner)) // it was decoded from JSON
			return string(data)
		}
	}
	return text
}

// isValue says whether a property is that of a pair of name and value, such as a
// variable of a container.
func isValue(name string) bool { return strings.EqualFold(name, "value") }

// nameBeside is the name in such a pair, "" when it is none.
func nameBeside(pair map[string]any) string {
	for _, property := range []string{"Name", "Key", "name", "key", "ParameterName", "ParameterKey"} {
		if name, ok := pair[property].(string); ok {
			return name
		}
	}
	return ""
}

// namedSecret says whether a path leads to the value of a pair whose name speaks
// of a secret.
func (c Change) namedSecret(segments []string) bool {
	if len(segments) < 3 || !isValue(segments[len(segments)-1]) {
		return false
	}
	for _, side := range []json.RawMessage{c.Before, c.After} {
		var at any
		_ = json.Unmarshal(side, &at) // a side that cannot be read names nothing
		for _, segment := range segments[1 : len(segments)-1] {
			at = child(at, segment)
		}
		if pair, ok := at.(map[string]any); ok && secretName(nameBeside(pair)) {
			return true
		}
	}
	return false
}

func child(v any, segment string) any {
	switch v := v.(type) {
	case map[string]any:
		return v[segment]
	case []any:
		if i, err := strconv.Atoi(segment); err == nil && i >= 0 && i < len(v) {
			return v[i]
		}
	}
	return nil
}
