package git

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParseRepository(t *testing.T) {
	cases := map[string]struct{ address, prints string }{
		"https":                               {"https://github.com/acme/app.git", "https://github.com/acme/app.git"},
		"http, for servers inside":            {"http://127.0.0.1:8080/app", "http://127.0.0.1:8080/app"},
		"ssh with a port":                     {"ssh://git@git.acme.com:2222/app.git", "ssh://git@git.acme.com:2222/app.git"},
		"ssh without a user":                  {"ssh://git.acme.com/app.git", "ssh://git.acme.com/app.git"},
		"scp-like":                            {"git@github.com:acme/app.git", "git@github.com:acme/app.git"},
		"a default port is left out":          {"https://github.com:443/acme/app", "https://github.com/acme/app"},
		"an IPv6 host":                        {"https://[::1]:8443/app", "https://[::1]:8443/app"},
		"a password is never printed":         {"https://ada:s3cret@github.com/acme/app", "https://github.com/acme/app"},
		"a token as user name is not printed": {"https://s3cret@github.com/acme/app", "https://github.com/acme/app"},
		"an ssh password is not printed":      {"ssh://git:s3cret@git.acme.com/app", "ssh://git@git.acme.com/app"},
		"percent-encoding is kept":            {"https://acme.com/a%20b.git", "https://acme.com/a%20b.git"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := ParseRepository(c.address)
			if err != nil || r.String() != c.prints {
				t.Fatalf("ParseRepository(%q) = %q, %v, want %q", c.address, r, err, c.prints)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
				if printed := fmt.Sprintf(verb, r); strings.Contains(printed, "s3cret") {
					t.Errorf("%s shows the password: %s", verb, printed)
				}
			}
		})
	}
}

func TestParseRepositoryRefuses(t *testing.T) {
	cases := map[string]string{
		"nothing":                       "",
		"a file URL":                    "file:///etc",
		"a path":                        "/etc/passwd",
		"a relative path":               "../other",
		"a remote helper":               "ext::sh -c id",
		"a remote helper with a scheme": "ext::https://acme.com/a",
		"an option":                     "--upload-pack=id",
		"the git protocol":              "git://acme.com/app",
		"ftp":                           "ftp://acme.com/app",
		"a host like an option":         "ssh://-oProxyCommand=id/app",
		"an scp host like an option":    "-oProxyCommand=id:app",
		"a user like an option":         "ssh://-l@acme.com/app",
		"a path like an option":         "git@acme.com:-u",
		"a newline":                     "https://acme.com/app\nx",
		"a newline, encoded in ssh":     "ssh://acme.com/app%0ax",
		"a zero byte":                   "https://acme.com/app\x00",
		"a space":                       "https://acme.com/a b",
		"a quote in an ssh path":        "git@acme.com:a';id;'",
		"a query":                       "https://acme.com/app?x=y",
		"a host alone":                  "https://acme.com/",
		"a scheme alone":                "https://",
		"a very long address":           "https://acme.com/" + strings.Repeat("a", 3000),
		"a password in what is refused": "ftp://ada:s3cret@acme.com/app",
		"a password in what is no URL":  "https://ada:s3cret@acme.com:x/app",
	}
	for name, address := range cases {
		r, err := ParseRepository(address)
		if !errors.Is(err, ErrInvalid) || !r.IsZero() || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: ParseRepository(%q) = %v, %v, want ErrInvalid", name, address, r, err)
		}
	}
}

func TestValidateRef(t *testing.T) {
	good := []string{
		"main", "v1.2.3", "release/2024-01", "feature/a_b", "HEAD", "refs/heads/main", "refs/pull/7/head",
		"0123456789abcdef0123456789abcdef01234567", "abc1234", "ünïcode", "a@b",
	}
	for _, ref := range good {
		if err := ValidateRef(ref); err != nil {
			t.Errorf("ValidateRef(%q) = %v, want it accepted", ref, err)
		}
	}
	bad := map[string]string{
		"nothing": "", "an option": "--upload-pack=id", "a range": "a..b", "a reflog": "main@{1}", "at": "@",
		"a newline": "main\n", "a zero byte": "a\x00b", "a space": "a b", "a refspec": "a:b", "a forced refspec": "+a:b",
		"a glob": "refs/heads/*", "a parent": "main~1", "a peel": "v1^{}", "a backslash": `a\b`, "a leading slash": "/main",
		"a trailing slash": "main/", "a double slash": "a//b", "a dot part": "a/.b", "a lock": "main.lock", "a final dot": "main.",
		"very long": strings.Repeat("a", 300),
	}
	for name, ref := range bad {
		if err := ValidateRef(ref); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: ValidateRef(%q) = %v, want ErrInvalid", name, ref, err)
		}
	}
}

func TestCredentialsNeverPrint(t *testing.T) {
	c := Credentials{SSHPrivateKey: []byte("s3cret-key"), Password: "s3cret", Username: "s3cret-user", CA: []byte("s3cret-ca")}
	r, err := ParseRepository("https://ada:s3cret@acme.com/app")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credentials", c, "remote", Remote{r, c}, "repository", r)
	out := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		out += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, Remote{r, c}) + fmt.Sprintf(verb, &c)
	}
	if strings.Contains(out, "s3cret") || strings.Contains(out, fmt.Sprintf("%x", "s3cret")) {
		t.Errorf("a secret was printed: %s", out)
	}
}

func TestDigestTellsCredentialsApart(t *testing.T) {
	key := []byte("k")
	all := []Credentials{
		{}, {Username: "ab"}, {Username: "a", Password: "b"}, {Password: "ab"}, {SSHPrivateKey: []byte("ab")}, {KnownHosts: []byte("ab")}, {CA: []byte("ab")},
	}
	seen := map[string]int{}
	for i, c := range all {
		digest := c.Digest(key)
		if j, ok := seen[digest]; ok {
			t.Errorf("credentials %d and %d have one digest", i, j)
		}
		seen[digest] = i
		if digest != c.Digest(key) {
			t.Errorf("the digest of credentials %d is not stable", i)
		}
		if digest == c.Digest([]byte("other")) {
			t.Errorf("the digest of credentials %d does not depend on the key", i)
		}
	}
}

func TestCredentialsAreCheckedBeforeUse(t *testing.T) {
	cases := map[string]struct {
		credentials Credentials
		says        string
	}{
		"a key that is none":          {Credentials{SSHPrivateKey: []byte("hello")}, "cannot be read"},
		"a known_hosts that is none":  {Credentials{KnownHosts: []byte("github.com nonsense")}, "known_hosts"},
		"a CA without a certificate":  {Credentials{CA: []byte("hello")}, "ca.crt"},
		"a password with its newline": {Credentials{Username: "ada", Password: "s3cret\n"}, "newline"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.credentials.Validate()
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("Validate() = %v, want ErrInvalid with %q", err, c.says)
			}
		})
	}
}
