// Package redact takes secrets out of what people will read: logs, messages,
// events. It finds a secret however a tool has written it: plain, escaped or
// quoted for a shell, JSON, a URL or HTML, in hexadecimal digits, and in base64
// at any alignment, wrapped at any column.
//
// A text is read through views. The first view is the text itself; each
// following one is the view before with its escapes decoded. In each view the
// values are looked for as bytes, and as letters of hexadecimal and base64
// with the white space between them left out. What is found is replaced in the
// text itself.
package redact

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// Mark stands where a secret stood.
	Mark = "***"
	// minSecret is the length, in bytes, from which a value is hidden: a
	// shorter one would hide half of any log, and protects nothing.
	minSecret = 4
	// maxDecoded is how many layers of escapes are decoded: a percent-encoded
	// string inside JSON inside JSON.
	maxDecoded = 3
)

// Redactor takes secrets out of text; nil knows no value. It hides the values that it was
// given, as a whole and line by line when they have lines; and what looks like
// an AWS key, a password in a URL or a private key, whoever's it is. It is safe
// for concurrent use.
type Redactor struct {
	mu     sync.Mutex // held while values are learnt
	values []string
	known  atomic.Pointer[known]
}

// known is what a redactor looks for.
type known struct {
	plain, letters *dictionary
	// longest is the length, in bytes, of the longest way to write a value.
	longest int
}

// New returns a redactor of the values; those shorter than four bytes are left
// out.
func New(values ...string) *Redactor {
	r := &Redactor{}
	r.known.Store(nothing)
	r.Learn(values...)
	return r
}

// Learn adds values to those that are hidden from now on.
func (r *Redactor) Learn(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.values)
	for _, v := range values {
		if len(v) >= minSecret && !slices.Contains(r.values, v) {
			r.values = append(r.values, v)
		}
	}
	if len(r.values) > before {
		r.known.Store(know(r.values))
	}
}

func know(values []string) *known {
	k := &known{plain: newDictionary(plainAlphabet), letters: newDictionary(letterAlphabet)}
	for _, hint := range hints {
		k.plain.addHint(hint)
	}
	for _, value := range values {
		k.add(value)
	}
	return k
}

// String returns the text without secrets.
func (r *Redactor) String(text string) string {
	return string(r.now().redact([]byte(text)))
}

// nothing is what a redactor without values knows.
var nothing = know(nil)

func (r *Redactor) now() *known {
	if r == nil {
		return nothing
	}
	return r.known.Load()
}

// redact returns the text without secrets; it is the text itself when there
// are none.
func (k *known) redact(text []byte) []byte { return replace(text, k.find(text)) }

// find returns the places in a text where secrets are.
func (k *known) find(text []byte) []span {
	v := &view{text: text}
	found := k.findIn(v, nil)
	for range maxDecoded {
		if v = v.decode(); v == nil {
			break
		}
		found = k.findIn(v, found)
	}
	return found
}

// findIn adds what is secret in a view, as places in the text.
func (k *known) findIn(v *view, found []span) []span {
	found, seen := k.plain.scan(v, found)
	found = findLooks(v, seen, found)
	if v.of == nil || v.joins {
		found, _ = k.letters.scan(v, found)
	}
	return found
}

// span is a part of a text.
type span struct{ from, to int }

// replace puts the mark in the place of each span. Spans that overlap become
// one.
func replace(text []byte, found []span) []byte {
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	var out bytes.Buffer
	done := 0
	for i := 0; i < len(found); {
		at := found[i]
		for i++; i < len(found) && found[i].from < max(at.to, at.from+1); i++ {
			at.to = max(at.to, found[i].to)
		}
		out.Write(text[done:at.from])
		out.WriteString(Mark)
		done = at.to
	}
	out.Write(text[done:])
	return out.Bytes()
}
