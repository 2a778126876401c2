package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"awscdk.dev/operator/internal/regular"
)

// hereDocument is the beginning of a here-document, with its end's name.
var hereDocument = regexp.MustCompile(`<<\s*(?:"([A-Za-z_]\w*)"|'([A-Za-z_]\w*)'|\\?([A-Za-z_]\w*))`)

// unindent ends here-documents where their end's name stands alone on a line,
// although it is indented, and tells in which lines it did.
func unindent(script string) (fixed string, lines []int) {
	all, end := strings.Split(script, "\n"), ""
	for i, line := range all {
		switch {
		case end == "":
			if m := hereDocument.FindStringSubmatch(line); m != nil {
				end = m[1] + m[2] + m[3]
			}
		case strings.TrimRight(line, "\r") == end:
			end = ""
		case strings.TrimSpace(line) == end:
			all[i], end = end, ""
			lines = append(lines, i+1)
		}
	}
	return strings.Join(all, "\n"), lines
}

// fix makes a script runnable that bash cannot even parse since a
// here-document within an indented block has an indented end: scripts in
// circulation are written so, and YAML hides it. A script that bash can parse
// is left as it is, as is one that this does not help.
func fix(ctx context.Context, path string, env []string, out io.Writer) error {
	if parses(ctx, path, env) {
		return nil
	}
	script, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the script: %w", err)
	}
	fixed, lines := unindent(string(script))
	if len(lines) == 0 {
		return nil
	}
	trial := path + ".fixed"
	if err := regular.Write(trial, []byte(fixed)); err != nil {
		return fmt.Errorf("write the fixed script: %w", err)
	}
	if !parses(ctx, trial, env) {
		return nil
	}
	fmt.Fprintf(out, "bash cannot read this script: the end of a here-document is indented (lines %d). It is run as if it were not.\n", lines)
	return os.Rename(trial, path)
}

// parses says whether bash can parse a script; nothing of it is run.
func parses(ctx context.Context, path string, env []string) bool {
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", "-n", "--", path)
	cmd.Env = env
	return cmd.Run() == nil
}
