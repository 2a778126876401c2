package git

import (
	"slices"
	"strings"

	"awscdk.dev/operator/internal/problem"
)

// general are the lines that git and ssh print whatever went wrong, and those
// that are no more than a remark.
var general = []string{
	"git: exit status",
	"fatal: could not read from remote repository.",
	"please make sure you have the correct access rights",
	"and the repository exists.",
	"fatal: the remote end hung up",
	"fatal: early eof",
	"fatal: index-pack failed",
	"fatal: unpack-objects failed",
	"fatal: fetch-pack: invalid index-pack output",
	"fatal: protocol error: bad pack header",
	"error: could not fetch",
	"warning:", "hint:", "** ", "remote: counting", "remote: compressing", "remote: enumerating", "remote: total",
}

// telling is the line of git's output that says what is wrong. git ends with
// lines that fit any failure; the cause stands before them, first where one
// led to the next, and the server's own word is better than git's.
func telling(output string) string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		lower := strings.ToLower(line)
		if line != "" && !slices.ContainsFunc(general, func(g string) bool { return strings.HasPrefix(lower, g) }) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		all := strings.Split(strings.TrimSpace(output), "\n")
		return all[len(all)-1]
	}
	for _, prefix := range []string{"remote: ", "error: ", "fatal: "} {
		for _, line := range lines {
			if strings.HasPrefix(line, prefix) {
				return line
			}
		}
	}
	// ssh's reason is its last word: a key that it cannot load comes before.
	return strings.Join(lines[max(0, len(lines)-2):], " ")
}

// failureOf tells what kind of failure a telling line is of.
func failureOf(line string) *problem.Kind {
	for _, k := range []struct {
		phrase string
		kind   *problem.Kind
	}{
		{"Permission denied (", ErrAuth},
		{"Authentication failed", ErrAuth},
		{"Host key verification failed", ErrHostKey},
		{"server certificate verification failed", ErrCertificate},
		{"SSL certificate problem", ErrCertificate},
		{"Could not resolve host", ErrUnreachable},
		{"Connection refused", ErrUnreachable},
		{"Connection timed out", ErrUnreachable},
		{"Connection reset", ErrUnreachable},
		{"Connection closed by", ErrUnreachable},
		{"Failed to connect", ErrUnreachable},
	} {
		if strings.Contains(line, k.phrase) {
			return k.kind
		}
	}
	return ErrProtocol
}
