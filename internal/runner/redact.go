package runner

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	// blot stands where a secret stood.
	blot = "***"
	// minSecret is the length, in bytes, from which a value is hidden: a
	// shorter one would blot out half of any log, and hides nothing.
	minSecret = 4
	// minEncoded is the length from which a piece of base64 is taken for a
	// piece of the secret.
	minEncoded = 8
)

// Redactor blots secrets out of text: the values that it was given, plain, in
// base64 at any alignment, percent-encoded or quoted as JSON, line by line
// when they have lines; and what looks like an AWS key, a password in a URL
// or a private key, whoever's it is. It is safe for concurrent use.
type Redactor struct {
	values *strings.Replacer
	// longest is the length of the longest form of a value.
	longest int
}

// NewRedactor returns a redactor of the values; those shorter than four bytes
// are left out.
func NewRedactor(values ...string) *Redactor {
	var forms []string
	for _, value := range values {
		forms = append(forms, formsOf(value)...)
	}
	// At one place the first that fits wins, so the longest go first.
	slices.SortFunc(forms, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, blot)
	}
	r := &Redactor{values: strings.NewReplacer(pairs...)}
	if len(forms) > 0 {
		r.longest = len(forms[0])
	}
	return r
}

// formsOf lists how a value may appear in a text.
func formsOf(value string) []string {
	value = strings.TrimSpace(value)
	if len(value) < minSecret {
		return nil
	}
	pieces := []string{value}
	for line := range strings.Lines(value) {
		// The shared first and last lines of a PEM block are no secret.
		if line = strings.TrimSpace(line); len(line) >= minEncoded && !strings.HasPrefix(line, "-----") {
			pieces = append(pieces, line)
		}
	}
	var forms []string
	for _, piece := range slices.Compact(pieces) {
		forms = append(forms, piece, url.QueryEscape(piece), url.PathEscape(piece), quoted(piece))
		forms = append(forms, percents.ReplaceAllStringFunc(url.QueryEscape(piece), strings.ToLower))
		forms = append(forms, encoded(piece)...)
	}
	return forms
}

var percents = regexp.MustCompile(`%[0-9A-F]{2}`)

func quoted(s string) string {
	data, _ := json.Marshal(s)
	return strings.Trim(string(data), `"`)
}

// encoded lists the base64 forms of a value: as a whole, and at each of the
// three places where it may begin within a longer text, less the characters
// that its neighbours have a share in.
func encoded(s string) []string {
	var forms []string
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms = append(forms, e.EncodeToString([]byte(s)), e.WithPadding(base64.NoPadding).EncodeToString([]byte(s)))
		for offset := range 3 {
			text := e.EncodeToString(append(bytes.Repeat([]byte{0}, offset), s...))
			from := (offset*8 + 5) / 6      // characters that hold bits of what stands before
			to := (offset + len(s)) * 8 / 6 // those after hold bits of what follows
			if piece := text[from:to]; len(piece) >= minEncoded {
				forms = append(forms, piece)
			}
		}
	}
	return forms
}

// patterns are what is a secret by its looks. A pattern is only tried on text
// that holds its hint, in lower case: most lines hold none, and a log is long.
var patterns = []struct {
	hint  string
	found *regexp.Regexp
	with  string
}{
	// IAM, "Understanding unique ID prefixes": AKIA long-term, ASIA temporary.
	{"akia", regexp.MustCompile(`\bAKIA[A-Z0-9]{16}\b`), blot},
	{"asia", regexp.MustCompile(`\bASIA[A-Z0-9]{16}\b`), blot},
	{"key", regexp.MustCompile(`(?i)(secret_?access_?key["']?\s*[:=]\s*["']?)[A-Za-z0-9/+=_-]{16,}`), "${1}" + blot},
	{"token", regexp.MustCompile(`(?i)((?:session|security)_?token["']?\s*[:=]\s*["']?)[A-Za-z0-9/+=_-]{16,}`), "${1}" + blot},
	{"x-amz-", regexp.MustCompile(`(?i)(X-Amz-(?:Security-Token|Signature|Credential)=)[^&\s"']+`), "${1}" + blot},
	{"://", regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']*:)[^\s/@"']+@`), "${1}" + blot + "@"},
	{"-----begin", regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|$)`), "${1}" + blot + "${2}"},
}

// String returns the text without secrets.
func (r *Redactor) String(text string) string {
	text = r.values.Replace(text)
	lower := strings.ToLower(text)
	for _, p := range patterns {
		if strings.Contains(lower, p.hint) {
			text = p.found.ReplaceAllString(text, p.with)
		}
	}
	return text
}
