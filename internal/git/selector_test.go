package git

import (
	"errors"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestTheHighestTagWithinARangeIsFollowed asks real servers, new and old, for
// ranges over tags as repositories have them.
func TestTheHighestTagWithinARangeIsFollowed(t *testing.T) {
	tags := []string{
		"v1.9.0", "1.10.0", "v1.10.1", "v2.0.0", "2.0.0", "v2.1.0-rc.1", "v2.1.0-rc.10", "v3.0.0-beta",
		"20240101", "v9", "release-8.0.0", "app/v7.0.0", "1.2", "v1.02.0", "v0.5.0+build.1", "v0.5.0+build.2", "main",
	}
	cases := map[string]struct{ semver, tag string }{
		"numbers are compared as numbers":                 {"1.x", "v1.10.1"},
		"a tilde keeps the minor version":                 {"~1.9", "v1.9.0"},
		"a caret keeps the major version":                 {"^1.0.0", "v1.10.1"},
		"two bounds":                                      {">=1.0.0 <2.0.0", "v1.10.1"},
		"a tag without a v":                               {"<1.10.1", "1.10.0"},
		"the same version twice: the last name":           {"2.0.0", "v2.0.0"},
		"pre-releases are left out":                       {">=2.0.0", "v2.0.0"},
		"pre-releases that the range names":               {">=2.0.0-0", "v3.0.0-beta"},
		"pre-releases are compared by number":             {"~2.1.0-0", "v2.1.0-rc.10"},
		"builds of one version: the last name":            {"0.5.x", "v0.5.0+build.2"},
		"either of two ranges":                            {"~0.5 || ~1.9", "v1.9.0"},
		"dates and prefixes and short names are not read": {"*", "v2.0.0"},
	}
	for protocol, options := range map[string]gittest.HTTPOptions{"version 2": {}, "version 0": {ProtocolV0: true}} {
		f := newForge(t, options)
		for i, tag := range tags {
			if i%2 == 0 {
				must(t, f.repo.Tag(tag, f.first))
			} else {
				must(t, f.repo.AnnotatedTag(tag, f.first, tag))
			}
		}
		for name, c := range cases {
			t.Run(protocol+"/"+name, func(t *testing.T) {
				head, err := Select(t.Context(), f.http(t), Selector{Semver: c.semver, Ref: "main"})
				if err != nil || head.Tag() != c.tag || head.Revision != f.first || head.Kind != KindTag || head.Name != "refs/tags/"+c.tag {
					t.Errorf("%s = %+v, %v, want tag %s at %s", c.semver, head, err, c.tag, f.first)
				}
			})
		}
	}
}

func TestARangeThatHoldsNoTagSaysWhatThereIs(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	ask := func(semver string) error {
		head, err := Select(t.Context(), f.http(t), Selector{Semver: semver})
		if err == nil {
			t.Fatalf("%s = %+v, want an error", semver, head)
		}
		return err
	}
	if err := ask(">=5.0.0"); !errors.Is(err, ErrRefNotFound) || !strings.Contains(err.Error(), "no tag that is a version") {
		t.Errorf("without tags: %v", err)
	}
	for _, tag := range []string{"v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.10.0", "v1.9.0", "v6.0.0-rc.1"} {
		must(t, f.repo.AnnotatedTag(tag, f.first, tag))
	}
	if err := ask(">=2.0.0 <3.0.0"); !errors.Is(err, ErrRefNotFound) || !strings.Contains(err.Error(), "v6.0.0-rc.1, v1.10.0, v1.9.0, v1.3.0, v1.2.0") || strings.Contains(err.Error(), "v1.1.0") {
		t.Errorf("with tags outside of the range: %v, want the five highest named", err)
	}
	if err := ask(">=5.0.0"); !errors.Is(err, ErrRefNotFound) || !strings.Contains(err.Error(), "v6.0.0-rc.1") || !strings.Contains(err.Error(), "-0") {
		t.Errorf("with a pre-release alone: %v, want it named, and how to take it", err)
	}
	for _, bad := range []string{"hello", ">=", ">=1.0.0 <", " ", "1.0.0;rm", strings.Repeat("1.0.0 || ", 40) + "1.0.0", "-1"} {
		before := f.requests()
		if err := ask(bad); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "~2.1") {
			t.Errorf("%q: %v, want ErrInvalid that shows a range", bad, err)
		}
		if f.requests() != before {
			t.Errorf("%q was sent to the server", bad)
		}
	}
}

func TestRangesAndRefsShareAListing(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	must(t, f.repo.AnnotatedTag("v1.0.0", f.first, "One"))
	selectors := map[Selector]string{
		{Ref: "main"}: second, {Ref: "v1.0.0"}: f.first, {Semver: "1.x"}: f.first, {Semver: "<3"}: f.first,
	}
	for transport, remote := range f.transports(t) {
		t.Run(transport, func(t *testing.T) {
			w := newHeads(t, HeadsOptions{})
			before := f.web.Listings() + f.tls.Listings() + f.shell.Listings()
			f.hang(true) // no look ends before all have asked
			for selector := range selectors {
				w.Select(remote, selector, time.Minute)
			}
			f.hang(false)
			w.next(t)
			for selector, want := range selectors {
				if head, ok := w.Select(remote, selector, time.Minute); !ok || head.Revision != want {
					t.Errorf("%+v = %+v, %v, want %s", selector, head, ok, want)
				}
			}
			if got := f.web.Listings() + f.tls.Listings() + f.shell.Listings() - before; got != 1 {
				t.Errorf("%d listings were made, want 1", got)
			}
		})
	}
}

func TestANewMovedOrDeletedTagIsANewRevision(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	must(t, f.repo.AnnotatedTag("v1.0.0", f.first, "One"))
	w := newHeads(t, HeadsOptions{})
	expect := func(what, tag, revision string) {
		t.Helper()
		w.clock.advance(5 * time.Minute)
		for range 5 {
			head, ok := w.Select(f.http(t), Selector{Semver: ">=1.0.0"}, time.Minute)
			if !ok {
				w.next(t)
				continue
			}
			if head.Tag() != tag || head.Revision != revision || head.Err != nil {
				t.Errorf("%s: %+v, want %s at %s", what, head, tag, revision)
			}
			return
		}
		t.Fatalf("%s: no answer after five looks", what)
	}
	expect("at first", "v1.0.0", f.first)
	must(t, f.repo.AnnotatedTag("v1.0.1", second, "Two"))
	expect("after a new tag", "v1.0.1", second)
	must(t, f.repo.AnnotatedTag("v1.0.1", f.first, "Moved"))
	expect("after the tag was moved", "v1.0.1", f.first)
	must(t, f.repo.Tag("v1.0.0", second))
	must(t, f.repo.DeleteRef("refs/tags/v1.0.1"))
	expect("after the tag was deleted", "v1.0.0", second)
}
