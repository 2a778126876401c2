package git

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"
)

// Signer is who signed a commit.
type Signer struct {
	// Hash is the whole hash of the commit that was verified: what to check
	// out, where the revision was an abbreviation.
	Hash string
	// Key names the key: an SSH key's type and SHA-256 fingerprint, or an
	// OpenPGP key's fingerprint.
	Key string
	// Name is the key's comment or user ID, as the trusted keys have it; it
	// may be empty.
	Name string
}

// Verify says who signed a commit, if it is one of the owners of the given
// keys. Each of keys is a text: OpenPGP public keys in ASCII armor, or SSH
// public keys, one a line as in authorized_keys or git's allowed signers. See
// readSSHKeys for the options of a line that are heeded.
//
// The signature is checked as git verify-commit does it, over the commit
// object without the signature; the signature of a tag, or of a push, does not
// count. Keys that are expired or revoked at the time now are refused,
// whenever they signed: who steals an old key can write any date.
//
// A commit without a signature is ErrUnsigned. One by somebody else, by a key
// that is no longer good, or that does not fit the commit is
// ErrUntrustedSignature. Keys that cannot be read are ErrInvalid. Nothing of
// the commit need be on disk; it is fetched when it is not in the mirror.
func (m *Mirrors) Verify(ctx context.Context, remote Remote, revision string, keys [][]byte, now time.Time) (Signer, error) {
	trusted, err := readKeys(keys)
	if err != nil {
		return Signer{}, err
	}
	mirror, err := m.open(ctx, remote, revision)
	if err != nil {
		return Signer{}, err
	}
	defer mirror.close()
	hash, err := mirror.expand(ctx, revision)
	if err != nil {
		return Signer{}, err
	}
	store, err := mirror.ensure(ctx, hash)
	if err != nil {
		return Signer{}, err
	}
	raw, err := mirror.readCommit(ctx, store, hash)
	if errors.Is(err, errDamaged) {
		if store, err = mirror.replace(ctx, store, hash); err == nil {
			raw, err = mirror.readCommit(ctx, store, hash)
		}
	}
	if err != nil {
		return Signer{}, err
	}
	signer, err := trusted.verify(hash, raw, now)
	signer.Hash = hash
	return signer, err
}

// keyring are the keys that are trusted.
type keyring struct {
	ssh     []sshKey
	openpgp pgpKeys
}

func readKeys(texts [][]byte) (keyring, error) {
	var k keyring
	for _, text := range texts {
		switch {
		case len(bytes.TrimSpace(text)) == 0:
			continue
		case bytes.Contains(text, []byte("PRIVATE KEY")):
			return keyring{}, invalid("the Secret of source.git.verify holds a private key; put the public one there, and replace this one if others may read the Secret")
		case bytes.Contains(text, []byte("-----BEGIN PGP")):
			entities, err := readOpenPGPKeys(text)
			if err != nil {
				return keyring{}, err
			}
			k.openpgp = append(k.openpgp, entities...)
		default:
			keys, err := readSSHKeys(text)
			if err != nil {
				return keyring{}, err
			}
			k.ssh = append(k.ssh, keys...)
		}
	}
	if len(k.ssh)+len(k.openpgp) == 0 {
		return keyring{}, invalid("the Secret of source.git.verify holds no key; put in OpenPGP public keys in ASCII armor, or SSH public keys, one a line")
	}
	return k, nil
}

// verify judges a commit object.
func (k keyring) verify(hash string, raw []byte, now time.Time) (Signer, error) {
	payload, signature, count := splitSignature(raw)
	text := strings.TrimSpace(string(signature))
	switch {
	case count == 0:
		return Signer{}, fail(ErrUnsigned, "commit %s is not signed, and source.git.verify wants a signature; sign it (git commit -S) and push, or follow a signed commit", hash)
	case count > 1:
		return Signer{}, untrusted(hash, "carries more than one signature; sign it once")
	case strings.HasPrefix(text, "-----BEGIN SSH SIGNATURE-----"):
		return k.verifySSH(hash, payload, []byte(text), now)
	case strings.HasPrefix(text, "-----BEGIN PGP SIGNATURE-----"), strings.HasPrefix(text, "-----BEGIN PGP MESSAGE-----"):
		return k.openpgp.verify(hash, payload, text, now)
	case strings.HasPrefix(text, "-----BEGIN SIGNED MESSAGE-----"):
		return Signer{}, untrusted(hash, "is signed with an X.509 certificate, which is not supported; sign with an SSH or OpenPGP key")
	}
	return Signer{}, untrusted(hash, "carries a signature of a kind that is not known; sign with an SSH or OpenPGP key")
}

// untrusted is an ErrUntrustedSignature about a commit.
func untrusted(hash, format string, args ...any) error {
	return fail(ErrUntrustedSignature, "commit "+hash+" "+format, args...)
}
