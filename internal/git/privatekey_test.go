package git

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestAKeyIsReadTheSameByBothClients lists and checks out with keys as people
// keep them: what the manager takes, the ssh program takes, too.
func TestAKeyIsReadTheSameByBothClients(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	whole := string(f.key)
	raw, err := ssh.ParseRawPrivateKey(f.key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(*raw.(*ed25519.PrivateKey))
	must(t, err)
	keys := map[string]string{
		"as it is":                   whole,
		"without the last newline":   strings.TrimSpace(whole),
		"Windows' line ends":         strings.ReplaceAll(whole, "\n", "\r\n"),
		"old Macs' line ends":        strings.ReplaceAll(whole, "\n", "\r"),
		"trailing blanks":            strings.ReplaceAll(whole, "\n", "  \t\n"),
		"indented, after a mark":     "\ufeff" + strings.ReplaceAll("\n"+whole, "\n", "\n    "),
		"text before and after":      "Deploy key of the web team\n\n" + whole + "\nkeep it safe\n",
		"newlines written out":       strings.ReplaceAll(whole, "\n", `\n`),
		"newlines became blanks":     strings.ReplaceAll(whole, "\n", " "),
		"Ed25519 in PKCS#8":          string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		"PKCS#8, Windows' line ends": strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), "\n", " \r\n"),
	}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			remote := f.ssh(t)
			remote.Credentials.SSHPrivateKey = []byte(key)
			bothRead(t, remote, f.first)
		})
	}
}

func TestKeysOfAllKindsAreReadByBothClients(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	must(t, err)
	rsa8, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	must(t, err)
	for name, c := range map[string]struct {
		public crypto.PublicKey
		block  pem.Block
	}{
		"RSA, PKCS#1":  {&rsaKey.PublicKey, pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}},
		"RSA, PKCS#8":  {&rsaKey.PublicKey, pem.Block{Type: "PRIVATE KEY", Bytes: rsa8}},
		"ECDSA, SEC 1": {&ecKey.PublicKey, pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}},
	} {
		t.Run(name, func(t *testing.T) {
			public, err := ssh.NewPublicKey(c.public)
			must(t, err)
			server, err := gittest.ServeSSH(f.root, ssh.MarshalAuthorizedKey(public))
			must(t, err)
			defer server.Close()
			key := strings.ReplaceAll(string(pem.EncodeToMemory(&c.block)), "\n", "\r\n")
			bothRead(t, Remote{Repository: parse(t, server.URL+"/app.git"), Credentials: Credentials{SSHPrivateKey: []byte(key), KnownHosts: server.KnownHosts()}}, f.first)
		})
	}
}

// bothRead lists with this package's client and checks out with git's.
func bothRead(t *testing.T, remote Remote, want string) {
	t.Helper()
	if err := remote.Credentials.Validate(); err != nil {
		t.Fatalf("the credentials are refused: %v", err)
	}
	if head, err := Resolve(t.Context(), remote, "main"); err != nil || head.Revision != want {
		t.Errorf("the manager reads %q, %v", head.Revision, err)
	}
	if _, err := openMirrors(t, 0).Checkout(t.Context(), remote, want, t.TempDir()); err != nil {
		t.Errorf("git does not read what the manager reads: %v", err)
	}
}

func TestAKeyThatCannotBeUsedSaysWhy(t *testing.T) {
	dir := t.TempDir()
	private, public, err := gittest.NewSSHKey()
	must(t, err)
	execute(t, dir, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", filepath.Join(dir, "openssh"))
	execute(t, dir, nil, "openssl", "genpkey", "-algorithm", "ED25519", "-aes-256-cbc", "-pass", "pass:secret", "-out", filepath.Join(dir, "pkcs8"))
	for name, c := range map[string]struct{ key, says string }{
		"a passphrase":            {readFile(t, filepath.Join(dir, "openssh")), "passphrase"},
		"a passphrase, PKCS#8":    {readFile(t, filepath.Join(dir, "pkcs8")), "passphrase"},
		"the public half":         {string(public), "without .pub"},
		"PuTTY's format":          {"PuTTY-User-Key-File-3: ssh-ed25519\r\n", "puttygen"},
		"cut short":               {string(private[:len(private)/2]), "its end is missing"},
		"cut in the middle":       {string(private[:80]) + "\n-----END OPENSSH PRIVATE KEY-----\n", "whole"},
		"a certificate of a host": {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "whole"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Credentials{SSHPrivateKey: []byte(c.key)}.Validate()
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Validate() = %v, want %q", err, c.says)
			}
		})
	}
}

// TestACertificateFileIsReadTheSameByBothClients has an authority's file as
// people keep them.
func TestACertificateFileIsReadTheSameByBothClients(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	remote := f.https(t)
	whole := string(remote.Credentials.CA)
	for name, ca := range map[string]string{
		"Windows' line ends":    strings.ReplaceAll(whole, "\n", " \r\n"),
		"text before and after": "# our authority\n" + whole + "\nthe end",
		"a broken one before":   "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + whole,
	} {
		t.Run(name, func(t *testing.T) {
			remote.Credentials.CA = []byte(ca)
			bothRead(t, remote, f.first)
		})
	}
}

func TestGitsTellingLine(t *testing.T) {
	for name, c := range map[string]struct {
		output, want string
		kind         error
	}{
		"ssh refuses the key": {
			"git: exit status 128\ngit@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.",
			"git@github.com: Permission denied (publickey).", ErrAuth,
		},
		"ssh cannot load the key": {
			"git: exit status 128\n** WARNING: connection is not using a post-quantum key exchange algorithm.\nLoad key \"/x/key\": error in libcrypto\ngit@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.",
			"Load key \"/x/key\": error in libcrypto git@h: Permission denied (publickey).", ErrAuth,
		},
		"the host's word": {
			"git: exit status 128\nremote: Counting objects: 3, done.\nremote: Your plan allows no more fetches today.\nfatal: unable to access 'https://h/x.git/': The requested URL returned error: 403",
			"remote: Your plan allows no more fetches today.", ErrProtocol,
		},
		"a bad object": {
			"git: exit status 128\nerror: object 0123: hasDotgit: contains '.git'\nfatal: fsck error in packed object\nfatal: index-pack failed",
			"error: object 0123: hasDotgit: contains '.git'", ErrProtocol,
		},
		"nothing but what fits all": {"git: exit status 128\nfatal: early EOF", "fatal: early EOF", ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			got := telling(c.output)
			if got != c.want || !errors.Is(failureOf(got), c.kind) {
				t.Errorf("telling = %q (%v), want %q (%v)", got, failureOf(got), c.want, c.kind)
			}
		})
	}
}
