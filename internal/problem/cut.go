package problem

import (
	"strings"
	"unicode/utf8"
)

// MaxMessage bounds a message in bytes: that of a problem, a condition, a
// history entry.
const MaxMessage = 2 << 10

// mark shows that a text was cut.
const mark = "…"

// Cut returns the beginning of a text, n bytes at most, with a mark when
// something was left out. The result is valid UTF-8, and cutting it again
// changes nothing.
func Cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= n {
		return s
	}
	if n < len(mark) {
		return head(s, n)
	}
	return head(s, n-len(mark)) + mark
}

// Head is Cut without the mark, for texts that are compared and not read.
func Head(s string, n int) string { return head(strings.ToValidUTF8(s, "?"), n) }

// CutMiddle returns the beginning and the end of a text, n bytes at most:
// tools tell what they were doing first, and what went wrong last.
func CutMiddle(s string, n int) string {
	const gap = "\n" + mark + "\n"
	s = strings.TrimSpace(strings.ToValidUTF8(s, "?"))
	if len(s) <= n {
		return s
	}
	if n < 4*len(gap) {
		return Cut(s, n)
	}
	first := head(s, n/4)
	return first + gap + tail(s, n-len(first)-len(gap))
}

// CutStart returns the end of a text, n bytes at most, with a mark when
// something was left out.
func CutStart(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= n {
		return s
	}
	if n < len(mark) {
		return tail(s, n)
	}
	return mark + tail(s, n-len(mark))
}

// head is the beginning of valid UTF-8, whole characters of n bytes at most.
func head(s string, n int) string {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:max(0, min(n, len(s)))]
}

// tail is the end of valid UTF-8, whole characters of n bytes at most.
func tail(s string, n int) string {
	from := max(0, len(s)-max(0, n))
	for from < len(s) && !utf8.RuneStart(s[from]) {
		from++
	}
	return s[from:]
}
