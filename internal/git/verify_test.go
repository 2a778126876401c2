package git

import (
	"bytes"
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

// signer signs with the programs that people sign with: git and ssh-keygen.
type signer struct {
	dir    string // holds key and key.pub
	public []byte
}

func newSigner(t *testing.T, options ...string) signer {
	t.Helper()
	dir := t.TempDir()
	if len(options) == 0 {
		options = []string{"-t", "ed25519"}
	}
	execute(t, dir, nil, "ssh-keygen", append([]string{"-q", "-N", "", "-C", "ada@example.com", "-f", filepath.Join(dir, "key")}, options...)...)
	return signer{dir: dir, public: []byte(readFile(t, filepath.Join(dir, "key.pub")))}
}

// execute runs a program with nothing of the user's configuration.
func execute(t *testing.T, dir string, stdin []byte, name string, args ...string) string {
	t.Helper()
	out, err := attempt(dir, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

func attempt(dir string, stdin []byte, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GNUPGHOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Ada Test", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada Test", "GIT_COMMITTER_EMAIL=ada@example.com",
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return stderr.String(), err
	}
	return strings.TrimSpace(string(out)), nil
}

// commit makes a signed commit on top of main, as git commit -S does.
func (s signer) commit(t *testing.T, f *forge, message string, settings ...string) string {
	t.Helper()
	args := []string{"-c", "safe.directory=*", "-c", "gpg.format=ssh", "-c", "user.signingkey=" + filepath.Join(s.dir, "key")}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	args = append(args, "--git-dir="+f.repo.Dir, "commit-tree", "-S", "-p", "main", "-m", message, "main^{tree}")
	hash := execute(t, s.dir, nil, "git", args...)
	must(t, f.repo.Branch("main", hash))
	return hash
}

func TestWhoSignedIsToldFromWhoMay(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	ada, eve, rsaKey, ecdsaKey := newSigner(t), newSigner(t), newSigner(t, "-t", "rsa", "-b", "2048"), newSigner(t, "-t", "ecdsa")
	hash := ada.commit(t, f, "Signed")
	byRSA, byECDSA := rsaKey.commit(t, f, "RSA"), ecdsaKey.commit(t, f, "ECDSA")
	now := time.Now()
	line := strings.TrimSpace(string(ada.public))
	cases := map[string]struct {
		hash string
		keys []string
		kind error
		says string
	}{
		"the key":                                {hash, []string{line}, nil, ""},
		"an abbreviated hash":                    {hash[:9], []string{line}, nil, ""},
		"among others":                           {hash, []string{string(eve.public) + "\n# ours\n" + line + "\n"}, nil, ""},
		"in another value":                       {hash, []string{string(eve.public), "", line}, nil, ""},
		"as allowed signers have it":             {hash, []string{"ada@example.com,bob@example.com namespaces=\"git\" " + line}, nil, ""},
		"an RSA key":                             {byRSA, []string{string(rsaKey.public)}, nil, ""},
		"an ECDSA key":                           {byECDSA, []string{string(ecdsaKey.public)}, nil, ""},
		"not expired":                            {hash, []string{`valid-after="20200101",valid-before="20991231235959Z" ` + line}, nil, ""},
		"another key":                            {hash, []string{string(eve.public)}, ErrUntrustedSignature, "SHA256:"},
		"an expired key":                         {hash, []string{`expiry-time="20200101" ` + line}, ErrUntrustedSignature, "expiry-time"},
		"a key of the future":                    {hash, []string{`valid-after="20990101" ` + line}, ErrUntrustedSignature, "valid-after"},
		"a revoked key":                          {hash, []string{line + "\n@revoked " + line}, ErrUntrustedSignature, "revoked"},
		"a key for files":                        {hash, []string{`namespaces="file" ` + line + "\n" + string(eve.public)}, ErrUntrustedSignature, "not among"},
		"an authority signs no commits":          {hash, []string{"cert-authority " + line}, ErrUntrustedSignature, "not among"},
		"no signature":                           {f.first, []string{line}, ErrUnsigned, "git commit -S"},
		"no key":                                 {hash, nil, ErrInvalid, "no key"},
		"an empty key":                           {hash, []string{" \n"}, ErrInvalid, "no key"},
		"a line that is no key":                  {hash, []string{line + "\nhello"}, ErrInvalid, "line 2"},
		"a date that is none":                    {hash, []string{`expiry-time="soon" ` + line}, ErrInvalid, "YYYYMMDD"},
		"a private key, which nobody should see": {hash, []string{readFile(t, filepath.Join(ada.dir, "key"))}, ErrInvalid, "private"},
		"a commit that nobody has":               {strings.Repeat("ab", 20), []string{line}, ErrRefNotFound, "no commit"},
	}
	m := openMirrors(t, 0)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var keys [][]byte
			for _, k := range c.keys {
				keys = append(keys, []byte(k))
			}
			signer, err := m.Verify(t.Context(), f.http(t), c.hash, keys, now)
			if !errors.Is(err, c.kind) || (c.kind != nil && !strings.Contains(err.Error(), c.says)) {
				t.Fatalf("Verify = %+v, %v, want %v with %q", signer, err, c.kind, c.says)
			}
			if c.kind == nil && (!strings.HasPrefix(signer.Hash, c.hash) || len(signer.Hash) != 40 || !strings.Contains(signer.Key, "SHA256:") || signer.Name != "ada@example.com") {
				t.Errorf("the signer is %+v", signer)
			}
		})
	}
	checkout(t, m, f.http(t), hash, "one")
}

func TestACertificateIsTrustedByItsAuthority(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	authority, ada, eve := newSigner(t), newSigner(t), newSigner(t)
	certify := func(s signer, options ...string) string {
		args := append([]string{"-q", "-s", filepath.Join(authority.dir, "key"), "-I", "ada"}, options...)
		execute(t, s.dir, nil, "ssh-keygen", append(args, filepath.Join(s.dir, "key.pub"))...)
		return "user.signingkey=" + filepath.Join(s.dir, "key-cert.pub")
	}
	good := ada.commit(t, f, "Certified", certify(ada, "-n", "ada@example.com", "-V", "-1d:+1d"))
	expired := ada.commit(t, f, "Expired", certify(ada, "-V", "-2d:-1d"))
	host := ada.commit(t, f, "Host", certify(ada, "-h", "-V", "-1d:+1d"))
	bounded := ada.commit(t, f, "Bounded", certify(ada, "-O", "critical:unknown=x", "-V", "-1d:+1d"))
	trust := "cert-authority " + string(authority.public)
	m := openMirrors(t, 0)
	for name, c := range map[string]struct {
		hash, keys string
		kind       error
	}{
		"a certificate":                     {good, trust, nil},
		"an expired one":                    {expired, trust, ErrUntrustedSignature},
		"one for hosts":                     {host, trust, ErrUntrustedSignature},
		"one with an unknown condition":     {bounded, trust, ErrUntrustedSignature},
		"one of another authority":          {good, "cert-authority " + string(eve.public), ErrUntrustedSignature},
		"one of a key that is trusted":      {good, string(ada.public), ErrUntrustedSignature},
		"one of a key that signs commits":   {good, string(authority.public), ErrUntrustedSignature},
		"one of a key that is revoked":      {good, trust + "@revoked " + string(ada.public), ErrUntrustedSignature},
		"one of a revoked authority":        {good, trust + "@revoked " + string(authority.public), ErrUntrustedSignature},
		"one whose authority has expired":   {good, `expiry-time="20200101",` + trust, ErrUntrustedSignature},
		"one whose authority is in its day": {good, `expiry-time="20990101",` + trust, nil},
	} {
		if _, err := m.Verify(t.Context(), f.http(t), c.hash, [][]byte{[]byte(c.keys)}, time.Now()); !errors.Is(err, c.kind) {
			t.Errorf("%s: Verify = %v, want %v", name, err, c.kind)
		}
	}
}

// TestGitAgreesAboutOddCommits builds commit objects that git commit does not
// make, and asks git and this package about each.
func TestGitAgreesAboutOddCommits(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	ada := newSigner(t)
	signed := func(message []byte, options ...string) string {
		args := append([]string{"-Y", "sign", "-q", "-f", filepath.Join(ada.dir, "key"), "-n", "git"}, options...)
		return execute(t, ada.dir, message, "ssh-keygen", args...)
	}
	tree := execute(t, ada.dir, nil, "git", "--git-dir="+f.repo.Dir, "rev-parse", "main^{tree}")
	head := "tree " + tree + "\nparent " + f.first + "\nauthor Ada <ada@example.com> 1700000000 +0000\ncommitter Ada <ada@example.com> 1700000000 +0000\n"
	header := func(name, value string) string { return name + " " + strings.ReplaceAll(value, "\n", "\n ") + "\n" }
	body := "\nHello\n\ngpgsig not a header\n no more than this\n"
	plain := signed([]byte(head + body))
	file := strings.ReplaceAll(signed([]byte(head+body), "-O", "hashalg=sha256"), "\r", "")
	cases := map[string]struct {
		raw  string
		good bool
	}{
		"as git writes it":                       {head + header("gpgsig", plain) + body, true},
		"hashed with SHA-256":                    {head + header("gpgsig", file) + body, true},
		"the other hash's signature is left out": {head + header("gpgsig-sha256", plain) + header("gpgsig", plain) + body, true},
		"after it, too":                          {head + header("gpgsig", plain) + header("gpgsig-sha256", "x\ny") + body, true},
		"a header more":                          {head + header("gpgsig", plain) + "encoding utf-8\n" + body, false},
		"a header more that is signed":           {head + header("gpgsig", signed([]byte(head+"encoding utf-8\n"+body))) + "encoding utf-8\n" + body, true},
		"a header with lines":                    {head + "mergetag object x\n type commit\n \n hello\n" + header("gpgsig", signed([]byte(head+"mergetag object x\n type commit\n \n hello\n"+body))) + body, true},
		"another message":                        {head + header("gpgsig", plain) + body + "!", false},
		"another tree":                           {strings.Replace(head, tree, strings.Repeat("ab", 20), 1) + header("gpgsig", plain) + body, false},
		"the signature in the message":           {head + body + header("gpgsig", plain), false},
		"signed for another purpose":             {head + header("gpgsig", execute(t, ada.dir, []byte(head+body), "ssh-keygen", "-Y", "sign", "-q", "-f", filepath.Join(ada.dir, "key"), "-n", "file")) + body, false},
		"half a signature":                       {head + header("gpgsig", plain[:len(plain)/2]) + body, false},
		"no message":                             {head + header("gpgsig", signed([]byte(head))), true},
	}
	allowed := filepath.Join(ada.dir, "allowed")
	must(t, os.WriteFile(allowed, append([]byte("ada@example.com "), ada.public...), 0o600))
	trusted, err := readKeys([][]byte{ada.public})
	must(t, err)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			hash := execute(t, ada.dir, []byte(c.raw), "git", "--git-dir="+f.repo.Dir, "hash-object", "-t", "commit", "-w", "--literally", "--stdin")
			_, gitErr := attempt(ada.dir, nil, "git", "-c", "gpg.ssh.allowedSignersFile="+allowed, "--git-dir="+f.repo.Dir, "verify-commit", hash)
			_, ourErr := trusted.verify(hash, []byte(c.raw), time.Now())
			if (gitErr == nil) != c.good || (ourErr == nil) != c.good {
				t.Errorf("git says %v, Verify says %v, want good %v", gitErr, ourErr, c.good)
			}
		})
	}
	twice := head + header("gpgsig", plain) + header("gpgsig", plain) + body
	if _, err := trusted.verify(f.first, []byte(twice), time.Now()); !errors.Is(err, ErrUntrustedSignature) {
		t.Errorf("two signatures: %v, want ErrUntrustedSignature", err)
	}
	for _, kind := range []string{"SIGNED MESSAGE", "SOMETHING", "SSH SIGNATURE", "PGP SIGNATURE", "PGP MESSAGE"} {
		raw := head + header("gpgsig", fmt.Sprintf("-----BEGIN %s-----\n\naGVsbG8=\n-----END %s-----", kind, kind)) + body
		if _, err := trusted.verify(f.first, []byte(raw), time.Now()); !errors.Is(err, ErrUntrustedSignature) {
			t.Errorf("%s: %v, want ErrUntrustedSignature", kind, err)
		}
	}
}
