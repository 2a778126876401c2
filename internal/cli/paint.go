package cli

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	eastasian "golang.org/x/text/width"

	"awscdk.dev/operator/api/v1alpha1"
)

// color is a colour of a terminal, by its SGR code.
type color string

const (
	plain   color = ""
	red     color = "31"
	green   color = "32"
	yellow  color = "33"
	blue    color = "34"
	magenta color = "35"
	faint   color = "2"
)

// painter writes to a terminal, in colour where that is wanted.
type painter struct {
	out    io.Writer
	colors bool
	// width is that of the terminal in columns, 0 where there is none.
	width int
	// flags lead to the same cluster and namespace again, namespaced is for
	// objects of several namespaces.
	flags      string
	namespaced bool
}

// call is the command line for a verb and an object, as it works when typed.
func (p painter) call(verb string, o *v1alpha1.CdkTsStack) string {
	line := "kubectl cdk " + verb + " " + o.Name
	if p.namespaced {
		line += " -n " + o.Namespace
	}
	return printable(line + p.flags)
}

// in paints a text. What comes from the cluster loses its control characters
// before: a commit message must not move anybody's cursor.
func (p painter) in(c color, text string) string {
	text = printable(text)
	if !p.colors || c == plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func (p painter) printf(format string, args ...any) { _, _ = fmt.Fprintf(p.out, format, args...) }

// mark is a state with its sign.
func (p painter) mark(m mark, text string) string { return p.in(m.color, m.sign+" "+text) }

// sequences are those that terminals obey: CSI, OSC and two-letter ones.
var sequences = regexp.MustCompile("\x1b(?:\\[[0-9:;<=>?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[ -/]*[0-Z^-~])")

// printable takes escape sequences and control characters out of a text, which
// is made valid UTF-8.
func printable(text string) string {
	if strings.ContainsRune(text, 0x1b) {
		text = sequences.ReplaceAllString(text, "")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), r == utf8.RuneError, unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
}

// columns is how many columns of a terminal a text takes: letters of East Asia
// and emoji take two, marks that combine with the letter before them none.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch eastasian.LookupRune(r).Kind() {
	case eastasian.EastAsianWide, eastasian.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens a text to that many columns.
func cut(text string, most int) string {
	if columns(text) <= most {
		return text
	}
	n := 0
	for i, r := range text {
		if n += columnsOf(r); n > most-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// cutMiddle shortens a text to that many columns and keeps both of its ends.
func cutMiddle(text string, most int) string {
	if columns(text) <= most {
		return text
	}
	head := cut(text, most/2+1)
	end, n := len(text), columns(head)
	for end > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:end])
		if n += columnsOf(r); n > most {
			break
		}
		end -= size
	}
	return head + text[end:]
}

// fitting shortens a text to that many columns on a terminal; elsewhere a text is
// as long as it is.
func (p painter) fitting(text string, most int, shorten func(string, int) string) string {
	text = printable(text)
	if p.width == 0 {
		return text
	}
	return shorten(text, max(most, narrowest))
}

// folded breaks a text into lines of so many columns on a terminal, between words;
// there is always a line.
func (p painter) folded(text string, most int) []string {
	text = printable(text)
	if p.width == 0 {
		return []string{text}
	}
	lines := []string{""}
	for word := range strings.SplitSeq(text, " ") {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case columns(*last)+1+columns(word) > most:
			lines = append(lines, word)
		default:
			*last += " " + word
		}
	}
	return lines
}

func longestWord(text string) (longest int) {
	for word := range strings.SplitSeq(printable(text), " ") {
		longest = max(longest, columns(word))
	}
	return longest
}

// table aligns columns.
type table struct {
	p    painter
	rows []row
	// give are the columns that are made narrower, in this order, when the
	// terminal is too narrow.
	give []int
}

type row struct {
	cells []string
	// colors are those of the cells.
	colors []color
}

func (t *table) add(cells ...string) { t.paint(nil, cells...) }

func (t *table) paint(colors []color, cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	t.rows = append(t.rows, row{cells, colors})
}

// write writes the rows, two spaces between columns, nothing after the last.
func (t *table) write(indent string) {
	for _, line := range t.lines(columns(indent)) {
		t.p.printf("%s%s\n", indent, line)
	}
}

// lines are the rows, aligned and painted, for a terminal that has so many of its
// columns in use already.
func (t *table) lines(used int) []string {
	widths := t.widths()
	t.shrink(widths, used)
	lines := make([]string, 0, len(t.rows))
	for _, r := range t.rows {
		lines = append(lines, t.line(r, widths))
	}
	return lines
}

func (t *table) line(r row, widths []int) string {
	var line strings.Builder
	for n, cell := range r.cells {
		last := n == len(r.cells)-1
		if !last || n == len(widths)-1 {
			cell = cut(cell, widths[n])
		}
		c := plain
		if n < len(r.colors) {
			c = r.colors[n]
		}
		line.WriteString(t.p.in(c, cell))
		if !last {
			line.WriteString(strings.Repeat(" ", widths[n]-columns(cell)+2))
		}
	}
	return strings.TrimRight(line.String(), " ")
}

// widths are those of the columns; a cell that ends a short row may be longer.
func (t *table) widths() []int {
	longest := 0
	for _, r := range t.rows {
		longest = max(longest, len(r.cells))
	}
	widths := make([]int, longest)
	for _, r := range t.rows {
		for n, cell := range r.cells {
			if n < len(r.cells)-1 || n == longest-1 {
				widths[n] = max(widths[n], columns(cell))
			}
		}
	}
	return widths
}

// narrowest is how narrow a column may become.
const narrowest = 10

func (t *table) shrink(widths []int, used int) {
	if t.p.width == 0 {
		return
	}
	over := used - t.p.width
	for n, w := range widths {
		over += w
		if n > 0 {
			over += 2
		}
	}
	for _, n := range t.give {
		if by := min(over, widths[n]-narrowest); by > 0 {
			widths[n] -= by
			over -= by
		}
	}
}
