package git

import (
	"path/filepath"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
)

// forge is one repository served over HTTP, HTTPS and SSH.
type forge struct {
	root  string
	repo  *gittest.Repo
	first string // its first commit
	web   *gittest.HTTPServer
	tls   *gittest.HTTPServer
	shell *gittest.SSHServer
	key   []byte
}

func newForge(t testing.TB, options gittest.HTTPOptions) *forge {
	t.Helper()
	f := &forge{root: t.TempDir()}
	var err error
	f.repo, err = gittest.NewRepo(filepath.Join(f.root, "app.git"))
	must(t, err)
	f.first = f.commit(t, "one")
	f.web, err = gittest.ServeHTTP(f.root, options)
	must(t, err)
	t.Cleanup(func() { f.web.Close() })
	options.TLS = true
	f.tls, err = gittest.ServeHTTP(f.root, options)
	must(t, err)
	t.Cleanup(func() { f.tls.Close() })
	private, public, err := gittest.NewSSHKey()
	must(t, err)
	f.key = private
	f.shell, err = gittest.ServeSSH(f.root, public)
	must(t, err)
	t.Cleanup(func() { f.shell.Close() })
	return f
}

func (f *forge) commit(t testing.TB, content string) string {
	t.Helper()
	hash, err := f.repo.Commit(map[string]string{"app.ts": content + "\n", "lib/stack.ts": content + "\n"}, "Write "+content)
	must(t, err)
	return hash
}

// hang makes every way to the forge hang.
func (f *forge) hang(on bool) {
	f.web.Hang(on)
	f.tls.Hang(on)
	f.shell.Hang(on)
}

// requests counts what arrived over every way to the forge.
func (f *forge) requests() int64 {
	return f.web.Requests() + f.tls.Requests() + f.shell.Requests()
}

// awaitRequest returns when more requests have arrived than before.
func (f *forge) awaitRequest(t testing.TB, before int64) {
	for f.requests() == before && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

func (f *forge) http(t testing.TB) Remote {
	return Remote{Repository: parse(t, f.web.URL+"/app.git")}
}

func (f *forge) https(t testing.TB) Remote {
	return Remote{Repository: parse(t, f.tls.URL+"/app.git"), Credentials: Credentials{CA: f.tls.CA}}
}

func (f *forge) ssh(t testing.TB) Remote {
	return Remote{Repository: parse(t, f.shell.URL+"/app.git"), Credentials: Credentials{SSHPrivateKey: f.key, KnownHosts: f.shell.KnownHosts()}}
}

// transports are the ways to reach a forge; every promise holds over each.
func (f *forge) transports(t testing.TB) map[string]Remote {
	return map[string]Remote{"HTTP": f.http(t), "HTTPS": f.https(t), "SSH": f.ssh(t)}
}

func parse(t testing.TB, address string) Repository {
	t.Helper()
	r, err := ParseRepository(address)
	must(t, err)
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
