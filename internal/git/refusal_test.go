package git

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestEachRefusalSaysWhatToDo meets servers as users do: wrong password,
// wrong key, wrong address. The message names the fix and no secret.
func TestEachRefusalSaysWhatToDo(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "right"})
	strangerKey, _, err := gittest.NewSSHKey()
	must(t, err)
	changed := newForge(t, gittest.HTTPOptions{})
	changedRemote := changed.ssh(t)
	before, _, _, _, err := ssh.ParseAuthorizedKey(changedRemote.Credentials.KnownHosts[bytes.IndexByte(changedRemote.Credentials.KnownHosts, ' '):])
	must(t, err)
	must(t, changed.shell.RotateHostKey())
	after, _, _, _, err := ssh.ParseAuthorizedKey(changed.shell.KnownHosts()[bytes.IndexByte(changed.shell.KnownHosts(), ' '):])
	must(t, err)
	closed := closedAddress(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>hello")) }))
	defer page.Close()

	with := func(remote Remote, change func(*Credentials)) Remote {
		change(&remote.Credentials)
		return remote
	}
	at := func(remote Remote, address string) Remote {
		remote.Repository = parse(t, address)
		return remote
	}
	cases := map[string]struct {
		remote Remote
		kind   error
		says   string
	}{
		"no password":          {f.http(t), ErrAuth, "wants credentials"},
		"wrong password":       {with(f.http(t), func(c *Credentials) { c.Username, c.Password = "ada", "s3cret" }), ErrAuth, "token"},
		"wrong, in the URL":    {at(f.http(t), strings.Replace(f.web.URL, "://", "://ada:s3cret@", 1)+"/app.git"), ErrAuth, "token"},
		"missing repository":   {with(at(f.http(t), f.web.URL+"/none.git"), func(c *Credentials) { c.Username, c.Password = "ada", "right" }), ErrNotFound, "does not exist"},
		"missing over SSH":     {at(f.ssh(t), f.shell.URL+"/none.git"), ErrNotFound, "does not exist"},
		"no ssh key":           {with(f.ssh(t), func(c *Credentials) { c.SSHPrivateKey = nil }), ErrAuth, "sshSecretName"},
		"wrong ssh key":        {with(f.ssh(t), func(c *Credentials) { c.SSHPrivateKey = strangerKey }), ErrAuth, "deploy key"},
		"garbage as ssh key":   {with(f.ssh(t), func(c *Credentials) { c.SSHPrivateKey = []byte("s3cret") }), ErrInvalid, "ssh-privatekey"},
		"unknown host key":     {with(f.ssh(t), func(c *Credentials) { c.KnownHosts = nil }), ErrHostKey, "known_hosts"},
		"changed host key":     {changedRemote, ErrHostKey, "has changed: it presented " + fingerprint(after) + ", but known is " + fingerprint(before)},
		"changed, by host":     {changedRemote, ErrHostKey, "host key of [127.0.0.1]:"},
		"unknown authority":    {with(f.https(t), func(c *Credentials) { c.CA = nil }), ErrCertificate, "ca.crt"},
		"another authority":    {with(f.https(t), func(c *Credentials) { c.CA = changed.tls.CA }), ErrCertificate, "ca.crt"},
		"nobody listens":       {at(f.http(t), "http://"+closed+"/app.git"), ErrUnreachable, "refused"},
		"nobody listens (SSH)": {at(f.ssh(t), "ssh://git@"+closed+"/app.git"), ErrUnreachable, "refused"},
		"no such host":         {at(f.http(t), "http://none.invalid/app.git"), ErrUnreachable, "none.invalid"},
		"a web page":           {at(f.http(t), page.URL+"/app.git"), ErrProtocol, "clone address"},
		"TLS to a plain port":  {at(f.http(t), strings.Replace(f.web.URL, "http://", "https://", 1)+"/app.git"), ErrUnreachable, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(t.Context(), c.remote, "main")
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("Resolve = %v, want %v with %q", err, c.kind, c.says)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the message shows the password: %v", err)
			}
			t.Log(err)
		})
	}
}

func TestRightCredentialsAreAccepted(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "right"})
	basic := f.https(t)
	basic.Credentials.Username, basic.Credentials.Password = "ada", "right"
	inURL := f.http(t)
	inURL.Repository = parse(t, strings.Replace(f.web.URL, "://", "://ada:right@", 1)+"/app.git")
	tokens := newForge(t, gittest.HTTPOptions{Password: "token"})
	token := tokens.http(t)
	token.Credentials.Password = "token"
	for name, remote := range map[string]Remote{"basic": basic, "in the URL": inURL} {
		if head, err := Resolve(t.Context(), remote, "main"); err != nil || head.Revision != f.first {
			t.Errorf("%s: Resolve = %+v, %v", name, head, err)
		}
	}
	if head, err := Resolve(t.Context(), token, "main"); err != nil || head.Revision != tokens.first {
		t.Errorf("a token without a user name: Resolve = %+v, %v", head, err)
	}
}

func TestRedirects(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	target := f.web.URL
	redirectTo := func(location func(*http.Request) string) (*httptest.Server, Remote) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location(r))
			w.WriteHeader(http.StatusFound)
		}))
		t.Cleanup(server.Close)
		remote := Remote{Repository: parse(t, server.URL+"/app.git"), Credentials: Credentials{Username: "ada", Password: "s3cret"}}
		return server, remote
	}
	for name, location := range map[string]func(*http.Request) string{
		"to a file":           func(*http.Request) string { return "file:///etc/passwd" },
		"to another host":     func(r *http.Request) string { return target + r.URL.RequestURI() },
		"to a sign-in page":   func(*http.Request) string { return "/login?next=/app.git" },
		"in a circle":         func(r *http.Request) string { return r.URL.RequestURI() },
		"to metadata service": func(*http.Request) string { return "http://169.254.169.254/latest/info/refs" },
	} {
		t.Run(name, func(t *testing.T) {
			_, remote := redirectTo(location)
			_, err := Resolve(t.Context(), remote, "main")
			if !errors.Is(err, ErrRedirect) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("Resolve = %v, want ErrRedirect", err)
			}
		})
	}
	if got := f.web.Requests(); got != 0 {
		t.Errorf("%d requests arrived at the other host, want none", got)
	}
}

func TestARepositoryRenamedOnItsHostIsFollowed(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "right"})
	mux := http.NewServeMux()
	mux.HandleFunc("/old.git/info/refs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/app.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
	})
	mux.Handle("/", f.web)
	server := httptest.NewServer(mux)
	defer server.Close()
	remote := Remote{Repository: parse(t, server.URL+"/old.git"), Credentials: Credentials{Username: "ada", Password: "right"}}
	if head, err := Resolve(t.Context(), remote, "main"); err != nil || head.Revision != f.first {
		t.Errorf("Resolve = %+v, %v, want %s", head, err, f.first)
	}
}

func TestAnEmptyRepositoryHasNoRef(t *testing.T) {
	for name, options := range map[string]gittest.HTTPOptions{"version 2": {}, "version 0": {ProtocolV0: true}} {
		f := newForge(t, options)
		_, err := gittest.NewRepo(filepath.Join(f.root, "empty.git"))
		must(t, err)
		for transport, remote := range f.transports(t) {
			remote.Repository = parse(t, strings.Replace(remote.Repository.String(), "app.git", "empty.git", 1))
			if _, err := Resolve(t.Context(), remote, "main"); !errors.Is(err, ErrRefNotFound) {
				t.Errorf("%s over %s: Resolve = %v, want ErrRefNotFound", name, transport, err)
			}
		}
	}
}

// closedAddress is an address on loopback where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}
