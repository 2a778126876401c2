package cdk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallFollowsLinksToWhatDecides(t *testing.T) {
	for name, link := range map[string]struct{ path, target, file string }{
		"the lock file":         {"infra/package-lock.json", "../shared/lock.json", "shared/lock.json"},
		"package.json":          {"infra/package.json", "../shared/package.json", "shared/package.json"},
		"npm's settings":        {"infra/.npmrc", "../shared/.npmrc", "shared/.npmrc"},
		"a link to a link":      {"infra/.npmrc", "../link", "shared/.npmrc"},
		"the folder of patches": {"infra/patches", "../shared/patches", "shared/patches/left.patch"},
		"a patch":               {"infra/patches/left.patch", "../../shared/left.patch", "shared/left.patch"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			install := func(content string) Installed {
				files := map[string]string{"infra/cdk.json": "{}", "infra/package.json": "{}", "infra/package-lock.json": "{}", link.file: content}
				delete(files, link.path)
				p := checkout(t, "infra", files)
				symlink(t, "shared/.npmrc", p.Root+"/link")
				symlink(t, link.target, filepath.Join(p.Root, link.path))
				return b.mustInstall(p)
			}
			first := install(`{"version":1}`)
			if again := install(`{"version":1}`); first.Key == "" || !again.Cached {
				t.Errorf("the same again is %+v", again)
			}
			if other := install(`{"version":2}`); other.Cached || other.Key == first.Key {
				t.Errorf("with another content behind the link, install is %+v", other)
			}
		})
	}
}

func TestInstallDoesNotCacheWhatDecidesOutsideOfTheRepository(t *testing.T) {
	outside := t.TempDir()
	write(t, outside+"/file", "{}")
	write(t, outside+"/patches/left.patch", "-")
	for name, link := range map[string]struct{ path, target, note string }{
		"a lock file":            {"package-lock.json", outside + "/file", "package-lock.json is a link"},
		"settings":               {".npmrc", outside + "/file", ".npmrc is a link"},
		"a folder above one":     {".yarn", outside, ".yarn/patches is a link"},
		"a patch":                {"patches/left.patch", outside + "/file", "patches/left.patch is a link"},
		"a folder among patches": {"patches/all", "..", "patches/all is a link"},
		"a link to itself":       {"patches/loop", "loop", "patches/loop is a link"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for range 2 {
				files := with(plain)
				delete(files, link.path)
				p := checkout(t, ".", files)
				symlink(t, link.target, filepath.Join(p.Root, link.path))
				if done := b.mustInstall(p); done.Cached || done.Key != "" || !strings.Contains(done.Note, link.note) {
					t.Errorf("install is %+v", done)
				}
			}
			if b.runs() != 2 {
				t.Errorf("npm ran %d times", b.runs())
			}
		})
	}
}

func TestInstallCachesInSpiteOfALinkToNothing(t *testing.T) {
	b := newBench(t)
	for _, cached := range []bool{false, true} {
		p := checkout(t, ".", plain)
		symlink(t, "/home/nobody/.npmrc", p.Root+"/.npmrc")
		if done := b.mustInstall(p); done.Cached != cached {
			t.Errorf("install is %+v", done)
		}
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
