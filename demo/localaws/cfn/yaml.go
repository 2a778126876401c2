package cfn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decode reads a template body, JSON or YAML with short-form intrinsics, into
// plain maps, lists, strings, booleans and numbers. Dates stay text.
func decode(body string) (map[string]any, error) {
	if strings.HasPrefix(strings.TrimSpace(body), "{") {
		return decodeJSON(body)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(body), &doc); err != nil {
		return nil, awsErrorf("YAML not well-formed. (%s)", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil, awsErrorf("unsupported structure.")
	}
	v, err := plain(doc.Content[0], 0)
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, awsErrorf("unsupported structure.")
	}
	return root, nil
}

func decodeJSON(body string) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewBufferString(body))
	decoder.UseNumber()
	root := map[string]any{}
	if err := decoder.Decode(&root); err != nil {
		return nil, awsErrorf("JSON not well-formed. (%s)", err)
	}
	return root, nil
}

// maxDepth bounds the nesting of a template and of alias expansion.
const maxDepth = 100

func plain(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("template nested too deeply")
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return shortForm(n, depth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias, depth+1)
	case yaml.MappingNode:
		return mapping(n, depth)
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, child := range n.Content {
			v, err := plain(child, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	return scalar(n), nil
}

func mapping(n *yaml.Node, depth int) (any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, err := plain(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		out[n.Content[i].Value] = v
	}
	return out, nil
}

func scalar(n *yaml.Node) any {
	switch n.Tag {
	case "!!bool":
		b, err := strconv.ParseBool(strings.ToLower(n.Value))
		if err == nil {
			return b
		}
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
	case "!!null":
		return nil
	}
	return n.Value
}

// shortForm turns !Sub x into {"Fn::Sub": x}, and !GetAtt A.B into a list.
func shortForm(n *yaml.Node, depth int) (any, error) {
	name := strings.TrimPrefix(n.Tag, "!")
	bare := *n
	bare.Tag = ""
	if n.Kind == yaml.ScalarNode {
		bare.Tag = "!!str"
	}
	v, err := plain(&bare, depth+1)
	if err != nil {
		return nil, err
	}
	switch name {
	case "Ref", "Condition":
		return map[string]any{name: v}, nil
	case "GetAtt":
		if s, ok := v.(string); ok {
			logical, attribute, _ := strings.Cut(s, ".")
			v = []any{logical, attribute}
		}
	}
	return map[string]any{"Fn::" + name: v}, nil
}
