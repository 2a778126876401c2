package git

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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

func TestAFetchFollowsARenameOnTheHostAlone(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	mux := http.NewServeMux()
	mux.HandleFunc("/old.git/info/refs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/app.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
	})
	mux.HandleFunc("/away.git/info/refs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, f.tls.URL+"/app.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
	})
	mux.HandleFunc("/file.git/info/refs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "file://"+f.repo.Dir)
		w.WriteHeader(http.StatusFound)
	})
	mux.Handle("/", f.web)
	server := httptest.NewServer(mux)
	defer server.Close()
	at := func(name string) Remote {
		return Remote{Repository: parse(t, server.URL+name), Credentials: Credentials{Username: "ada", Password: "s3cret"}}
	}
	checkout(t, openMirrors(t, 0), at("/old.git"), f.first, "one")
	for _, name := range []string{"/away.git", "/file.git"} {
		if _, err := openMirrors(t, 0).Checkout(t.Context(), at(name), f.first, t.TempDir()); !errors.Is(err, ErrRedirect) {
			t.Errorf("%s: Checkout = %v, want ErrRedirect", name, err)
		}
	}
	if got := f.tls.Requests(); got != 0 {
		t.Errorf("the other host received %d requests, want none", got)
	}
}

// TestADamagedMirrorIsReplaced damages a mirror in the ways that a kill, a
// full disk or a bad one does.
func TestADamagedMirrorIsReplaced(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	damages := map[string]func(t *testing.T, store string){
		"a pack cut short": func(t *testing.T, store string) {
			for _, pack := range glob(t, store, "objects/pack/*.pack") {
				must(t, os.Chmod(pack, 0o600))
				must(t, os.Truncate(pack, 40))
			}
		},
		"packs gone":         func(t *testing.T, store string) { must(t, os.RemoveAll(filepath.Join(store, "objects"))) },
		"garbage in a ref":   func(t *testing.T, store string) { overwrite(t, store, "refs/keep/*", "garbage") },
		"a ref to nothing":   func(t *testing.T, store string) { overwrite(t, store, "refs/keep/*", strings.Repeat("ab", 20)) },
		"garbage as HEAD":    func(t *testing.T, store string) { overwrite(t, store, "HEAD", "garbage") },
		"garbage as config":  func(t *testing.T, store string) { overwrite(t, store, "config", "[core") },
		"an empty shallow":   func(t *testing.T, store string) { overwrite(t, store, "shallow", "") },
		"garbage as shallow": func(t *testing.T, store string) { overwrite(t, store, "shallow", "garbage\n") },
		"an abandoned lock": func(t *testing.T, store string) {
			must(t, os.WriteFile(filepath.Join(store, "shallow.lock"), nil, 0o600))
		},
		"half a pack left": func(t *testing.T, store string) {
			must(t, os.WriteFile(filepath.Join(store, "objects/pack/tmp_pack_x"), []byte("PACK"), 0o600))
		},
		"everything is gone": func(t *testing.T, store string) { must(t, os.RemoveAll(store)) },
		"an index cut short": func(t *testing.T, store string) {
			for _, index := range glob(t, store, "objects/pack/*.idx") {
				must(t, os.Chmod(index, 0o600))
				must(t, os.Truncate(index, 100))
			}
		},
	}
	for name, damage := range damages {
		for revision, content := range map[string]string{f.first: "one", second: "two"} {
			t.Run(name+", then "+content, func(t *testing.T) {
				m := openMirrors(t, 0)
				checkout(t, m, f.http(t), f.first, "one")
				damage(t, glob(t, m.root, "*/1.git")[0])
				checkout(t, m, f.http(t), revision, content)
				checkout(t, m, f.http(t), f.first, "one")
			})
		}
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	if len(found) == 0 {
		t.Fatalf("nothing matches %s in %s", pattern, dir)
	}
	return found
}

func overwrite(t *testing.T, dir, pattern, content string) {
	t.Helper()
	for _, path := range glob(t, dir, pattern) {
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
}

func TestAMirrorIsBegunAnewAfterManyFetches(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	m := openMirrors(t, 0)
	dir, _ := checkout(t, m, f.http(t), f.first, "one")
	store := glob(t, m.root, "*/1.git")[0]
	for i := range maxPacks {
		must(t, os.WriteFile(filepath.Join(store, fmt.Sprintf("objects/pack/pack-%040d.pack", i)), nil, 0o600))
	}
	checkout(t, m, f.http(t), f.commit(t, "two"), "two")
	glob(t, m.root, "*/2.git")
	if out, err := exec.Command("git", "-C", dir, "status", "--porcelain").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the first checkout lost its objects: %s, %v", out, err)
	}
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

func TestAHangingFetchEndsWithItsContext(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	m := openMirrors(t, 0)
	f.hang(true)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary) // marks the processes that are started
	for transport, remote := range f.transports(t) {
		before := f.requests()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			for f.requests() == before && t.Context().Err() == nil {
				time.Sleep(time.Millisecond)
			}
		}()
		_, err := m.Checkout(ctx, remote, f.first, filepath.Join(t.TempDir(), "checkout"))
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: Checkout = %v, want ErrUnreachable", transport, err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := processesWith(t, temporary)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes were left behind: %v", left)
		}
	}
}

// processesWith lists the processes that were started with a text in their
// arguments or environment.
func processesWith(t *testing.T, text string) (out []string) {
	t.Helper()
	for _, path := range glob(t, "/proc", "[0-9]*/cmdline") {
		command, _ := os.ReadFile(path)
		environment, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if strings.Contains(string(command)+string(environment), text) {
			out = append(out, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return out
}

func TestSubmodulesAreNotFetched(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	hash, err := f.repo.CommitSubmodule("vendor", f.tls.URL+"/latest/meta-data", f.first, "Lure")
	must(t, err)
	dir, _ := checkout(t, openMirrors(t, 0), f.http(t), hash, "one")
	entries, err := os.ReadDir(filepath.Join(dir, "vendor"))
	if err != nil || len(entries) > 0 || f.tls.Requests() > 0 {
		t.Errorf("the submodule's folder holds %v (%v), its server got %d requests", entries, err, f.tls.Requests())
	}
}

// TestNothingOfTheMachineOrTheMirrorRuns plants configuration and hooks where
// git looks for them, and in the mirror itself as a hostile build could.
func TestNothingOfTheMachineOrTheMirrorRuns(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	home, trap := t.TempDir(), filepath.Join(t.TempDir(), "sprung")
	evil := fmt.Sprintf("[core]\n\tfsmonitor = touch %[1]s\n\tsshCommand = touch %[1]s\n\thooksPath = %[2]s\n[filter \"x\"]\n\tsmudge = touch %[1]s\n[credential]\n\thelper = \"!touch %[1]s\"\n[url \"file:///\"]\n\tinsteadOf = http://\n", trap, home)
	must(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(evil), 0o600))
	for _, hook := range []string{"post-checkout", "reference-transaction", "post-index-change"} {
		must(t, os.WriteFile(filepath.Join(home, hook), []byte("#!/bin/sh\ntouch "+trap+"\n"), 0o700))
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, ".gitconfig"))
	t.Setenv("GIT_SSH_COMMAND", "touch "+trap)
	t.Setenv("GIT_ASKPASS", "/bin/false")
	t.Setenv("GIT_DIR", home)
	hash, err := f.repo.Commit(map[string]string{".gitattributes": "* filter=x\n"}, "Filter")
	must(t, err)
	m := openMirrors(t, 0)
	checkout(t, m, f.http(t), f.first, "one")
	store := glob(t, m.root, "*/1.git")[0]
	overwrite(t, store, "config", evil)
	must(t, os.Mkdir(filepath.Join(store, "hooks"), 0o700))
	must(t, os.WriteFile(filepath.Join(store, "hooks", "reference-transaction"), []byte("#!/bin/sh\ntouch "+trap+"\n"), 0o700))
	checkout(t, m, f.http(t), second, "two")
	checkout(t, m, f.ssh(t), hash, "two")
	if _, err := os.Stat(trap); err == nil {
		t.Error("something planted was run")
	}
}

func TestSecretsAreNowhereOnDiskAfterwards(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "s3cret"})
	remote := f.http(t)
	remote.Repository = parse(t, strings.Replace(f.web.URL, "://", "://ada:s3cret@", 1)+"/app.git")
	m := openMirrors(t, 0)
	dir, _ := checkout(t, m, remote, f.first, "one")
	for _, root := range []string{temporary, m.root, dir} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.Contains(readFile(t, path), "s3cret") {
				t.Errorf("%s holds the password", path)
			}
			return err
		})
		must(t, err)
	}
	if left, _ := filepath.Glob(filepath.Join(temporary, "git-*")); len(left) > 0 {
		t.Errorf("%v were left behind", left)
	}
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

// TestMain lets the test binary stand in for a runner: a process of its own
// that makes one checkout.
func TestMain(m *testing.M) {
	if root := os.Getenv("GIT_TEST_CHECKOUT"); root != "" {
		os.Exit(checkoutProcess(root))
	}
	os.Exit(m.Run())
}

func checkoutProcess(root string) int {
	mirrors, err := OpenMirrors(root, 0)
	if err == nil {
		var r Repository
		if r, err = ParseRepository(os.Getenv("GIT_TEST_REPOSITORY")); err == nil {
			_, err = mirrors.Checkout(context.Background(), Remote{Repository: r}, os.Getenv("GIT_TEST_REVISION"), os.Getenv("GIT_TEST_DIR"))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func checkoutCommand(t *testing.T, root, repository, revision, dir string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GIT_TEST_CHECKOUT="+root, "GIT_TEST_REPOSITORY="+repository, "GIT_TEST_REVISION="+revision, "GIT_TEST_DIR="+dir)
	return cmd
}

func TestProcessesShareAMirror(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	root, out := filepath.Join(t.TempDir(), "mirrors"), t.TempDir()
	var wait sync.WaitGroup
	for i := range 6 {
		revision := []string{f.first, second}[i%2]
		cmd := checkoutCommand(t, root, f.web.URL+"/app.git", revision, filepath.Join(out, fmt.Sprint(i)))
		wait.Go(func() {
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, text)
			}
		})
	}
	wait.Wait()
	for i := range 6 {
		if got, want := readFile(t, filepath.Join(out, fmt.Sprint(i), "app.ts")), []string{"one\n", "two\n"}[i%2]; got != want {
			t.Errorf("process %d got %q, want %q", i, got, want)
		}
	}
	if got := f.web.Fetches(); got != 2 {
		t.Errorf("six checkouts of two commits made %d fetches, want 2", got)
	}
}

// TestAProcessKilledInMidFetchIsRecoveredFrom kills a runner while the pack is
// on its way, first into an empty mirror, then into a filled one.
func TestAProcessKilledInMidFetchIsRecoveredFrom(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	root := filepath.Join(t.TempDir(), "mirrors")
	m, err := OpenMirrors(root, 0)
	must(t, err)
	for round, content := range []string{"two", "three"} {
		noise := strings.Builder{}
		for i := range 200_000 {
			fmt.Fprintf(&noise, "%x\n", uint64(i+round)*0x9E3779B97F4A7C15)
		}
		_, err := f.repo.Commit(map[string]string{"big": noise.String()}, "Large")
		must(t, err)
		hash := f.commit(t, content)
		f.web.Throttle(64 << 10)
		cmd := checkoutCommand(t, root, f.web.URL+"/app.git", hash, t.TempDir())
		must(t, cmd.Start())
		awaitFile(t, root, "*/*/objects/pack/tmp_pack_*")
		must(t, killTree(cmd.Process.Pid))
		_ = cmd.Wait() // it was killed
		f.web.Throttle(0)
		checkout(t, m, f.http(t), hash, content)
	}
}

func awaitFile(t *testing.T, dir, pattern string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
			return
		}
	}
	t.Fatalf("%s did not appear", pattern)
}
