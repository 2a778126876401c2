package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestOnlyChangesThatCountTouch makes one change after another to a
// repository, as teams and attackers do, and asks whose they are.
func TestOnlyChangesThatCountTouch(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	must(t, f.repo.Config("uploadpack.allowFilter", "true"))
	r := f.repo
	commit := func(path string) func() (string, error) {
		return func() (string, error) { return r.Commit(map[string]string{path: "changed\n"}, "Change") }
	}
	steps := []struct {
		name            string
		do              func() (string, error)
		include, ignore string // separated by spaces
		touched         bool
	}{
		{"a file inside", commit("infra/app.ts"), "infra/**", "", true},
		{"a file outside", commit("web/index.html"), "infra/**", "", false},
		{"a file deep inside", commit("infra/a/b/c.ts"), "infra/**", "", true},
		{"a folder whose name begins the same", commit("infra-old/app.ts"), "infra/**", "", false},
		{"a folder without a glob", commit("infra/x.ts"), "infra", "", true},
		{"a folder with a slash", commit("infra/y.ts"), "./infra/", "", true},
		{"a file without a glob", commit("package.json"), "infra/** package.json", "", true},
		{"a file of that name elsewhere", commit("web/package.json"), "infra/** package.json", "", false},
		{"a file of that name anywhere", commit("web/sub/package.json"), "**/package.json", "", true},
		{"one star stays in its folder", commit("lib/a/b.ts"), "lib/*", "", false},
		{"a question mark is one character", commit("lib/stack1.ts"), "lib/stack?.ts", "", true},
		{"alternatives", commit("lib/other.js"), "lib/*.{ts,js}", "", true},
		{"what is ignored", commit("infra/README.md"), "infra/**", "**/*.md", false},
		{"what is ignored, without include", commit("docs/a.md"), "", "docs/**", false},
		{"what is not ignored, without include", commit("src/a.ts"), "", "docs/**", true},
		{"no globs at all", commit("anything"), "", "", true},
		{"no file at all, without globs", func() (string, error) { return r.Commit(nil, "Empty") }, "", "", true},
		{"no file at all", func() (string, error) { return r.Commit(nil, "Empty") }, "**", "", false},
		{"a mode", func() (string, error) { return r.CommitExecutable("infra/app.ts", "changed\n", "Mode") }, "infra/**", "", true},
		{"a file that becomes a link", func() (string, error) { return r.CommitSymlink("infra/x.ts", "y.ts", "Link") }, "infra/**", "", true},
		{"a link's target", func() (string, error) { return r.CommitSymlink("infra/x.ts", "/etc/passwd", "Link") }, "infra/x.ts", "", true},
		{"a new submodule", func() (string, error) {
			return r.CommitSubmodule("infra/sub", "http://169.254.169.254/latest", f.first, "Sub")
		}, "infra/**", "", true},
		{"a submodule's commit", func() (string, error) {
			return r.CommitSubmodule("infra/sub", "http://169.254.169.254/latest", strings.Repeat("ab", 20), "Sub")
		}, "infra/sub", "", true},
		{"a submodule elsewhere", func() (string, error) {
			return r.CommitSubmodule("web/sub", "http://169.254.169.254/latest", f.first, "Sub")
		}, "infra/**", "", false},
		{"a rename within", func() (string, error) { return r.Rename("infra/y.ts", "infra/z.ts", "Move") }, "infra/z.ts", "", true},
		{"a rename out", func() (string, error) { return r.Rename("infra/z.ts", "web/z.ts", "Move") }, "infra/**", "", true},
		{"a rename in", func() (string, error) { return r.Rename("web/z.ts", "infra/z.ts", "Move") }, "infra/**", "", true},
		{"a rename elsewhere", func() (string, error) { return r.Rename("web/index.html", "web/i.html", "Move") }, "infra/**", "", false},
		{"a file that goes", func() (string, error) { return r.Remove("Remove", "infra/z.ts") }, "infra/**", "", true},
		{"a folder that goes", func() (string, error) { return r.Remove("Remove", "infra/a") }, "infra/a", "", true},
		{"a newline in a name", commit("infra/a\nb"), "infra/**", "", true},
		{"a newline in a name elsewhere", commit("web\ninfra/b"), "infra/**", "", false},
		{"quotes and stars in a name", commit("infra/\"*'?["), "infra/**", "", true},
		{"a star in a name is no glob", commit("web/*"), "web/\\*", "", true},
		{"bytes that are no text", commit("infra/\xff\xfe"), "infra/??", "", true},
		{"a backslash in a name", commit("web/infra\\b"), "infra/**", "", false},
		{"letters of other scripts", commit("инфра/é.ts"), "инфра/?.ts", "", true},
		{"a name like an option", commit("--output=x"), "--output=x", "", true},
	}
	before := f.first
	m := openMirrors(t, 0)
	for i, step := range steps {
		after, err := step.do()
		must(t, err)
		remote := []Remote{f.http(t), f.ssh(t)}[i%2]
		got, err := m.Inspect(t.Context(), remote, Change{Old: before, New: after, Include: strings.Fields(step.include), Ignore: strings.Fields(step.ignore)})
		if err != nil || got.Touched != step.touched || got.Rewritten {
			t.Errorf("%s: Inspect = %+v, %v, want touched %v", step.name, got, err, step.touched)
		}
		if got.Commit.Hash != after || got.Commit.Author != "Ada Test" || got.Commit.Subject == "" || got.Commit.Time.IsZero() {
			t.Errorf("%s: the commit is %+v", step.name, got.Commit)
		}
		before = after
	}
}

func TestARewrittenHistoryCounts(t *testing.T) {
	for name, options := range map[string]gittest.HTTPOptions{"a new server": {}, "an old server": {ProtocolV0: true}} {
		for _, filter := range []string{"true", "false"} {
			t.Run(name+" that filters: "+filter, func(t *testing.T) {
				f := newForge(t, options)
				must(t, f.repo.Config("uploadpack.allowFilter", filter))
				usual := options.ProtocolV0 == (filter == "false") // the others are met by a few cases
				second := f.commit(t, "two")
				third, err := f.repo.Commit(map[string]string{"docs/a": "a"}, "Three")
				must(t, err)
				must(t, f.repo.Branch("main", f.first))
				other, err := f.repo.Commit(map[string]string{"docs/b": "b"}, "Another two")
				must(t, err)
				must(t, f.repo.Branch("kept", third))
				unknown := strings.Repeat("ab", 20)
				cases := map[string]struct {
					old, new                string
					include                 []string
					touched, rewritten, any bool
				}{
					"forward, outside":         {second, third, []string{"lib/**"}, false, false, false},
					"forward, two steps":       {f.first, third, []string{"lib/**"}, true, false, false},
					"nothing new":              {third, third, []string{"lib/**"}, false, false, false},
					"nothing deployed":         {"", third, []string{"lib/**"}, true, false, false},
					"back":                     {third, second, []string{"lib/**"}, true, true, false},
					"a side step":              {third, other, []string{"none/**"}, true, true, false},
					"an old commit not known":  {unknown, third, []string{"lib/**"}, true, true, false},
					"an old one that is none":  {"main@sha1:1", third, []string{"lib/**"}, true, true, false},
					"a side step, all counts":  {third, other, nil, true, false, true},
					"an abbreviated new one":   {second, third[:9], []string{"lib/**"}, false, false, false},
					"forward from what is old": {f.first, other, []string{"lib/**"}, false, false, false},
				}
				shared := openMirrors(t, 0)
				for name, c := range cases {
					if !usual && !strings.HasPrefix(name, "forward, ") {
						continue
					}
					got, err := shared.Inspect(t.Context(), f.http(t), Change{Old: c.old, New: c.new, Include: c.include})
					if err != nil || got.Touched != c.touched || (got.Rewritten != c.rewritten && !c.any) {
						t.Errorf("%s: Inspect = %+v, %v, want touched %v, rewritten %v", name, got, err, c.touched, c.rewritten)
					}
				}
				if _, err := shared.Inspect(t.Context(), f.http(t), Change{Old: second, New: unknown, Include: []string{"lib"}}); !errors.Is(err, ErrRefNotFound) {
					t.Errorf("a new commit that nobody has: %v, want ErrRefNotFound", err)
				}
			})
		}
	}
}

// TestAnInspectionFetchesNoFiles looks at how much it brings to disk, and how
// often it asks.
func TestAnInspectionFetchesNoFiles(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	must(t, f.repo.Config("uploadpack.allowFilter", "true"))
	noise := strings.Builder{}
	for i := range 100_000 {
		fmt.Fprintf(&noise, "%x\n", uint64(i)*0x9E3779B97F4A7C15)
	}
	second, err := f.repo.Commit(map[string]string{"docs/big": noise.String()}, "Large")
	must(t, err)
	m := openMirrors(t, 0)
	for stack := range 20 {
		got, err := m.Inspect(t.Context(), f.http(t), Change{Old: f.first, New: second, Include: []string{fmt.Sprintf("lib%d/**", stack)}})
		if err != nil || got.Touched {
			t.Fatalf("Inspect = %+v, %v, want untouched", got, err)
		}
	}
	if got := f.web.Fetches(); got != 3 {
		t.Errorf("20 inspections of one change made %d fetches, want 3: two trees and one history", got)
	}
	var size int64
	err = filepath.WalkDir(m.root, func(_ string, d os.DirEntry, err error) error {
		if info, err := d.Info(); err == nil && d.Type().IsRegular() {
			size += info.Size()
		}
		return err
	})
	if must(t, err); size > 64<<10 {
		t.Errorf("the mirror holds %d bytes after inspections, with a file of %d", size, noise.Len())
	}
	checkout(t, m, f.http(t), second, "one")
}

func TestADamagedMirrorIsInspectedAnew(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	third, err := f.repo.Commit(map[string]string{"docs/a": "a"}, "Three")
	must(t, err)
	for name, damage := range map[string]func(*testing.T, string){
		"packs gone":      func(t *testing.T, store string) { must(t, os.RemoveAll(filepath.Join(store, "objects"))) },
		"garbage in refs": func(t *testing.T, store string) { overwrite(t, store, "refs/keep/*", "garbage") },
		"garbage config":  func(t *testing.T, store string) { overwrite(t, store, "config", "[core") },
		"a pack cut short": func(t *testing.T, store string) {
			for _, pack := range glob(t, store, "objects/pack/*.pack") {
				must(t, os.Chmod(pack, 0o600))
				must(t, os.Truncate(pack, 40))
			}
		},
	} {
		for _, store := range []string{"trees", "ancestry"} {
			m := openMirrors(t, 0)
			for range 2 {
				got, err := m.Inspect(t.Context(), f.http(t), Change{Old: second, New: third, Include: []string{"lib"}})
				if err != nil || got.Touched {
					t.Errorf("%s of %s: Inspect = %+v, %v, want untouched", name, store, got, err)
				}
				damage(t, glob(t, m.root, "*/"+store)[0])
			}
		}
	}
}

func TestGlobsAreCheckedBeforeUse(t *testing.T) {
	many := strings.Fields(strings.Repeat("a ", maxGlobs+1))
	for name, globs := range map[string][]string{
		"an open bracket": {"a["}, "an open brace": {"a{b"}, "nothing": {""}, "a newline": {"a\nb"},
		"very long": {strings.Repeat("a", maxGlobLength+1)}, "very many": many, "alternatives that multiply": {strings.Repeat("{a,a}", 20)},
		"a backslash at the end": {`a\`},
	} {
		for _, c := range []Change{{Include: globs}, {Ignore: globs}} {
			c.Old, c.New = strings.Repeat("ab", 20), strings.Repeat("cd", 20)
			_, err := openMirrors(t, 0).Inspect(t.Context(), Remote{Repository: parse(t, "http://127.0.0.1:1/a.git")}, c)
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", name, err)
			}
		}
	}
}

func TestAHangingInspectionEndsWithItsContext(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	m := openMirrors(t, 0)
	f.hang(true)
	for transport, remote := range f.transports(t) {
		before := f.requests()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			f.awaitRequest(t, before)
		}()
		if _, err := m.Inspect(ctx, remote, Change{Old: f.first, New: second, Include: []string{"lib"}}); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: Inspect = %v, want ErrUnreachable", transport, err)
		}
	}
}
