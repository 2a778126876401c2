package git

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/git/gittest"
)

// asTheApp runs git in a checkout as an app does, without any settings of ours.
func asTheApp(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "error: " + strings.TrimSpace(string(out))
	}
	return strings.TrimSpace(string(out))
}

// What `git clone --branch` would have is what the app sees.
func TestACheckoutShowsItsBranchOrItsTag(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	must(t, f.repo.Branch("feature/login", second))
	must(t, f.repo.AnnotatedTag("v1.0.0", f.first, "One"))
	cases := map[string]struct {
		clone    Clone
		revision string
		want     map[string]string
	}{
		"a branch": {Clone{Ref: "refs/heads/main"}, second, map[string]string{
			"rev-parse --abbrev-ref HEAD": "main", "branch --show-current": "main", "rev-parse HEAD": second, "status --porcelain": "", "rev-list --count HEAD": "1"}},
		"a branch with a slash": {Clone{Ref: "refs/heads/feature/login"}, second, map[string]string{"branch --show-current": "feature/login", "rev-parse origin/feature/login": second}},
		"a tag":                 {Clone{Ref: "refs/tags/v1.0.0"}, f.first, map[string]string{"rev-parse --abbrev-ref HEAD": "HEAD", "describe --tags --exact-match": "v1.0.0"}},
		"nothing known":         {Clone{}, f.first, map[string]string{"rev-parse --abbrev-ref HEAD": "HEAD", "rev-parse HEAD": f.first}},
		"a name that leads out": {Clone{Ref: "refs/heads/../../../../evil"}, f.first, map[string]string{"rev-parse --abbrev-ref HEAD": "HEAD"}},
		"all of the history": {Clone{Ref: "refs/heads/main", History: true}, second, map[string]string{
			"branch --show-current": "main", "describe": "v1.0.0-1-g" + second[:7], "describe --tags --abbrev=0": "v1.0.0", "rev-list --count HEAD": "2",
			"rev-parse origin/feature/login": second, "status --porcelain": "", "log -1 --format=%s v1.0.0": "Write one"}},
	}
	for name, c := range cases {
		check := func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "checkout")
			m := openMirrors(t, 0)
			_, err := m.Clone(t.Context(), f.http(t), c.revision, dir, c.clone)
			must(t, err)
			if c.clone.Own {
				must(t, os.RemoveAll(m.root)) // git has to do without it
				c.want["show -s --format=%H HEAD"], c.want["fsck --full --strict"] = c.revision, ""
			}
			for args, want := range c.want {
				if got := asTheApp(t, dir, strings.Fields(args)...); got != want {
					t.Errorf("git %s says %q, want %q", args, got, want)
				}
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(filepath.Dir(dir)), "evil")); err == nil {
				t.Error("a ref was written outside of the checkout")
			}
		}
		t.Run(name, check)
		c.clone.Own = true
		t.Run(name+", without the mirror", check)
	}
}

// Tags come and go without the commit changing.
func TestATagThatCameLaterIsSeenInTheHistory(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	m, remote := openMirrors(t, 0), f.http(t)
	for _, tag := range []string{"v1.0.0", "v1.1.0"} {
		must(t, f.repo.AnnotatedTag(tag, f.first, tag))
		dir := filepath.Join(t.TempDir(), "checkout")
		_, err := m.Clone(t.Context(), remote, f.first, dir, Clone{Ref: "refs/heads/main", History: true})
		must(t, err)
		if got := asTheApp(t, dir, "tag", "--list", tag); got != tag {
			t.Errorf("the tags are %q, want %q", got, tag)
		}
	}
}
