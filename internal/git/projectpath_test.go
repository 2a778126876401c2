package git

import (
	"errors"
	"path/filepath"
	"testing"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestProjectPath asks for folders of a real checkout, whose author put
// symbolic links into it.
func TestProjectPath(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	secret := t.TempDir()
	_, err := f.repo.Commit(map[string]string{"stacks/app/cdk.json": "{}"}, "Project")
	must(t, err)
	var hash string
	for path, target := range map[string]string{
		"inside": "stacks/app", "outside": secret, "up": "../..", "stacks/up": "../../..", "chain": "stacks/up/etc",
		"git": ".git", "dangling": "nowhere", "loop": "loop", "stacks/back": "../lib",
	} {
		hash, err = f.repo.CommitSymlink(path, target, "Link "+path)
		must(t, err)
	}
	dir, _ := checkout(t, openMirrors(t, 0), f.http(t), hash, "one")
	good := map[string]string{
		"": ".", ".": ".", "./": ".", "stacks/app": "stacks/app", "./stacks/app/": "stacks/app", "stacks//app": "stacks/app",
		"inside": "stacks/app", "stacks/back": "lib",
	}
	for path, want := range good {
		got, err := ProjectPath(dir, path)
		if err != nil || got != filepath.Join(resolved(t, dir), want) {
			t.Errorf("ProjectPath(%q) = %q, %v, want %s", path, got, err, want)
		}
	}
	for name, path := range map[string]string{
		"absolute": "/etc", "the checkout itself, absolute": dir, "up": "..", "up from a folder": "stacks/../../x", "down and up again": "stacks/..",
		"a link out": "outside", "a relative link out": "up", "a link out in a folder": "stacks/up", "through a link out": "stacks/up/etc",
		"a chain of links": "chain", "git's folder": ".git", "git's folder in capitals": ".GIT/objects", "a link to git's folder": "git",
		"a link to nothing": "dangling", "a link to itself": "loop", "a file": "app.ts", "nothing": "none", "a zero byte": "stacks\x00", "a newline": "stacks\n",
	} {
		if got, err := ProjectPath(dir, path); !errors.Is(err, ErrProjectPath) {
			t.Errorf("%s: ProjectPath(%q) = %q, %v, want ErrProjectPath", name, path, got, err)
		}
	}
}

func resolved(t *testing.T, dir string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(dir)
	must(t, err)
	return path
}
