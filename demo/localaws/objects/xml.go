package objects

import (
	"bytes"
	"encoding/xml"
	"strings"

	"awscdk.dev/operator/demo/localaws/wire"
)

// element is an XML element read without a schema: a text, or children by
// name, each name with all its occurrences.
type element struct {
	text     string
	children map[string][]*element
}

// decodeXML reads the root element of body; what is not well-formed is empty.
func decodeXML(body []byte) *element {
	decoder, root := xml.NewDecoder(bytes.NewReader(body)), &element{}
	stack := []*element{root}
	for {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		top := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			child := &element{}
			if top.children == nil {
				top.children = map[string][]*element{}
			}
			top.children[t.Name.Local] = append(top.children[t.Name.Local], child)
			stack = append(stack, child)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(t)
		}
	}
	for _, child := range root.children {
		return child[0]
	}
	return root
}

// at returns the first child of that name, an empty element if there is none.
func (e *element) at(name string) *element {
	if list := e.children[name]; len(list) > 0 {
		return list[0]
	}
	return &element{}
}

func (e *element) each(name string) []*element { return e.children[name] }

func (e *element) has(name string) bool { return len(e.children[name]) > 0 }

// String returns the text of the first child of that name.
func (e *element) String(name string) string { return strings.TrimSpace(e.at(name).text) }

// copyTexts takes the named children of e into a map, under CloudFormation's names.
func (e *element) copyTexts(names map[string]string) map[string]any {
	out := map[string]any{}
	for from, to := range names {
		if e.has(from) {
			out[to] = e.String(from)
		}
	}
	return out
}

// pick takes the named properties into a map, under S3's names.
func pick(props wire.Params, names map[string]string) map[string]any {
	out := map[string]any{}
	for to, from := range names {
		if props.Has(from) {
			out[to] = props.String(from)
		}
	}
	return out
}
