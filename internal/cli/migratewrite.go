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

// writeAdditions prints the files that hold CdkTsStacks, with what can be added
// safely. All else in them stays as it is, letter by letter; so does what cannot
// be added to, which is said.
func (o *Options) writeAdditions(parts []*part, all []*checked) error {
	changed, holds := map[*part][]byte{}, map[string]bool{}
	for _, c := range all {
		holds[c.file] = true
		if len(c.additions) == 0 || c.broken != nil {
			continue
		}
		text, err := c.withAdditions()
		if err != nil {
			_, _ = fmt.Fprintf(o.Streams.ErrOut, "! %s:%d: nothing was added to it: %s\n", printable(c.file), c.line, printable(err.Error()))
			continue
		}
		changed[c.part] = text
	}
	var out bytes.Buffer
	file := ""
	for _, p := range parts {
		if !holds[p.file] {
			continue
		}
		if file != p.file && file != "" && len(p.lead) == 0 {
			out.WriteString("---\n")
		}
		file = p.file
		out.Write(p.lead)
		if text, ok := changed[p]; ok {
			out.Write(text)
		} else {
			out.Write(p.text)
		}
		if b := out.Bytes(); len(b) > 0 && b[len(b)-1] != '\n' {
			out.WriteByte('\n')
		}
	}
	_, err := o.Streams.Out.Write(out.Bytes())
	return err
}

// withAdditions is the text of the object's document with what is added, and an
// error when that is not exactly what was to be added.
func (c *checked) withAdditions() ([]byte, error) {
	if c.listed {
		return nil, fmt.Errorf("it is an item of a List: write it as an object of its own")
	}
	key, spec := field(c.node, "spec")
	if spec == nil || spec.Kind != yaml.MappingNode || spec.Style&yaml.FlowStyle != 0 || len(spec.Content) == 0 {
		return nil, errNotBlock
	}
	first := spec.Content[0]
	end := "\n"
	if bytes.Contains(c.text, []byte("\r\n")) {
		end = "\r\n"
	}
	rows := bytes.SplitAfter(c.text, []byte("\n"))
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
