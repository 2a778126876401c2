package git

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
)

func TestAGitHubAppReadsWithTokensOfItsOwn(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	w := newHeads(t, HeadsOptions{})
	h := newHub(t, f, w.clock)
	for range 4 { // 0, 20, 40 and 60 minutes
		if head := w.await(t, h.remote(t), "main", time.Minute); head.Err != nil || head.Revision != f.first {
			t.Fatalf("main = %+v, want %s; the hub says %v", head, f.first, h.problems)
		}
		w.clock.advance(20 * time.Minute)
	}
	if got := h.exchanged(); got != 2 {
		t.Errorf("%d tokens were asked for in 60 minutes, want 2", got)
	}
	if len(h.problems) > 0 {
		t.Errorf("the hub says %v", h.problems)
	}
	if keys := len(w.entries); keys != 1 {
		t.Errorf("the repository is known under %d keys, want one that outlives tokens", keys)
	}
}

// TestARunGetsATokenAndNoKey follows the credentials to a runner: its mirror
// serves it still when the token is another.
func TestARunGetsATokenAndNoKey(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	w := newHeads(t, HeadsOptions{})
	h := newHub(t, f, w.clock)
	w.await(t, h.remote(t), "main", time.Minute)
	m := openMirrors(t, 0)
	var tokens []string
	for _, content := range []string{"one", "two", "three"} {
		hash := f.first
		if content != "one" {
			hash = f.commit(t, content)
		}
		plain, err := w.Plain(t.Context(), h.remote(t))
		must(t, err)
		if !plain.App.IsZero() || plain.Username != "x-access-token" || strings.Contains(plain.Holder, string(h.secret()["githubAppPrivateKey"])) {
			t.Fatalf("a run gets %q, %q and an App %v", plain.Username, plain.Holder, !plain.App.IsZero())
		}
		tokens = append(tokens, plain.Password)
		checkout(t, m, Remote{h.remote(t).Repository, plain}, hash, content)
		w.clock.advance(20 * time.Minute)
	}
	if tokens[0] != tokens[1] || tokens[1] == tokens[2] {
		t.Errorf("after 0, 20 and 40 minutes runs got the tokens %q, want another when less than 30 minutes are left", tokens)
	}
	if found := glob(t, m.root, "*/1.git"); len(found) != 1 {
		t.Errorf("mirrors %v were made, want one", found)
	}
	other := h.remote(t)
	other.Credentials.App.InstallationID = "43"
	if w.Key(other) == w.Key(h.remote(t)) {
		t.Error("two installations have one key")
	}
	if _, err := w.Plain(t.Context(), f.http(t)); err != nil {
		t.Errorf("credentials without an App: Plain = %v", err)
	}
}

func TestARevokedTokenIsReplaced(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	w := newHeads(t, HeadsOptions{})
	h := newHub(t, f, w.clock)
	w.await(t, h.remote(t), "main", time.Minute)
	h.revoke()
	w.clock.advance(2 * time.Minute)
	if head := w.await(t, h.remote(t), "main", time.Minute); !errors.Is(head.Err, ErrAuth) {
		t.Errorf("with a revoked token, main = %+v, want ErrAuth", head)
	}
	w.clock.advance(time.Minute)
	if head := w.await(t, h.remote(t), "main", time.Minute); head.Err != nil {
		t.Errorf("after the look that was refused, main = %+v", head)
	}
}

func TestEachRefusalOfAnAppSaysWhatToDo(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	strange, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	strangeKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(strange)})
	elsewhere := newForge(t, gittest.HTTPOptions{})
	cases := map[string]struct {
		status int
		change func(*Remote)
		kind   error
		says   string
	}{
		"another key":                             {0, func(r *Remote) { r.Credentials.App.PrivateKey = strangeKey }, ErrAuth, "githubAppPrivateKey"},
		"what is no GitHub":                       {418, nil, ErrProtocol, "githubAppBaseURL"},
		"an unknown installation":                 {404, nil, ErrAuth, "githubAppInstallationID"},
		"a missing permission":                    {422, nil, ErrAuth, "Contents: read"},
		"a suspended App":                         {403, nil, ErrAuth, "suspended"},
		"too many requests":                       {429, nil, ErrUnreachable, "tried again"},
		"a broken GitHub":                         {502, nil, ErrUnreachable, "tried again"},
		"a redirect":                              {307, nil, ErrRedirect, "githubAppBaseURL"},
		"an unknown authority":                    {0, func(r *Remote) { r.Credentials.CA = nil }, ErrCertificate, "ca.crt"},
		"an address of the API that is not https": {0, func(r *Remote) { r.Credentials.App.BaseURL = "http://127.0.0.1/" }, ErrInvalid, "githubAppBaseURL"},
		"a repository on another host":            {0, func(r *Remote) { r.Credentials.App.BaseURL = "" }, ErrInvalid, "api.github.com"},
		"a repository over http":                  {0, func(r *Remote) { r.Repository = elsewhere.http(t).Repository }, ErrInvalid, "https"},
		"a repository over ssh":                   {0, func(r *Remote) { r.Repository = elsewhere.ssh(t).Repository }, ErrInvalid, "https"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newHeads(t, HeadsOptions{})
			h := newHub(t, f, w.clock)
			remote := h.remote(t)
			if c.change != nil {
				c.change(&remote)
			}
			h.fail(c.status)
			head := w.await(t, remote, "main", time.Minute)
			_, err := w.Plain(t.Context(), remote)
			for _, err := range []error{head.Err, err} {
				if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(fmt.Sprint(err), "eyJ") {
					t.Errorf("got %v, want %v with %q and no token", err, c.kind, c.says)
				}
			}
			if h.exchanged() > 1 {
				t.Errorf("the hub was asked %d times in one moment", h.exchanged())
			}
		})
	}
	if elsewhere.requests() > 0 {
		t.Error("a token was taken to another host")
	}
}

func TestAnAppIsReadFromItsSecret(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	h := newHub(t, f, newClock())
	pkcs8, err := x509.MarshalPKCS8PrivateKey(h.key)
	must(t, err)
	for name, key := range map[string]string{"PKCS #1": string(h.secret()["githubAppPrivateKey"]), "PKCS #8": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))} {
		secret := h.secret()
		secret["githubAppPrivateKey"] = []byte(key)
		if app, err := AppFromSecret(secret); err != nil || app.ID != "7" {
			t.Errorf("a key in %s: %v, %v", name, app, err)
		}
	}
	if app, err := AppFromSecret(map[string][]byte{"password": []byte("x")}); err != nil || !app.IsZero() {
		t.Errorf("a Secret without an App: %v, %v", app, err)
	}
	for key, values := range map[string][]string{
		"githubAppID": {"", "7 8", "-7"}, "githubAppInstallationID": {"", "x", "../1"}, "githubAppPrivateKey": {"", "s3cret", string(f.key)},
		"githubAppBaseURL": {"http://a", "https://", "https://u:p@a", "ftp://a", "https://a?x", "a"},
	} {
		for _, value := range values {
			secret := h.secret()
			secret[key] = []byte(value)
			if _, err := AppFromSecret(secret); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s = %q: %v, want ErrInvalid that names the key", key, value, err)
			}
		}
	}
	shown := fmt.Sprintf("%v %+v %#v %s %q", h.remote(t), h.remote(t).Credentials.App, h.remote(t), h.remote(t).Credentials, h.remote(t).Credentials.App)
	if strings.Contains(shown, "PRIVATE") || strings.Contains(shown, string(h.secret()["githubAppPrivateKey"])) {
		t.Errorf("the key was printed: %s", shown)
	}
}

func BenchmarkValidateApp(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(b, err)
	app := App{ID: "7", InstallationID: "42", PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})}
	for b.Loop() {
		must(b, Credentials{App: app}.Validate())
	}
}
