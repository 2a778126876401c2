package git

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
)

func openMirrors(t testing.TB, maxBytes int64) *Mirrors {
	t.Helper()
	m, err := OpenMirrors(filepath.Join(t.TempDir(), "mirrors"), maxBytes)
	must(t, err)
	return m
}

// checkout makes a checkout in a new folder and compares a file in it.
func checkout(t testing.TB, m *Mirrors, remote Remote, revision, content string) (string, Commit) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkout")
	commit, err := m.Checkout(t.Context(), remote, revision, dir)
	must(t, err)
	if got := readFile(t, filepath.Join(dir, "lib", "stack.ts")); got != content+"\n" {
		t.Errorf("the checkout of %s holds %q, want %q", revision, got, content)
	}
	return dir, commit
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	must(t, err)
	return string(body)
}

// An image without git is not taken for a damaged mirror, which would be thrown away.
func TestWithoutGitTheMirrorStaysAndGitIsNamed(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	m := openMirrors(t, 0)
	checkout(t, m, f.http(t), f.first, "one")
	before, err := filepath.Glob(filepath.Join(m.root, "*", "*"))
	must(t, err)
	t.Run("without", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := m.Checkout(t.Context(), f.http(t), f.first, filepath.Join(t.TempDir(), "checkout"))
		if err == nil || !strings.Contains(err.Error(), "git is not on the operator's PATH") {
			t.Errorf("it says %v", err)
		}
	})
	after, err := filepath.Glob(filepath.Join(m.root, "*", "*"))
	must(t, err)
	if strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("the mirrors are %v, were %v", after, before)
	}
}

func TestACommitIsCheckedOut(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "p@ss:w/rd%"})
	second := f.commit(t, "two")
	lost := f.commit(t, "lost")
	must(t, f.repo.Branch("main", second)) // lost is at no tip any more
	must(t, f.repo.AnnotatedTag("v1", f.first, "One"))
	for transport, remote := range f.transports(t) {
		remote.Credentials.Username, remote.Credentials.Password = "ada", "p@ss:w/rd%"
		t.Run(transport, func(t *testing.T) {
			m := openMirrors(t, 0)
			head, err := Resolve(t.Context(), remote, "v1")
			must(t, err)
			_, commit := checkout(t, m, remote, head.Revision, "one")
			want := Commit{Hash: f.first, Author: "Ada Test", Subject: "Write one", Time: time.Date(2024, 1, 1, 0, 1, 0, 0, time.UTC)}
			if commit != want {
				t.Errorf("commit = %+v, want %+v", commit, want)
			}
			checkout(t, m, remote, second, "two")
			checkout(t, m, remote, lost, "lost")
			if _, commit := checkout(t, m, remote, f.first[:12], "one"); commit.Hash != f.first {
				t.Errorf("the abbreviation gave %s, want %s", commit.Hash, f.first)
			}
		})
	}
}

func TestACheckoutIsAWorkingTree(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	dir, _ := checkout(t, openMirrors(t, 0), f.http(t), second, "two")
	for args, want := range map[string]string{
		"status --porcelain":    "",
		"rev-parse HEAD":        second,
		"log --format=%s":       "Write two",
		"remote get-url origin": f.web.URL + "/app.git",
	} {
		out, err := exec.Command("git", append([]string{"-C", dir}, strings.Fields(args)...)...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("git %s = %q, %v, want %q", args, got, err, want)
		}
	}
}

func TestACommitThatIsThereCostsNoNetworkCall(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	m := openMirrors(t, 0)
	for transport, remote := range f.transports(t) {
		checkout(t, m, remote, f.first, "one")
		before := f.web.Connections() + f.tls.Connections() + f.shell.Connections()
		checkout(t, m, remote, f.first, "one")
		if after := f.web.Connections() + f.tls.Connections() + f.shell.Connections(); after != before {
			t.Errorf("%s: the second checkout made %d connections", transport, after-before)
		}
	}
}

func TestMirrorsAreNotSharedAcrossCredentials(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "right"})
	m := openMirrors(t, 0)
	allowed := f.http(t)
	allowed.Credentials.Username, allowed.Credentials.Password = "ada", "right"
	checkout(t, m, allowed, f.first, "one")
	for name, credentials := range map[string]Credentials{"nobody": {}, "a stranger": {Username: "ada", Password: "wrong"}} {
		remote := allowed
		remote.Credentials = credentials
		if _, err := m.Checkout(t.Context(), remote, f.first, t.TempDir()); !errors.Is(err, ErrAuth) {
			t.Errorf("%s gets %v from the mirror, want ErrAuth", name, err)
		}
	}
}

func TestEachFailedFetchSaysWhatToDo(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "right"})
	open := newForge(t, gittest.HTTPOptions{})
	strangerKey, _, err := gittest.NewSSHKey()
	must(t, err)
	rotated := open.ssh(t)
	must(t, open.shell.RotateHostKey())
	missing := strings.Repeat("ab", 20)
	change := func(remote Remote, edit func(*Remote)) Remote {
		edit(&remote)
		return remote
	}
	cases := map[string]struct {
		remote   Remote
		revision string
		kind     error
		says     string
	}{
		"wrong password":     {change(f.http(t), func(r *Remote) { r.Credentials.Password = "s3cret" }), f.first, ErrAuth, "token"},
		"wrong key":          {change(f.ssh(t), func(r *Remote) { r.Credentials.SSHPrivateKey = strangerKey }), f.first, ErrAuth, "deploy key"},
		"no key":             {change(f.ssh(t), func(r *Remote) { r.Credentials.SSHPrivateKey = nil }), f.first, ErrAuth, "sshSecretName"},
		"changed host key":   {rotated, open.first, ErrHostKey, "has changed"},
		"unknown host key":   {change(f.ssh(t), func(r *Remote) { r.Credentials.KnownHosts = nil }), f.first, ErrHostKey, "known_hosts"},
		"unknown authority":  {change(open.https(t), func(r *Remote) { r.Credentials.CA = nil }), open.first, ErrCertificate, "ca.crt"},
		"missing repository": {change(open.http(t), func(r *Remote) { r.Repository = parse(t, open.web.URL+"/none.git") }), f.first, ErrNotFound, "does not exist"},
		"missing commit":     {open.http(t), missing, ErrRefNotFound, missing},
		"missing short hash": {open.http(t), missing[:9], ErrRefNotFound, missing[:9]},
		"nobody listens":     {change(f.http(t), func(r *Remote) { r.Repository = parse(t, "http://"+closedAddress(t)+"/a.git") }), f.first, ErrUnreachable, "refused"},
		"a branch name":      {open.http(t), "main", ErrInvalid, "commit hash"},
		"an option":          {open.http(t), "--upload-pack=id", ErrInvalid, "commit hash"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := openMirrors(t, 0).Checkout(t.Context(), c.remote, c.revision, t.TempDir())
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("Checkout = %v, want %v with %q", err, c.kind, c.says)
			}
		})
	}
}

func TestAServerThatGivesOnlyTipsIsServed(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{ProtocolV0: true})
	f.commit(t, "two")
	m := openMirrors(t, 0)
	checkout(t, m, f.http(t), f.first, "one")
	before := f.web.Requests()
	checkout(t, m, f.http(t), f.first, "one")
	if f.web.Requests() != before {
		t.Error("the commit was fetched again")
	}
}

// TestABranchMayTakeTheNameOfOneThatIsGone renames branches and tags in a way
// that git cannot hold side by side: a file and a folder of one name.
func TestABranchMayTakeTheNameOfOneThatIsGone(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{ProtocolV0: true})
	must(t, f.repo.Branch("release", f.first))
	must(t, f.repo.Tag("v1", f.first))
	second, lost := f.commit(t, "two"), f.commit(t, "lost")
	f.commit(t, "top")
	m := openMirrors(t, 0)
	checkout(t, m, f.http(t), lost, "lost")
	checkout(t, m, f.http(t), lost[:12], "lost")

	must(t, f.repo.Branch("main", second))
	must(t, f.repo.DeleteRef("refs/heads/release"))
	must(t, f.repo.DeleteRef("refs/tags/v1"))
	third := f.commit(t, "three")
	must(t, f.repo.Branch("release/1.0", f.commit(t, "four")))
	must(t, f.repo.Tag("v1/rc", f.first))
	for _, store := range append(glob(t, m.root, "*/history"), glob(t, m.root, "*/commits")...) {
		// git leaves this when it is killed while it forgets a branch.
		must(t, os.WriteFile(filepath.Join(store, "packed-refs.new"), nil, 0o600))
	}
	checkout(t, m, f.http(t), second, "two")
	checkout(t, m, f.http(t), third[:12], "three")

	// What was fetched for someone stays, whatever became of its branch.
	before := f.web.Requests()
	checkout(t, m, f.http(t), lost, "lost")
	checkout(t, m, f.http(t), second, "two")
	if f.web.Requests() != before {
		t.Error("a commit was fetched again")
	}
}

// TestAnAbandonedLockOfABranchStopsNobody leaves what a killed fetch leaves of
// a branch whose name has a slash.
func TestAnAbandonedLockOfABranchStopsNobody(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{ProtocolV0: true})
	second := f.commit(t, "two")
	m := openMirrors(t, 0)
	checkout(t, m, f.http(t), f.first, "one")
	must(t, f.repo.Branch("team/ada/fix", f.commit(t, "three")))
	locks := filepath.Join(glob(t, m.root, "*/history")[0], "refs/all/heads/team/ada")
	must(t, os.MkdirAll(locks, 0o700))
	must(t, os.WriteFile(filepath.Join(locks, "fix.lock"), nil, 0o600))
	checkout(t, m, f.http(t), second, "two")
}

func TestTooLargeARepositoryIsRefused(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	noise := strings.Builder{}
	for i := range 400_000 {
		fmt.Fprintf(&noise, "%x\n", uint64(i)*0x9E3779B97F4A7C15)
	}
	big, err := f.repo.Commit(map[string]string{"big": noise.String()}, "Large")
	must(t, err)
	m := openMirrors(t, 64<<10)
	f.web.Throttle(256 << 10) // slow enough to be seen growing
	if _, err := m.Checkout(t.Context(), f.http(t), big, t.TempDir()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Checkout = %v, want ErrTooLarge", err)
	}
	checkout(t, m, f.http(t), f.first, "one")
}

func TestUnusedMirrorsArePruned(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	m := openMirrors(t, 0)
	checkout(t, m, f.http(t), f.first, "one")
	info, err := os.Stat(filepath.Dir(glob(t, m.root, "*/1.git")[0]))
	must(t, err)
	must(t, m.Prune(info.ModTime().Add(-time.Hour)))
	glob(t, m.root, "*/1.git")
	must(t, m.Prune(info.ModTime().Add(time.Hour)))
	if left, _ := filepath.Glob(filepath.Join(m.root, "*", "1.git")); len(left) > 0 {
		t.Errorf("%v were not pruned", left)
	}
	checkout(t, m, f.http(t), f.first, "one")
}
