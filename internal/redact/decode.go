package redact

import (
	"bytes"
	"regexp"
	"sort"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// view is a text with some layers of escapes decoded.
type view struct {
	text []byte
	// of is the view that this one was decoded from; nil for the text itself.
	of *view
	// marks are the escapes that were decoded, in their order.
	marks []mark
	// joins says that an escape stood for a letter of base64, or for what may
	// stand between two.
	joins bool
}

// mark is an escape: so many bytes at in became n bytes at out.
type mark struct{ out, n, in, width int }

// place is the part of the text that a part of the view stands for.
func (v *view) place(s span) span {
	for ; v.of != nil; v = v.of {
		s = span{v.source(s.from), v.source(s.to)}
	}
	return s
}

// source is where the view before has what is at a place of this one.
func (v *view) source(at int) int {
	i := sort.Search(len(v.marks), func(i int) bool { return v.marks[i].out > at }) - 1
	if i < 0 {
		return at
	}
	m := v.marks[i]
	if at < m.out+m.n {
		return m.in
	}
	return m.in + m.width + at - m.out - m.n
}

// decode decodes one layer of escapes; it is nil when there are none.
func (v *view) decode() *view {
	next := nextEscape(v.text, 0)
	if next == len(v.text) {
		return nil
	}
	out := &view{of: v, joins: v.joins, text: make([]byte, 0, len(v.text))}
	for i := 0; ; next = nextEscape(v.text, i) {
		out.text = append(out.text, v.text[i:next]...)
		if next == len(v.text) {
			return out
		}
		c, width := escape(v.text[next:])
		out.marks = append(out.marks, mark{out: len(out.text), n: c.n, in: next, width: width})
		out.text = append(out.text, c.bytes[:c.n]...)
		out.joins = out.joins || c.n == 0 || letterAlphabet.symbols[c.bytes[0]] != stop
		i = next + width
	}
}

// leads are the bytes that an escape may begin with.
var leads = [256]bool{'\\': true, '%': true, '&': true, '\'': true, 0x1b: true}

// nextEscape is where the next escape begins, the text's length when there is
// none.
func nextEscape(text []byte, from int) int {
	for i := from; i < len(text); i++ {
		if leads[text[i]] {
			if _, width := escape(text[i:]); width > 0 {
				return i
			}
		}
	}
	return len(text)
}

// character is what an escape stands for: a byte, or a character in UTF-8.
type character struct {
	bytes [utf8.UTFMax]byte
	n     int
}

func octet(c byte) character { return character{[utf8.UTFMax]byte{c}, 1} }

func runeOf(n uint64) (c character) {
	c.n = utf8.EncodeRune(c.bytes[:], rune(n))
	return c
}

// escape decodes the escape that a text begins with. A width of 0 is none.
func escape(text []byte) (decoded character, width int) {
	switch text[0] {
	case '%': // RFC 3986
		if c, ok := number(text, 1, 2, 16); ok {
			return octet(byte(c)), 3
		}
	case '\\':
		return backslash(text)
	case '&':
		return entity(text)
	case 0x1b: // a colour, which stands for nothing
		return character{}, len(colour.Find(text[:min(len(text), 32)]))
	case '\'': // a quote within single quotes: bash and zsh, and dash and Python
		for _, quote := range []string{`'\''`, `'"'"'`} {
			if len(text) >= len(quote) && string(text[:len(quote)]) == quote {
				return octet('\''), len(quote)
			}
		}
	}
	return character{}, 0
}

// colour is a control sequence of a terminal (ECMA-48 CSI) at the beginning.
var colour = regexp.MustCompile("^\x1b\\[[0-9;?]*[A-Za-z]")

// controls are the letters that stand for a control character behind a
// backslash, in JSON, JavaScript, Python and bash.
var controls = [256]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f', 'a': '\a', 'v': '\v', 'e': 0x1b, 'E': 0x1b}

func backslash(text []byte) (character, int) {
	if len(text) < 2 {
		return character{}, 0
	}
	if c := controls[text[1]]; c != 0 {
		return octet(c), 2
	}
	switch c := text[1]; {
	case c == 'u' || c == 'U':
		return codePoint(text)
	case c == 'x':
		if n, ok := number(text, 2, 2, 16); ok {
			return octet(byte(n)), 4
		}
	case c >= '0' && c <= '3':
		if n, ok := number(text, 1, 3, 8); ok {
			return octet(byte(n)), 4
		}
	}
	return octet(text[1]), 2
}

// codePoint decodes \uXXXX, in pairs where UTF-16 has pairs, and \UXXXXXXXX.
func codePoint(text []byte) (character, int) {
	if text[1] == 'U' {
		if n, ok := number(text, 2, 8, 16); ok {
			return runeOf(n), 10
		}
	}
	n, ok := number(text, 2, 4, 16)
	if !ok {
		return octet(text[1]), 2
	}
	if utf16.IsSurrogate(rune(n)) && len(text) > 7 && text[6] == '\\' && text[7] == 'u' {
		if low, ok := number(text, 8, 4, 16); ok {
			return runeOf(uint64(utf16.DecodeRune(rune(n), rune(low)))), 12
		}
	}
	return runeOf(n), 6
}

// entities are those that HTML and XML need in any text.
var entities = map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

func entity(text []byte) (character, int) {
	const longest = len("&#x10ffff;")
	end := bytes.IndexByte(text[:min(len(text), longest)], ';')
	if end < 2 {
		return character{}, 0
	}
	name := string(text[1:end])
	if c, ok := entities[name]; ok {
		return octet(c), end + 1
	}
	if name[0] != '#' {
		return character{}, 0
	}
	digits, base := name[1:], 10
	if len(digits) > 0 && (digits[0] == 'x' || digits[0] == 'X') {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if err != nil {
		return character{}, 0
	}
	return runeOf(n), end + 1
}

// number reads exactly so many digits.
func number(text []byte, from, digits, base int) (n uint64, ok bool) {
	if len(text) < from+digits {
		return 0, false
	}
	for _, c := range text[from : from+digits] {
		digit := int(digitOf[c]) - 1
		if digit < 0 || digit >= base {
			return 0, false
		}
		n = n*uint64(base) + uint64(digit)
	}
	return n, true
}

// digitOf has the value of each digit, plus one.
var digitOf = func() (values [256]uint8) {
	for i := range uint8(16) {
		values["0123456789abcdef"[i]], values["0123456789ABCDEF"[i]] = i+1, i+1
	}
	return values
}()
