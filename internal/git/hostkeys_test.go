package git

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestBuiltInHostKeys compares the built-in keys with the fingerprints that
// the hosts publish; the addresses are in the known_hosts file.
func TestBuiltInHostKeys(t *testing.T) {
	published := map[string][]string{
		"github.com:22":      {"+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU", "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM", "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s"},
		"ssh.github.com:443": {"+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU", "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM", "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s"},
		"gitlab.com:22":      {"eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8", "HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw", "ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ"},
		"bitbucket.org:22":   {"ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM", "FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0", "46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E"},
		"git.acme.com:22":    nil,
	}
	for address, want := range published {
		trusted, err := trustFor(address, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, k := range trusted.keys {
			got = append(got, strings.TrimPrefix(ssh.FingerprintSHA256(k), "SHA256:"))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: built-in keys %v, published %v", address, got, want)
		}
	}
}

func TestKnownHosts(t *testing.T) {
	key, line := newPublicKey(t)
	other, _ := newPublicKey(t)
	cases := map[string]struct {
		lines   string
		address string
		trusted bool
	}{
		"a plain name":                          {"git.acme.com " + line, "git.acme.com:22", true},
		"letter case does not matter":           {"Git.Acme.com " + line, "git.ACME.com:22", true},
		"a list of names":                       {"a.com,git.acme.com " + line, "git.acme.com:22", true},
		"another name":                          {"git.acme.com " + line, "evil.com:22", false},
		"a port must be named":                  {"git.acme.com " + line, "git.acme.com:2222", false},
		"a named port":                          {"[git.acme.com]:2222 " + line, "git.acme.com:2222", true},
		"a wildcard":                            {"*.acme.com " + line, "git.acme.com:22", true},
		"a wildcard does not end early":         {"*.acme.com " + line, "git.acme.com.evil.com:22", false},
		"a veto":                                {"*.acme.com,!git.acme.com " + line, "git.acme.com:22", false},
		"a hashed name":                         {hashed(t, "git.acme.com") + " " + line, "git.acme.com:22", true},
		"another name, hashed":                  {hashed(t, "git.acme.com") + " " + line, "evil.com:22", false},
		"comments and empty lines":              {"# hello\n\ngit.acme.com " + line, "git.acme.com:22", true},
		"a revoked key":                         {"git.acme.com " + line + "@revoked git.acme.com " + line, "git.acme.com:22", false},
		"own lines take the built-in's place":   {"github.com " + line, "github.com:22", true},
		"no line at all: nothing is trusted":    {"", "git.acme.com:22", false},
		"an odd line for another host":          {"other.com ssh-new AAAA\n" + "git.acme.com " + line, "git.acme.com:22", true},
		"odd lines of all kinds":                {"getaddrinfo x: Name or service not known\n@unknown a " + line + "a\n@revoked other.com ssh-new x\na.com 2048 35 1234\n=\n@\ngit.acme.com " + line, "git.acme.com:22", true},
		"Windows' line ends":                    {"\ufeffgit.acme.com " + strings.TrimSpace(line) + " a comment \r\n", "git.acme.com:22", true},
		"an odd line for this host, and one":    {"git.acme.com ssh-new AAAA\ngit.acme.com " + line, "git.acme.com:22", true},
		"an authority does not sign plain keys": {"@cert-authority * " + line, "git.acme.com:22", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			trusted, err := trustFor(c.address, []byte(c.lines))
			if err != nil {
				t.Fatal(err)
			}
			err = trusted.check(c.address, nil, key)
			if (err == nil) != c.trusted || (err != nil && !errors.Is(err, ErrHostKey)) {
				t.Errorf("check = %v, want trusted %v", err, c.trusted)
			}
			if err := trusted.check(c.address, nil, other); !errors.Is(err, ErrHostKey) {
				t.Errorf("a key that no line holds: check = %v, want ErrHostKey", err)
			}
		})
	}
}

func TestAnOddLineOfTheHostIsNamed(t *testing.T) {
	key, line := newPublicKey(t)
	trusted, err := trustFor("git.acme.com:2222", []byte("other.com "+line+"[git.acme.com]:2222 ssh-new AAAA\n"))
	must(t, err)
	err = trusted.check("git.acme.com:2222", nil, key)
	if !errors.Is(err, ErrHostKey) || !strings.Contains(err.Error(), "line 2 of known_hosts") || !strings.Contains(err.Error(), "ssh-keyscan -p 2222 git.acme.com ") {
		t.Errorf("check = %v", err)
	}
	// What revokes a key and cannot be read may not be passed over.
	if _, err := trustFor("git.acme.com:22", []byte("git.acme.com "+line+"@revoked *.acme.com ssh-new AAAA\n")); !errors.Is(err, ErrHostKey) || !strings.Contains(err.Error(), "line 2 of known_hosts") {
		t.Errorf("trustFor = %v", err)
	}
}

func TestTheHintOfAStandardPortIsPlain(t *testing.T) {
	key, _ := newPublicKey(t)
	trusted, err := trustFor("git.acme.com:22", nil)
	must(t, err)
	if err := trusted.check("git.acme.com:22", nil, key); err == nil || !strings.Contains(err.Error(), "(ssh-keyscan git.acme.com prints it)") {
		t.Errorf("check = %v", err)
	}
}

func TestARevokedAuthoritySignsNothing(t *testing.T) {
	_, authorityKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	authority, err := ssh.NewSignerFromKey(authorityKey)
	must(t, err)
	host, _ := newPublicKey(t)
	certificate := &ssh.Certificate{Key: host, CertType: ssh.HostCert, ValidPrincipals: []string{"git.acme.com"}, ValidBefore: ssh.CertTimeInfinity}
	must(t, certificate.SignCert(rand.Reader, authority))
	line := "*.acme.com " + string(ssh.MarshalAuthorizedKey(authority.PublicKey()))
	for lines, trusted := range map[string]bool{
		"@cert-authority " + line:                                                          true,
		"@cert-authority " + line + "@revoked " + line:                                     false,
		"@cert-authority " + line + "@revoked * " + string(ssh.MarshalAuthorizedKey(host)): false,
	} {
		known, err := trustFor("git.acme.com:22", []byte(lines))
		must(t, err)
		if err := known.check("git.acme.com:22", nil, certificate); (err == nil) != trusted {
			t.Errorf("with %q: check = %v", lines, err)
		}
	}
}

func newPublicKey(t *testing.T) (ssh.PublicKey, string) {
	t.Helper()
	_, line, err := gittest.NewSSHKey()
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(line)
}

// hashed lets ssh-keygen hash a host name, so that the format is OpenSSH's own.
func hashed(t *testing.T, host string) string {
	t.Helper()
	_, line := newPublicKey(t)
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(host+" "+line), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ssh-keygen", "-H", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	out, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(string(out), " ")
	return name
}
