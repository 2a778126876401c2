package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
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

// printable takes control characters out of a text, which is made valid UTF-8.
func printable(text string) string {
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

// table aligns columns. Colour codes would count as width, so it is painted
// last: a row may begin with a colour.
type table struct {
	p    painter
	rows [][]string
	// colors are those of the rows, by column.
	colors [][]color
}

func (t *table) add(cells ...string) { t.paint(nil, cells...) }

func (t *table) paint(colors []color, cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	t.rows, t.colors = append(t.rows, cells), append(t.colors, colors)
}

// write writes the rows, two spaces between columns, nothing after the last.
func (t *table) write(indent string) {
	var plainText strings.Builder
	w := tabwriter.NewWriter(&plainText, 0, 8, 2, ' ', 0)
	for _, row := range t.rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush()
	for i, line := range strings.Split(strings.TrimSuffix(plainText.String(), "\n"), "\n") {
		t.p.printf("%s%s\n", indent, strings.TrimRight(t.painted(i, line), " "))
	}
}

// painted colours the cells of a line that has been aligned.
func (t *table) painted(i int, line string) string {
	if !t.p.colors || i >= len(t.rows) {
		return line
	}
	var out strings.Builder
	for n, cell := range t.rows[i] {
		at := strings.Index(line, cell)
		if at < 0 {
			break
		}
		out.WriteString(line[:at])
		c := plain
		if n < len(t.colors[i]) {
			c = t.colors[i][n]
		}
		out.WriteString(t.p.in(c, cell))
		line = line[at+len(cell):]
	}
	return out.String() + line
}
