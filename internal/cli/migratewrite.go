package cli

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/admission"

	"go.yaml.in/yaml/v3"
)

// addition is a field of the spec that can be written beside what is there. It
// lets nothing through that was not let through before.
type addition struct {
	field string
	lines []string
}

// writeAdditions prints the manifests with what can be added safely. What is
// there stays as it is, letter by letter. One that cannot be added to is printed
// as it is, and that is said.
func (o *Options) writeAdditions(all []*checked) error {
	for i, c := range all {
		if i > 0 && c.listed && slices.ContainsFunc(all[:i], func(b *checked) bool { return &b.document[0] == &c.document[0] }) {
			continue // printed with the first item of its List
		}
		text, err := c.withAdditions()
		if err != nil {
			_, _ = fmt.Fprintf(o.Streams.ErrOut, "! %s:%d: nothing was added to it: %s\n", printable(c.file), c.line, printable(err.Error()))
			text = c.document
		}
		if len(text) == 0 {
			continue
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if text[len(text)-1] != '\n' {
			text = append(text, '\n')
		}
		if _, err := o.Streams.Out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// withAdditions is the text of the object's document with what is added, and an
// error when that is not exactly what was to be added.
func (c *checked) withAdditions() ([]byte, error) {
	if len(c.additions) == 0 || c.broken != nil {
		return c.document, nil
	}
	if c.listed {
		return nil, fmt.Errorf("it is an item of a List: write it as an object of its own")
	}
	key, spec := field(c.node, "spec")
	if spec == nil || spec.Kind != yaml.MappingNode || spec.Style&yaml.FlowStyle != 0 || len(spec.Content) == 0 {
		return nil, errNotBlock
	}
	first := spec.Content[0]
	end := "\n"
	if bytes.Contains(c.document, []byte("\r\n")) {
		end = "\r\n"
	}
	rows := bytes.SplitAfter(c.document, []byte("\n"))
	if first.Line < 1 || first.Line > len(rows) || first.Line <= key.Line || len(bytes.TrimSpace(rows[first.Line-1][:first.Column-1])) > 0 {
		return nil, errNotBlock
	}
	indent := strings.Repeat(" ", first.Column-1)
	var added strings.Builder
	for _, a := range c.additions {
		for _, line := range a.lines {
			added.WriteString(indent + line + end)
		}
	}
	// Right below "spec:", so that a comment stays with the field that it is about.
	text := slices.Concat(bytes.Join(rows[:key.Line], nil), []byte(added.String()), bytes.Join(rows[key.Line:], nil))
	return text, c.onlyAdded(text)
}

// onlyAdded reads the text again: everything must be as it was, but for the
// fields that were added.
func (c *checked) onlyAdded(text []byte) error {
	now, err := admission.Decode(text)
	if err != nil {
		return err
	}
	spec, ok := now["spec"].(map[string]any)
	if !ok {
		return errNotBlock
	}
	spec = maps.Clone(spec)
	for _, a := range c.additions {
		if _, ok := spec[a.field]; !ok {
			return errNotBlock
		}
		delete(spec, a.field)
	}
	now["spec"] = spec
	if !reflect.DeepEqual(now, c.object) {
		return errNotBlock
	}
	return nil
}
