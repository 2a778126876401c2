package git

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshKey is a line of trusted keys.
type sshKey struct {
	key       ssh.PublicKey
	comment   string
	authority bool // it signs certificates, not commits
	revoked   bool
	after     time.Time // zero: ever
	before    time.Time // zero: for ever
}

// readSSHKeys reads lines as in authorized_keys or in git's allowed signers
// (whose first field, the e-mail addresses, is not compared). Options heeded
// are cert-authority, valid-after, valid-before, expiry-time and namespaces;
// a line that begins with @revoked names a key that is refused, whatever the
// others say.
func readSSHKeys(text []byte) ([]sshKey, error) {
	var out []sshKey
	for number, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, revoked := strings.CutPrefix(line, "@revoked ")
		key, comment, options, err := parseSignerLine(line)
		if err != nil {
			return nil, invalid("line %d of the trusted keys is no SSH public key; it should look like: ssh-ed25519 AAAA… name", number+1)
		}
		k := sshKey{key: key, comment: printable(comment), revoked: revoked}
		ours := true
		for _, option := range options {
			name, value, _ := strings.Cut(option, "=")
			value = strings.Trim(value, `"`)
			switch strings.ToLower(name) {
			case "cert-authority":
				k.authority = true
			case "namespaces":
				ours = matchesHost(strings.Split(value, ","), sshNamespace)
			case "valid-after":
				k.after, err = parseSSHTime(value)
			case "valid-before", "expiry-time":
				k.before, err = parseSSHTime(value)
			}
			if err != nil {
				return nil, invalid("line %d of the trusted keys has a date that cannot be read; write it as YYYYMMDD", number+1)
			}
		}
		if ours {
			out = append(out, k)
		}
	}
	return out, nil
}

// parseSignerLine reads a key with or without the addresses that allowed
// signers begin with.
func parseSignerLine(line string) (ssh.PublicKey, string, []string, error) {
	key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		_, rest, _ := strings.Cut(line, " ")
		key, comment, options, _, err = ssh.ParseAuthorizedKey([]byte(rest))
	}
	return key, comment, options, err
}

// parseSSHTime reads YYYYMMDD[HHMM[SS]][Z]; without Z OpenSSH means the local
// time zone, which is UTC here.
func parseSSHTime(text string) (time.Time, error) {
	digits := strings.TrimSuffix(text, "Z")
	layouts := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}
	layout, ok := layouts[len(digits)]
	if !ok {
		return time.Time{}, errors.New("not a date")
	}
	return time.Parse(layout, digits)
}

const (
	sshMagic     = "SSHSIG"
	sshNamespace = "git"
)

// sshSignature is what is in the armor, after the magic.
// https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig
type sshSignature struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

// signed is what the key signs for a message.
func (s sshSignature) signed(message []byte) ([]byte, bool) {
	var digest []byte
	switch s.Hash {
	case "sha256":
		sum := sha256.Sum256(message)
		digest = sum[:]
	case "sha512":
		sum := sha512.Sum512(message)
		digest = sum[:]
	default:
		return nil, false
	}
	return append([]byte(sshMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.Namespace, s.Reserved, s.Hash, digest})...), true
}

func (k keyring) verifySSH(hash string, payload, armored []byte, now time.Time) (Signer, error) {
	unreadable := untrusted(hash, "carries an SSH signature that cannot be read; sign it again")
	block, _ := pem.Decode(armored)
	if block == nil || block.Type != "SSH SIGNATURE" {
		return Signer{}, unreadable
	}
	blob, ok := bytes.CutPrefix(block.Bytes, []byte(sshMagic))
	var s sshSignature
	if !ok || ssh.Unmarshal(blob, &s) != nil || s.Version != 1 {
		return Signer{}, unreadable
	}
	key, err := ssh.ParsePublicKey(s.PublicKey)
	if err != nil {
		return Signer{}, unreadable
	}
	if s.Namespace != sshNamespace {
		return Signer{}, untrusted(hash, "carries a signature by %s that was not made for git except for %q", fingerprint(key), printable(s.Namespace))
	}
	trusted, err := k.trustsSSH(hash, key, now)
	if err != nil {
		return Signer{}, err
	}
	message, known := s.signed(payload)
	signature := new(ssh.Signature)
	// SHA-1 is not what OpenSSH signs with, nor what may be believed.
	if !known || ssh.Unmarshal(s.Signature, signature) != nil || signature.Format == ssh.KeyAlgoRSA || key.Verify(message, signature) != nil {
		return Signer{}, untrusted(hash, "carries a signature by %s that does not fit it: the commit was changed after it was signed; sign it again", fingerprint(key))
	}
	return Signer{Key: fingerprint(key), Name: trusted.comment}, nil
}

// trustsSSH finds the line that vouches for a key or certificate.
func (k keyring) trustsSSH(hash string, key ssh.PublicKey, now time.Time) (sshKey, error) {
	certificate, certified := key.(*ssh.Certificate)
	var found *sshKey
	for i, trusted := range k.ssh {
		itself := sameKey(trusted.key, key) || certified && (sameKey(trusted.key, certificate.Key) || sameKey(trusted.key, certificate.SignatureKey))
		switch {
		case trusted.revoked && itself:
			return sshKey{}, untrusted(hash, "is signed by %s, which is revoked in the Secret of source.git.verify; have it signed by another key", fingerprint(key))
		case trusted.revoked || found != nil:
		case !certified && !trusted.authority && sameKey(trusted.key, key),
			certified && trusted.authority && sameKey(trusted.key, certificate.SignatureKey):
			found = &k.ssh[i]
		}
	}
	switch {
	case found == nil:
		return sshKey{}, untrusted(hash, "is signed by %s, which is not among the keys that source.git.verify trusts; add that key to its Secret if its owner may deploy", fingerprint(key))
	case !found.after.IsZero() && now.Before(found.after), !found.before.IsZero() && !now.Before(found.before):
		return sshKey{}, untrusted(hash, "is signed by %s, which the Secret of source.git.verify does not trust at this time (valid-after, valid-before or expiry-time); have it signed by another key", fingerprint(key))
	}
	if certified {
		return *found, checkUserCertificate(hash, certificate, now)
	}
	return *found, nil
}

// checkUserCertificate checks all of a certificate but who its authority is,
// and whom it names: any principal of a trusted authority will do.
func checkUserCertificate(hash string, c *ssh.Certificate, now time.Time) error {
	principal := ""
	if len(c.ValidPrincipals) > 0 {
		principal = c.ValidPrincipals[0]
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return now }}
	if err := checker.CheckCert(principal, c); err != nil || c.CertType != ssh.UserCert {
		return untrusted(hash, "is signed with the certificate %q of %s, which is not valid now; sign it with a current one", printable(c.KeyId), fingerprint(c.SignatureKey))
	}
	return nil
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
