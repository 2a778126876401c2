package cfn

import (
	"encoding/json"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/wire"
)

// hidden is what AWS shows in the place of the value of a NoEcho parameter.
// Like AWS, it shows such values in Metadata.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
const hidden = "****"

// side is one side of a resource's change, as a change set shows it.
type side struct {
	props             map[string]any
	metadata          any
	deletion, replace string
}

// shown is how a change set shows a resource of this configuration.
func (c Config) shown(d *Definition, props map[string]any) *side {
	s := &side{props: props, metadata: d.Metadata, deletion: d.DeletionPolicy, replace: d.UpdateReplacePolicy}
	if secret := c.noEcho(); len(secret) > 0 {
		s.props, _ = masked(anyMap(d.Properties), props, secret).(map[string]any)
	}
	return s
}

// noEcho names the parameters whose values are not shown.
func (c Config) noEcho() []string {
	var out []string
	if c.Template == nil {
		return nil
	}
	for name, definition := range c.Template.Parameters {
		if m, _ := definition.(map[string]any); wire.Params(m).Bool("NoEcho") {
			out = append(out, name)
		}
	}
	return out
}

// masked is a value without what its expression takes from secret parameters.
func masked(expression, value any, secret []string) any {
	if !slices.ContainsFunc(references(expression), func(name string) bool { return slices.Contains(secret, name) }) {
		return value
	}
	switch e := expression.(type) {
	case map[string]any:
		v, ok := value.(map[string]any)
		if _, _, computed := intrinsic(e); computed || !ok {
			return hidden
		}
		out := map[string]any{}
		for k, child := range v {
			out[k] = masked(e[k], child, secret)
		}
		return out
	case []any:
		v, ok := value.([]any)
		if !ok || len(v) != len(e) {
			return hidden
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = masked(e[i], v[i], secret)
		}
		return out
	}
	return hidden
}

// mask is a value at a path, hidden if it is so here.
func (s *side) mask(path string, value any) any {
	if value == nil {
		return nil
	}
	var at any = s.props
	for _, name := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		if at == hidden {
			break
		}
		switch v := at.(type) {
		case map[string]any:
			at = v[name]
		default:
			return value
		}
	}
	if at == hidden {
		return hidden
	}
	return value
}

// text writes it as the JSON text that a change set shows.
func (s *side) text() any {
	if s == nil {
		return nil
	}
	all := map[string]any{}
	if len(s.props) > 0 {
		all["Properties"] = s.props
	}
	if s.metadata != nil {
		all["Metadata"] = s.metadata
	}
	if s.deletion != "" {
		all["DeletionPolicy"] = s.deletion
	}
	if s.replace != "" {
		all["UpdateReplacePolicy"] = s.replace
	}
	raw, _ := json.Marshal(all)
	return string(raw)
}
