package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const (
	// minLine is the length from which a line of a value is taken for a secret
	// of its own, in bytes.
	minLine = 8
	// minLetters is the number of hexadecimal digits or characters of base64
	// from which they are taken for a piece of a secret.
	minLetters = 6
	// maxTwice bounds the values that are looked for in base64 of base64, which
	// is how Kubernetes shows a Docker configuration. In bytes.
	maxTwice = 1 << 10
)

// add adds all ways in which a value may be written.
func (k *known) add(value string) {
	value = strings.TrimSpace(value)
	if len(value) < minSecret {
		return
	}
	pieces := []string{value}
	for line := range strings.Lines(value) {
		// The shared first and last lines of a PEM block are no secret.
		if line = strings.TrimSpace(line); len(line) >= minLine && !strings.HasPrefix(line, "-----") {
			pieces = append(pieces, line)
		}
	}
	slices.Sort(pieces)
	for _, piece := range slices.Compact(pieces) {
		k.addPiece(piece)
	}
	// The widest ways: \u00XX for each byte, and base64 of base64 with its line breaks.
	k.longest = max(k.longest, 6*len(value)+64)
}

func (k *known) addPiece(piece string) {
	// What looks like an escape in the secret itself is decoded in the views,
	// too, so that the decoded secret has to be known.
	v := &view{text: []byte(piece)}
	k.plain.add(piece, word{})
	if v.decode() != nil {
		// Of what a tool has escaped once more, the views decode too much.
		for _, text := range []string{quoted(piece, false), quoted(piece, true), url.QueryEscape(piece), url.PathEscape(piece)} {
			k.plain.add(text, word{})
		}
	}
	for range maxDecoded {
		if v = v.decode(); v == nil {
			break
		}
		k.plain.add(string(v.text), word{})
	}
	for _, text := range slices.Compact([]string{piece, quoted(piece, false), quoted(piece, true)}) {
		k.letters.add(hex.EncodeToString([]byte(text)), word{})
		k.letters.add(strings.ToUpper(hex.EncodeToString([]byte(text))), word{})
		k.addBase64(text)
		if len(text) > maxTwice {
			continue
		}
		for _, inner := range alignments(text) {
			k.addBase64(inner.text)
		}
	}
}

// addBase64 adds a text as it is in base64 by itself, and within more.
func (k *known) addBase64(text string) {
	k.letters.add(base64.RawStdEncoding.EncodeToString([]byte(text)), word{})
	for _, a := range alignments(text) {
		k.letters.add(a.text, a.word)
	}
}

// alignment is a text in base64 less the characters that its neighbours have a
// share in.
type alignment struct {
	text string
	word word
}

// alignments are the three ways in which base64 shows a text within a longer
// one: three bytes are four characters.
func alignments(text string) []alignment {
	list := make([]alignment, 0, 3)
	for offset := range 3 {
		all := base64.RawStdEncoding.EncodeToString(append(bytes.Repeat([]byte{0}, offset), text...))
		bits := (offset + len(text)) * 8
		from, to := (offset*8+5)/6, bits/6
		list = append(list, alignment{all[from:to], word{raggedStart: offset > 0, raggedEnd: bits%6 > 0}})
	}
	return list
}

// quoted is a text as it is inside a JSON string, with <, > and & escaped or not.
func quoted(text string, html bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(html)
	_ = encoder.Encode(text)
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(out.String()), `"`), `"`)
}
