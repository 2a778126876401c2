package git

import (
	"bytes"
	"errors"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Bounds of globs, so that no set of them is slow to match: alternatives in
// braces multiply.
const (
	maxGlobs      = 64
	maxGlobLength = 256
	maxBraces     = 4
	maxCommas     = 32
)

// globs tell which paths of a repository count. In a glob * and ? stand for
// anything within one name, ** between slashes for any number of folders,
// {a,b} for either; a name without any of these stands for that file, or for
// that folder with all in it.
type globs struct {
	include, ignore []string
}

// newGlobs checks the globs that a user wrote. The error is of kind ErrInvalid.
func newGlobs(include, ignore []string) (globs, error) {
	var (
		g   globs
		err error
	)
	if g.include, err = readGlobs("include", include); err != nil {
		return globs{}, err
	}
	g.ignore, err = readGlobs("ignore", ignore)
	return g, err
}

func readGlobs(field string, written []string) ([]string, error) {
	if len(written) > maxGlobs {
		return nil, invalid("%s lists more than %d globs", field, maxGlobs)
	}
	out := make([]string, 0, len(written))
	for _, w := range written {
		pattern := strings.TrimPrefix(strings.TrimPrefix(w, "./"), "/")
		if strings.HasSuffix(pattern, "/") {
			pattern += "**"
		}
		switch {
		case pattern == "" || len(w) > maxGlobLength || hasControl(w):
			return nil, invalid("%s holds a glob that is empty, longer than %d characters, or has a control character", field, maxGlobLength)
		case strings.Count(w, "{") > maxBraces || strings.Count(w, ",") > maxCommas:
			return nil, invalid("%s holds the glob %q with more than %d braces or %d commas; write several globs", field, w, maxBraces, maxCommas)
		case !doublestar.ValidatePattern(pattern):
			return nil, invalid("%s holds the glob %q, which has an open bracket or brace; write for example infra/** or package.json", field, w)
		}
		out = append(out, pattern)
	}
	return out, nil
}

// all reports whether every path counts.
func (g globs) all() bool { return len(g.include)+len(g.ignore) == 0 }

// count reports whether a change of the path counts. Paths are bytes to git;
// what is no UTF-8 matches * and ? all the same.
func (g globs) count(path string) bool {
	return (len(g.include) == 0 || matchAny(g.include, path)) && !matchAny(g.ignore, path)
}

func matchAny(patterns []string, path string) bool {
	for _, p := range patterns {
		if doublestar.MatchUnvalidated(p, path) {
			return true
		}
		if !strings.ContainsAny(p, `*?[{\`) && strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// maxPaths bounds how many changed paths are looked at; a change of more counts.
const maxPaths = maxFiles

// errEnough ends a listing of paths.
var errEnough = errors.New("enough was seen")

// changes is a writer that takes paths, each with a zero byte at its end, and
// looks for one that counts. Write fails with errEnough when it has.
type changes struct {
	globs globs
	seen  int
	rest  []byte // of a path whose end has not come

	touched bool
	path    string // the one that counts
}

// maxPathLength bounds a path, in bytes; a longer one counts.
const maxPathLength = 64 << 10

func (c *changes) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	left := c.rest
	for {
		path, after, whole := bytes.Cut(left, []byte{0})
		if !whole && len(path) <= maxPathLength {
			c.rest = append(c.rest[:0], left...)
			return len(p), nil
		}
		if c.seen++; c.seen > maxPaths || !whole || c.globs.count(string(path)) {
			c.touched, c.path = true, printable(string(path))
			return 0, errEnough
		}
		left = after
	}
}
