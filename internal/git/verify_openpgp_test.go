package git

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"awscdk.dev/operator/internal/git/gittest"
)

var pgpDay = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func pgpConfig(at time.Time) *packet.Config {
	return &packet.Config{Time: func() time.Time { return at }, Algorithm: packet.PubKeyAlgoEdDSA, DefaultHash: crypto.SHA256}
}

// newPGP makes a key that lives for a year, and gives its public half.
func newPGP(t *testing.T) *openpgp.Entity {
	t.Helper()
	config := pgpConfig(pgpDay)
	config.KeyLifetimeSecs = 365 * 24 * 3600
	entity, err := openpgp.NewEntity("Ada Test", "", "ada@example.com", config)
	must(t, err)
	return entity
}

func pgpPublic(t *testing.T, e *openpgp.Entity) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := armor.Encode(&out, openpgp.PublicKeyType, nil)
	must(t, err)
	must(t, e.Serialize(w))
	must(t, w.Close())
	return append(out.Bytes(), '\n')
}

// pgpCommit is a commit object that an OpenPGP key signed.
func pgpCommit(t *testing.T, sign func(*bytes.Buffer, []byte) error) []byte {
	t.Helper()
	head := "tree " + strings.Repeat("ab", 20) + "\nauthor Ada <ada@example.com> 1700000000 +0000\ncommitter Ada <ada@example.com> 1700000000 +0000\n"
	body := "\nHello\n"
	var signature bytes.Buffer
	must(t, sign(&signature, []byte(head+body)))
	return []byte(head + "gpgsig " + strings.ReplaceAll(strings.TrimSpace(signature.String()), "\n", "\n ") + "\n" + body)
}

func TestOpenPGPSignatures(t *testing.T) {
	ada, eve := newPGP(t), newPGP(t)
	config := pgpConfig(pgpDay.AddDate(0, 1, 0))
	detached := func(e *openpgp.Entity) func(*bytes.Buffer, []byte) error {
		return func(out *bytes.Buffer, payload []byte) error {
			return openpgp.ArmoredDetachSign(out, e, bytes.NewReader(payload), config)
		}
	}
	asText := func(out *bytes.Buffer, payload []byte) error {
		return openpgp.ArmoredDetachSignText(out, ada, bytes.NewReader(payload), config)
	}
	shortLived := func(out *bytes.Buffer, payload []byte) error {
		short := *config
		short.SigLifetimeSecs = 3600
		return openpgp.ArmoredDetachSign(out, ada, bytes.NewReader(payload), &short)
	}
	good := pgpCommit(t, detached(ada))
	public := pgpPublic(t, ada)
	revoked := newPGP(t)
	byRevoked := pgpCommit(t, detached(revoked))
	must(t, revoked.RevokeKey(packet.KeyCompromised, "stolen", config))
	twice := func(out *bytes.Buffer, payload []byte) error {
		var bare bytes.Buffer
		err := errors.Join(openpgp.DetachSign(&bare, eve, bytes.NewReader(payload), config), openpgp.DetachSign(&bare, ada, bytes.NewReader(payload), config))
		w, armorErr := armor.Encode(out, openpgp.SignatureType, nil)
		must(t, armorErr)
		_, writeErr := w.Write(bare.Bytes())
		return errors.Join(err, writeErr, w.Close())
	}
	id := fmt.Sprintf("%X", ada.PrimaryKey.Fingerprint)
	cases := map[string]struct {
		raw  []byte
		keys []byte
		now  time.Time
		kind error
		says string
	}{
		"the key":                       {good, public, pgpDay.AddDate(0, 2, 0), nil, ""},
		"among others in one value":     {good, append(pgpPublic(t, eve), public...), pgpDay.AddDate(0, 2, 0), nil, ""},
		"another key":                   {good, pgpPublic(t, eve), pgpDay.AddDate(0, 2, 0), ErrUntrustedSignature, id},
		"a key that expired since":      {good, public, pgpDay.AddDate(2, 0, 0), ErrUntrustedSignature, "expired"},
		"a revoked key":                 {byRevoked, pgpPublic(t, revoked), pgpDay.AddDate(0, 2, 0), ErrUntrustedSignature, "revoked"},
		"a signature that expired":      {pgpCommit(t, shortLived), public, pgpDay.AddDate(0, 2, 0), ErrUntrustedSignature, "expired"},
		"a signature over text":         {pgpCommit(t, asText), public, pgpDay.AddDate(0, 2, 0), ErrUntrustedSignature, "single"},
		"two signatures":                {pgpCommit(t, twice), public, pgpDay.AddDate(0, 2, 0), ErrUntrustedSignature, "single"},
		"a commit changed afterwards":   {bytes.Replace(good, []byte("Hello"), []byte("Hullo"), 1), public, pgpDay.AddDate(0, 2, 0), ErrUntrustedSignature, "changed"},
		"SSH keys do not help":          {good, newSigner(t).public, pgpDay.AddDate(0, 2, 0), ErrUntrustedSignature, id},
		"a block that is no public key": {good, bytes.ReplaceAll(public, []byte("PUBLIC KEY BLOCK"), []byte("MESSAGE")), pgpDay, ErrInvalid, "--export"},
		"a public key cut short":        {good, public[:len(public)/2], pgpDay, ErrInvalid, "--export"},
		"a private key":                 {good, []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----"), pgpDay, ErrInvalid, "private"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			trusted, err := readKeys([][]byte{c.keys})
			var signer Signer
			if err == nil {
				signer, err = trusted.verify(strings.Repeat("cd", 20), c.raw, c.now)
			}
			if !errors.Is(err, c.kind) || (c.kind != nil && !strings.Contains(err.Error(), c.says)) {
				t.Fatalf("verify = %+v, %v, want %v with %q", signer, err, c.kind, c.says)
			}
			if c.kind == nil && (!strings.Contains(signer.Key, id) || signer.Name != "Ada Test <ada@example.com>") {
				t.Errorf("the signer is %+v", signer)
			}
		})
	}
}

// TestGnuPGsSignatures has the program that most people sign with sign, with
// a subkey as people are advised to.
func TestGnuPGsSignatures(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed; TestOpenPGPSignatures covers the rest")
	}
	home, err := os.MkdirTemp("", "gpg") // short: its agent's socket lies there
	must(t, err)
	t.Cleanup(func() {
		_, _ = attempt(home, nil, "gpgconf", "--kill", "all")
		_ = os.RemoveAll(home)
	})
	f := newForge(t, gittest.HTTPOptions{})
	gpg := func(args ...string) string {
		return execute(t, home, nil, "gpg", append([]string{"--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
	}
	gpg("--quick-generate-key", "Ada Test <ada@example.com>", "ed25519", "cert", "never")
	id := strings.Split(gpg("--list-keys", "--with-colons"), "fpr:::::::::")[1][:40]
	gpg("--quick-add-key", id, "rsa2048", "sign", "1y")
	s := signer{dir: home, public: []byte(gpg("--armor", "--export", id))}
	hash := s.commit(t, f, "By GnuPG", "gpg.format=openpgp", "user.signingkey="+id)
	m := openMirrors(t, 0)
	got, err := m.Verify(t.Context(), f.http(t), hash, [][]byte{s.public}, time.Now())
	if err != nil || !strings.Contains(got.Key, id) {
		t.Errorf("Verify = %+v, %v, want %s", got, err, id)
	}
	if _, err := m.Verify(t.Context(), f.http(t), hash, [][]byte{s.public}, time.Now().AddDate(2, 0, 0)); !errors.Is(err, ErrUntrustedSignature) {
		t.Errorf("after the subkey's year: %v, want ErrUntrustedSignature", err)
	}
	if _, err := m.Verify(t.Context(), f.http(t), hash, [][]byte{pgpPublic(t, newPGP(t))}, time.Now()); !errors.Is(err, ErrUntrustedSignature) {
		t.Errorf("with another key: %v, want ErrUntrustedSignature", err)
	}
}
