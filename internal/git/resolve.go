package git

import (
	"context"
	"strings"
	"time"
)

// Kind says what a ref turned out to be.
type Kind string

// The kinds of ref.
const (
	KindBranch Kind = "branch"
	KindTag    Kind = "tag"
	// KindCommit is a whole commit hash: it is its own answer, nobody is asked.
	KindCommit Kind = "commit"
	// KindAbbreviation is a hash of 7 to 39 digits that no branch or tag is
	// named after. A listing cannot tell which commit it is: the revision is
	// the ref as it was written, and Mirror.Find resolves it.
	KindAbbreviation Kind = "abbreviation"
	// KindOther is any other ref, such as HEAD or refs/pull/7/head.
	KindOther Kind = "ref"
)

// Head is what a look at a ref found, or why it found nothing. After a
// failure Revision still holds what was last seen, and Err says why there is
// nothing newer.
type Head struct {
	// Revision is the commit's hash; empty when it was never seen.
	Revision string
	// Kind says what the ref is.
	Kind Kind
	// Name is the full name that answered, such as refs/tags/v1.0.0; empty for
	// commits.
	Name string
	// Seen is when the look began that last confirmed Revision.
	Seen time.Time
	// Err is the failure of the latest look, nil after a good one.
	Err error
	// Failed is when Err happened, and Retry the time before which no other
	// look is made.
	Failed, Retry time.Time
}

// Tag is the tag's short name, such as v1.0.0, or "" when the head is no tag.
func (h Head) Tag() string {
	name, _ := strings.CutPrefix(h.Name, tagPrefix)
	if h.Kind != KindTag {
		return ""
	}
	return name
}

type candidate struct {
	name string
	kind Kind
}

// candidates lists the full names that a user's ref may stand for, the
// preferred one first. It is the order of git clone --branch, which the old
// operator used: a branch wins over a tag of the same name. (git rev-parse
// prefers the tag; write refs/tags/NAME to have it.)
func candidates(ref string) []candidate {
	if ref == "HEAD" {
		return []candidate{{"HEAD", KindOther}}
	}
	if strings.HasPrefix(ref, "refs/") {
		return []candidate{{ref, kindOf(ref)}}
	}
	return []candidate{
		{"refs/heads/" + ref, KindBranch},
		{"refs/tags/" + ref, KindTag},
		{"refs/" + ref, kindOf("refs/" + ref)}, // heads/main, pull/7/head
	}
}

func kindOf(name string) Kind {
	switch {
	case strings.HasPrefix(name, "refs/heads/"):
		return KindBranch
	case strings.HasPrefix(name, "refs/tags/"):
		return KindTag
	}
	return KindOther
}

// resolve answers one of the selectors that the listing was made for.
func (l *listing) resolve(s Selector, repository Repository) Head {
	if s.Semver != "" {
		return l.versions.resolve(s.Semver, repository)
	}
	ref := s.Ref
	for _, c := range candidates(ref) {
		if hash, ok := l.found[c.name]; ok {
			return Head{Revision: hash, Kind: c.kind, Name: c.name}
		}
	}
	if shortHash.MatchString(ref) {
		return Head{Revision: strings.ToLower(ref), Kind: KindAbbreviation}
	}
	return Head{Err: fail(ErrRefNotFound, "%s has no branch or tag %q; check the ref, or that it was pushed", repository, ref)}
}

// immediate answers what needs no server: a selector that cannot be used, and
// a whole hash.
func immediate(s Selector, now time.Time) (Head, bool) {
	if err := s.Validate(); err != nil {
		return Head{Err: err, Failed: now}, true
	}
	if IsHash(s.Ref) {
		return Head{Revision: strings.ToLower(s.Ref), Kind: KindCommit, Seen: now}, true
	}
	return Head{}, false
}

// Resolve asks the server for one ref and waits for the answer, 30 seconds at
// most. It is Heads without sharing and without memory.
func Resolve(ctx context.Context, remote Remote, ref string) (Head, error) {
	return Select(ctx, remote, Selector{Ref: ref})
}

// Select is Resolve for any selector. The credentials must be plain.
func Select(ctx context.Context, remote Remote, selector Selector) (Head, error) {
	selector = selector.normal()
	if head, ok := immediate(selector, time.Time{}); ok {
		return head, head.Err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	s := newSession(remote)
	defer s.close()
	list, err := s.list(ctx, func() []Selector { return []Selector{selector} })
	if err != nil {
		return Head{}, err
	}
	head := list.resolve(selector, remote.Repository)
	return head, head.Err
}
