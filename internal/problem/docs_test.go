package problem_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/problem"

	_ "awscdk.dev/operator/internal/controller" // with all that it imports,
	_ "awscdk.dev/operator/internal/executor/job"
	_ "awscdk.dev/operator/internal/runner" // they declare every reason
)

var (
	named    = regexp.MustCompile("`([A-Z][A-Za-z]+)`")
	outlooks = []problem.Outlook{problem.Waits, problem.Retries, problem.Stalls}
)

// row is what the page says of a reason.
type row struct {
	line string
	// then is the cell that says what the operator does, "" without one.
	then string
}

// documented reads the tables of the page whose first column are reasons.
func documented(t *testing.T) map[string]row {
	t.Helper()
	page, err := os.ReadFile("../../docs/reference/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]row)
	var head []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		switch {
		case !strings.HasPrefix(line, "|"):
			head = nil
			continue
		case head == nil:
			head = cells
			continue
		case strings.TrimSpace(head[0]) != "reason":
			continue
		}
		r := row{line: line}
		if strings.Contains(head[1], "then") {
			r.then = cells[1]
		}
		for _, name := range named.FindAllStringSubmatch(cells[0], -1) {
			if _, twice := rows[name[1]]; twice {
				t.Errorf("%s is documented twice", name[1])
			}
			rows[name[1]] = r
		}
	}
	return rows
}

func TestEveryReasonIsDocumented(t *testing.T) {
	rows := documented(t)
	for _, kind := range problem.Kinds() {
		r, ok := rows[kind.Reason]
		if !ok {
			t.Errorf("%s is not in docs/reference/conditions.md", kind.Reason)
			continue
		}
		delete(rows, kind.Reason)
		said := false
		for _, o := range outlooks {
			said = said || strings.Contains(r.then, string(o))
		}
		if said && !strings.Contains(r.then, string(kind.Outlook)) {
			t.Errorf("%s %s, and the page says: %s", kind.Reason, kind.Outlook, r.line)
		}
	}
	for name := range rows {
		t.Errorf("%s is documented and nobody declares it", name)
	}
}
