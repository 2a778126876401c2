package wire

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"maps"
	"slices"
	"time"
)

// Flat is a list written as a repeated element, without <member> around each item.
type Flat []any

// List is a list whose items are written as elements of that name.
type List struct {
	Item  string
	Items []any
}

// Entries is a map written as <entry><key/><value/></entry>.
type Entries map[string]string

// XML writes fields as the content of an element named root.
func XML(root string, fields map[string]any) []byte {
	x := &xmlWriter{}
	x.raw(xml.Header)
	x.raw("<" + root + ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	x.fields(fields)
	x.raw("</" + root + ">")
	return x.Bytes()
}

// xmlWriter writes a tree of values. Item names the elements of plain lists,
// "member" if it is empty.
type xmlWriter struct {
	bytes.Buffer
	item string
}

func (x *xmlWriter) raw(s string) { x.WriteString(s) }

func (x *xmlWriter) fields(fields map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		x.field(name, fields[name])
	}
}

func (x *xmlWriter) field(name string, v any) {
	switch v := v.(type) {
	case nil:
	case Flat:
		for _, item := range v {
			x.field(name, item)
		}
	case Entries:
		x.element(name, func() {
			for _, k := range slices.Sorted(maps.Keys(v)) {
				x.element("entry", func() { x.fields(map[string]any{"key": k, "value": v[k]}) })
			}
		})
	case List:
		x.element(name, func() { x.field(v.Item, Flat(v.Items)) })
	case []any:
		x.element(name, func() { x.field(cmp.Or(x.item, "member"), Flat(v)) })
	case []string:
		x.element(name, func() {
			for _, item := range v {
				x.field(cmp.Or(x.item, "member"), item)
			}
		})
	case map[string]any:
		x.element(name, func() { x.fields(v) })
	case time.Time:
		if !v.IsZero() {
			x.field(name, v.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	default:
		x.element(name, func() { _ = xml.EscapeText(x, []byte(Text(v))) })
	}
}

func (x *xmlWriter) element(name string, content func()) {
	x.raw("<" + name + ">")
	content()
	x.raw("</" + name + ">")
}
