// Command chartdoc writes the table of a chart's values from the comments in its
// values.yaml: a line "# -- …" says what the value below it means. A value
// without one is an error.
//
//	chartdoc README.md.in values.yaml > README.md
package main

import (
	"fmt"
	"os"
	"strings"
)

// marker stands in the first file where the table is to be.
const marker = "<!-- values -->\n"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chartdoc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want the page and values.yaml")
	}
	page, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	values, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	table, err := Table(string(values))
	if err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	before, after, found := strings.Cut(string(page), marker)
	if !found {
		return fmt.Errorf("%s has no line %q", args[0], strings.TrimSpace(marker))
	}
	_, err = os.Stdout.WriteString(before + table + after)
	return err
}

// Table makes a row of each value that is described.
func Table(values string) (string, error) {
	var b strings.Builder
	b.WriteString("| value | default | |\n|---|---|---|\n")
	var path []string // the keys above the current line, one for each two spaces
	meaning := ""
	for number, line := range strings.Split(values, "\n") {
		text := strings.TrimSpace(line)
		switch {
		case text == "":
			meaning = ""
			continue
		case strings.HasPrefix(text, "# -- "):
			meaning = strings.TrimPrefix(text, "# -- ")
			continue
		case strings.HasPrefix(text, "#"):
			continue
		}
		key, value, found := strings.Cut(text, ":")
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if !found || depth > len(path) {
			return "", fmt.Errorf("line %d is not KEY: VALUE: write lists and maps on one line", number+1)
		}
		path = append(path[:depth], key)
		if value = strings.TrimSpace(value); value == "" {
			meaning = "" // a group
			continue
		}
		if meaning == "" {
			return "", fmt.Errorf("line %d: nothing says what %s means", number+1, strings.Join(path, "."))
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", strings.Join(path, "."), strings.ReplaceAll(value, "|", `\|`), strings.ReplaceAll(meaning, "|", `\|`))
		meaning = ""
	}
	return b.String(), nil
}
