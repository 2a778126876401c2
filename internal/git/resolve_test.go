package git

import (
	"fmt"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/git/gittest"
)

func TestARefIsResolved(t *testing.T) {
	for name, options := range map[string]gittest.HTTPOptions{"protocol version 2": {}, "an old server": {ProtocolV0: true}} {
		f := newForge(t, options)
		second := f.commit(t, "two")
		must(t, f.repo.Tag("v1", f.first))
		must(t, f.repo.AnnotatedTag("v2", second, "Two"))
		must(t, f.repo.Branch("both", f.first))
		must(t, f.repo.Tag("both", second))
		must(t, f.repo.ForceUpdate("refs/pull/7/head", f.first))
		must(t, f.repo.Branch("deadbeef", f.first))
		cases := map[string]Head{
			"main":             {Revision: second, Kind: KindBranch, Name: "refs/heads/main"},
			"HEAD":             {Revision: second, Kind: KindOther, Name: "HEAD"},
			"v1":               {Revision: f.first, Kind: KindTag, Name: "refs/tags/v1"},
			"v2":               {Revision: second, Kind: KindTag, Name: "refs/tags/v2"},
			"both":             {Revision: f.first, Kind: KindBranch, Name: "refs/heads/both"},
			"refs/tags/both":   {Revision: second, Kind: KindTag, Name: "refs/tags/both"},
			"tags/both":        {Revision: second, Kind: KindTag, Name: "refs/tags/both"},
			"refs/pull/7/head": {Revision: f.first, Kind: KindOther, Name: "refs/pull/7/head"},
			"deadbeef":         {Revision: f.first, Kind: KindBranch, Name: "refs/heads/deadbeef"},
			f.first[:10]:       {Revision: f.first[:10], Kind: KindAbbreviation},
			f.first:            {Revision: f.first, Kind: KindCommit},
		}
		for transport, remote := range f.transports(t) {
			for ref, want := range cases {
				t.Run(fmt.Sprintf("%s/%s/%s", name, transport, strings.ReplaceAll(ref, "/", "_")), func(t *testing.T) {
					got, err := Resolve(t.Context(), remote, ref)
					if err != nil || got != want {
						t.Errorf("Resolve(%q) = %+v, %v, want %+v", ref, got, err, want)
					}
				})
			}
		}
	}
}
