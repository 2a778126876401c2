package git

import (
	"regexp"
	"strings"
)

// maxRefLength bounds a ref, in bytes: what a file name may hold, as most
// servers keep refs as files.
const maxRefLength = 255

var (
	fullHash  = regexp.MustCompile(`^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$`)
	shortHash = regexp.MustCompile(`^[0-9a-fA-F]{7,39}$`)
)

// IsHash reports whether s is a whole commit hash, SHA-1 or SHA-256.
func IsHash(s string) bool { return fullHash.MatchString(s) }

// ValidateRef says whether a user's ref may be given to git: a branch, a tag,
// a full name (refs/heads/main) or a commit hash, by the rules of git
// check-ref-format. Nothing that it accepts can be taken for an option, a
// range, a refspec or a path outside the ref store.
func ValidateRef(ref string) error {
	switch {
	case ref == "":
		return invalid("the ref is empty; write a branch, a tag or a commit hash")
	case len(ref) > maxRefLength:
		return invalid("the ref is longer than %d characters", maxRefLength)
	case strings.HasPrefix(ref, "-"):
		return invalid("the ref %q begins with '-', like an option", ref)
	case hasControl(ref):
		return invalid("the ref %q holds a control character", ref)
	case strings.ContainsAny(ref, " ~^:?*[\\"):
		return invalid("the ref %q holds a character that git does not allow in a ref (space ~ ^ : ? * [ \\)", ref)
	case strings.Contains(ref, "..") || strings.Contains(ref, "@{") || ref == "@":
		return invalid("the ref %q is an expression (.. or @); write a plain branch, tag or commit hash", ref)
	case strings.HasPrefix(ref, "/") || strings.HasSuffix(ref, "/") || strings.HasSuffix(ref, "."):
		return invalid("the ref %q begins or ends with '/' or '.'", ref)
	}
	for part := range strings.SplitSeq(ref, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return invalid("the ref %q has a part that is empty, begins with '.' or ends with '.lock'", ref)
		}
	}
	return nil
}
