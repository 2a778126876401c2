package git

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Selector says which commit of a repository is followed. Values may be
// compared and used as map keys.
type Selector struct {
	// Ref is a branch, a tag or a commit hash.
	Ref string
	// Semver is a range of versions, such as ">=2.1.0 <3.0.0" or "~2.1": the
	// highest tag within it is followed. When set, Ref is not looked at.
	//
	// A tag counts when its whole name is a version of three numbers, with or
	// without a v before it. Pre-releases count only where the range names
	// one. Of tags that are the same version, such as 1.2.3 and v1.2.3 or two
	// builds of it, the one whose name sorts last is taken.
	Semver string
}

// Validate says whether the selector can be used at all, before any server is
// asked; the error is of kind ErrInvalid.
func (s Selector) Validate() error {
	if s.Semver == "" {
		return ValidateRef(s.Ref)
	}
	if _, err := parseRange(s.Semver); err != nil {
		return invalid("semver %q is no range of versions; write for example >=2.1.0 <3.0.0, ~2.1 or 2.x", printable(s.Semver))
	}
	return nil
}

// normal drops what is not looked at, so that equal wishes are equal values.
func (s Selector) normal() Selector {
	if s.Semver != "" {
		s.Ref = ""
	}
	return s
}

func parseRange(text string) (*semver.Constraints, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("the range is empty") // which the library takes for any version
	}
	return semver.NewConstraint(text)
}

// tag is a tag whose name is a version.
type tag struct {
	name    string
	version *semver.Version
	hash    string
}

// parseTag reads a version strictly: 20240101 is a date, not version
// 20240101.0.0.
func parseTag(name string) (*semver.Version, bool) {
	v, err := semver.StrictNewVersion(strings.TrimPrefix(name, "v"))
	return v, err == nil
}

// compare orders tags by version, then by name.
func (t tag) compare(other tag) int {
	return cmp.Or(t.version.Compare(other.version), strings.Compare(t.name, other.name))
}

// shownTags is how many tags a message names.
const shownTags = 5

// versions watches tags go by and keeps the highest within each range.
type versions struct {
	ranges map[string]*semver.Constraints
	best   map[string]tag // by range
	// almost are the best pre-releases that a range leaves out for being one.
	almost  map[string]tag
	highest []tag // of all, highest first, at most shownTags
}

func newVersions() *versions {
	return &versions{ranges: map[string]*semver.Constraints{}, best: map[string]tag{}, almost: map[string]tag{}}
}

func (v *versions) want(text string) {
	if r, err := parseRange(text); err == nil {
		v.ranges[text] = r
	}
}

// add takes a tag. One that comes again is the commit behind an annotated tag.
func (v *versions) add(name, hash string) {
	version, ok := parseTag(name)
	if !ok {
		return
	}
	t := tag{name: name, version: version, hash: hash}
	v.rank(t)
	for text, within := range v.ranges {
		lenient := *within
		lenient.IncludePrerelease = true
		switch {
		case within.Check(version):
			keepHigher(v.best, text, t)
		case lenient.Check(version):
			keepHigher(v.almost, text, t)
		}
	}
}

func keepHigher(kept map[string]tag, text string, t tag) {
	if old, ok := kept[text]; !ok || t.compare(old) >= 0 {
		kept[text] = t
	}
}

func (v *versions) rank(t tag) {
	at, found := slices.BinarySearchFunc(v.highest, t, func(a, b tag) int { return b.compare(a) })
	if !found && at < shownTags {
		v.highest = slices.Insert(v.highest, at, t)
		v.highest = v.highest[:min(len(v.highest), shownTags)]
	}
}

// resolve answers one range.
func (v *versions) resolve(text string, repository Repository) Head {
	if t, ok := v.best[text]; ok {
		return Head{Revision: t.hash, Kind: KindTag, Name: tagPrefix + t.name}
	}
	if t, ok := v.almost[text]; ok {
		return Head{Err: fail(ErrRefNotFound, "%s has no tag within %q but pre-releases, the highest %s; add -0 to the range's lower bound (as in >=2.0.0-0) to take them", repository, text, t.name)}
	}
	if len(v.highest) == 0 {
		return Head{Err: fail(ErrRefNotFound, "%s has no tag that is a version such as v1.2.3, so none is within %q; push one, or follow a ref", repository, text)}
	}
	names := make([]string, 0, len(v.highest))
	for _, t := range v.highest {
		names = append(names, t.name)
	}
	return Head{Err: fail(ErrRefNotFound, "%s has no tag within %q; the highest are %s", repository, text, strings.Join(names, ", "))}
}
