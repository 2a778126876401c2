package git

import (
	"bytes"
	_ "embed"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

//go:embed known_hosts
var builtinKnownHosts []byte

// trust is what is known about one server before it is spoken to.
type trust struct {
	host        string // as known_hosts spells it: name, or [name]:port
	keys        []ssh.PublicKey
	authorities []ssh.PublicKey
	revoked     []ssh.PublicKey
	// odd is the number of a line of the user's that names the host and cannot
	// be read, oddRevoked of one that revokes a key; 0 for none.
	odd, oddRevoked int
}

// trustFor gathers what the user's lines say about a host; only if they say
// nothing, what is built in. An unknown host is trusted in no case.
func trustFor(address string, userLines []byte) (trust, error) {
	t := newTrust(address, parseKnownHosts(userLines))
	if t.oddRevoked > 0 {
		return t, fail(ErrHostKey, "line %d of known_hosts revokes a key of %s and cannot be read; write the host, the key type and the key, as ssh-keyscan prints them", t.oddRevoked, t.host)
	}
	if len(t.keys)+len(t.authorities) > 0 {
		return t, nil
	}
	builtin := newTrust(address, parseKnownHosts(builtinKnownHosts))
	builtin.revoked, builtin.odd = append(builtin.revoked, t.revoked...), t.odd
	return builtin, nil
}

func newTrust(address string, lines []hostLine) trust {
	t := trust{host: knownHostsName(address)}
	for _, l := range lines {
		if !matchesHost(l.patterns, t.host) {
			continue
		}
		switch {
		case l.key == nil && l.marker == "revoked":
			t.oddRevoked = l.number
			continue
		case l.key == nil:
			t.odd = l.number
			continue
		}
		switch l.marker {
		case "revoked":
			t.revoked = append(t.revoked, l.key)
		case "cert-authority":
			t.authorities = append(t.authorities, l.key)
		default:
			t.keys = append(t.keys, l.key)
		}
	}
	return t
}

// check is an ssh.HostKeyCallback. Its errors are of kind ErrHostKey.
func (t trust) check(address string, remote net.Addr, key ssh.PublicKey) error {
	if t.revokes(key) {
		return fail(ErrHostKey, "the host key of %s (%s) is revoked in known_hosts", t.host, fingerprint(key))
	}
	if contains(t.keys, key) {
		return nil
	}
	if _, ok := key.(*ssh.Certificate); ok && len(t.authorities) > 0 {
		return t.checkCertificate(address, remote, key)
	}
	if len(t.keys)+len(t.authorities) == 0 {
		return fail(ErrHostKey, "the host key of %s is not known%s; it presented %s. Compare that with what the host publishes, then add its line to known_hosts in the Secret (%s prints it)", t.host, t.oddity(), fingerprint(key), t.keyscan())
	}
	return fail(ErrHostKey, "the host key of %s has changed: it presented %s, but known is %s. Someone may be in between; if the host announced new keys, put its line into known_hosts in the Secret (%s prints it)", t.host, fingerprint(key), t.known(), t.keyscan())
}

// revokes tells whether a key is revoked, or what a certificate is made of.
func (t trust) revokes(key ssh.PublicKey) bool {
	if c, ok := key.(*ssh.Certificate); ok && (contains(t.revoked, c.Key) || contains(t.revoked, c.SignatureKey)) {
		return true
	}
	return contains(t.revoked, key)
}

// oddity points to the line that was perhaps meant to make the host known.
func (t trust) oddity() string {
	if t.odd == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d of known_hosts names it and cannot be read)", t.odd)
}

// keyscan is the command that prints the host's lines.
func (t trust) keyscan() string {
	host, port, err := net.SplitHostPort(t.host)
	if err != nil {
		return "ssh-keyscan " + t.host
	}
	return "ssh-keyscan -p " + port + " " + host
}

// known names the keys that were expected.
func (t trust) known() string {
	var out []string
	for _, k := range t.keys {
		out = append(out, fingerprint(k))
	}
	for _, k := range t.authorities {
		out = append(out, "a certificate of "+fingerprint(k))
	}
	const shown = 3
	return strings.Join(out[:min(len(out), shown)], ", ")
}

func (t trust) checkCertificate(address string, remote net.Addr, key ssh.PublicKey) error {
	checker := ssh.CertChecker{
		IsHostAuthority: func(authority ssh.PublicKey, _ string) bool { return contains(t.authorities, authority) },
	}
	if err := checker.CheckHostKey(address, remote, key); err != nil {
		return failBecause(ErrHostKey, err, "the host certificate of %s is not valid: %v", t.host, err)
	}
	return nil
}

// algorithms lists the host key algorithms to ask for: those of the known
// keys, so that a server with several keys presents one that can be checked.
func (t trust) algorithms() []string {
	var out []string
	for _, k := range t.keys {
		out = append(out, signatureAlgorithms(k.Type())...)
	}
	if len(t.authorities) > 0 {
		out = append(out, ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func signatureAlgorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

// file returns a known_hosts file that holds this trust and nothing else, so
// that the ssh program decides exactly as this package does.
func (t trust) file() []byte {
	var b bytes.Buffer
	for marker, keys := range map[string][]ssh.PublicKey{"": t.keys, "@cert-authority ": t.authorities, "@revoked ": t.revoked} {
		for _, k := range keys {
			fmt.Fprintf(&b, "%s%s %s", marker, t.host, ssh.MarshalAuthorizedKey(k))
		}
	}
	return b.Bytes()
}

func contains(keys []ssh.PublicKey, key ssh.PublicKey) bool {
	return slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) })
}

func fingerprint(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }
