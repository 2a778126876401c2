package redact

import (
	"bytes"
	"regexp"
)

// hint is a text, of four small characters, without which some of the looks
// are not worth looking for: most lines hold none, and a log is long.
type hint struct {
	text string
	bit  uint16
}

var hints = []hint{{"akia", 1}, {"asia", 2}, {"secr", 4}, {"toke", 8}, {"amz-", 16}, {"----", 32}}

// looks are what is a secret by its looks. What the group holds is secret.
var looks = []struct {
	hint  uint16
	found *regexp.Regexp
}{
	// IAM, "Understanding unique ID prefixes": AKIA long-term, ASIA temporary.
	{1, regexp.MustCompile(`\b(AKIA[A-Z0-9]{16})\b`)},
	{2, regexp.MustCompile(`\b(ASIA[A-Z0-9]{16})\b`)},
	{4, regexp.MustCompile(`(?i)secret_?access_?key["']?\s*[:=]\s*["']?([A-Za-z0-9/+=_-]{16,})`)},
	{8, regexp.MustCompile(`(?i)(?:session|security)_?token["']?\s*[:=]\s*["']?([A-Za-z0-9/+=_-]{16,})`)},
	{16, regexp.MustCompile(`(?i)X-Amz-(?:Security-Token|Signature|Credential)=([^&\s"']+)`)},
	{32, regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)},
}

// findLooks adds what looks secret in a view; seen are the hints that are in it.
func findLooks(v *view, seen uint16, found []span) []span {
	for _, look := range looks {
		if seen&look.hint != 0 {
			found = findLook(v, look.found, found)
		}
	}
	return findPasswords(v, found)
}

// findPasswords adds the passwords in URLs: scheme://user:password@host.
func findPasswords(v *view, found []span) []span {
	for i := 0; ; {
		next := bytes.Index(v.text[i:], []byte("://"))
		if next < 0 {
			return found
		}
		i += next + len("://")
		end := bytes.IndexAny(v.text[i:], " \t\r\n/@\"'")
		if end < 0 || v.text[i+end] != '@' {
			continue
		}
		if _, password, ok := bytes.Cut(v.text[i:i+end], []byte{':'}); ok && len(password) > 0 {
			found = append(found, v.place(span{i + end - len(password), i + end}))
		}
	}
}

func findLook(v *view, look *regexp.Regexp, found []span) []span {
	for _, at := range look.FindAllSubmatchIndex(v.text, -1) {
		found = append(found, v.place(span{at[2], at[3]}))
	}
	return found
}
