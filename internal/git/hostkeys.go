package git

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // OpenSSH hashes host names in known_hosts with HMAC-SHA1.
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

//go:embed known_hosts
var builtinKnownHosts []byte

// hostLine is one line of a known_hosts file.
type hostLine struct {
	marker   string // "", "cert-authority" or "revoked"
	patterns []string
	key      ssh.PublicKey
}

// trust is what is known about one server before it is spoken to.
type trust struct {
	host        string // as known_hosts spells it: name, or [name]:port
	keys        []ssh.PublicKey
	authorities []ssh.PublicKey
	revoked     []ssh.PublicKey
}

// trustFor gathers what the user's lines say about a host; only if they say
// nothing, what is built in. An unknown host is trusted in no case.
func trustFor(address string, userLines []byte) (trust, error) {
	lines, err := parseKnownHosts(userLines)
	if err != nil {
		return trust{}, err
	}
	t := newTrust(address, lines)
	if len(t.keys)+len(t.authorities) > 0 {
		return t, nil
	}
	lines, err = parseKnownHosts(builtinKnownHosts)
	if err != nil {
		return trust{}, err
	}
	builtin := newTrust(address, lines)
	builtin.revoked = append(builtin.revoked, t.revoked...)
	return builtin, nil
}

func newTrust(address string, lines []hostLine) trust {
	t := trust{host: knownHostsName(address)}
	for _, l := range lines {
		if !matchesHost(l.patterns, t.host) {
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
	if contains(t.revoked, key) {
		return fail(ErrHostKey, "the host key of %s (%s) is revoked in known_hosts", t.host, fingerprint(key))
	}
	if contains(t.keys, key) {
		return nil
	}
	if _, ok := key.(*ssh.Certificate); ok && len(t.authorities) > 0 {
		return t.checkCertificate(address, remote, key)
	}
	if len(t.keys)+len(t.authorities) == 0 {
		return fail(ErrHostKey, "the host key of %s is not known; it presented %s. Compare that with what the host publishes, then add its line to known_hosts in the Secret (ssh-keyscan prints it)", t.host, fingerprint(key))
	}
	return fail(ErrHostKey, "the host key of %s has changed: it presented %s, but known is %s. Someone may be in between; if the host announced new keys, put its line into known_hosts in the Secret", t.host, fingerprint(key), t.known())
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

func parseKnownHosts(in []byte) ([]hostLine, error) {
	var lines []hostLine
	for len(in) > 0 {
		marker, hosts, key, _, rest, err := ssh.ParseKnownHosts(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, invalid("known_hosts cannot be read after line %d of its entries: each line is a host, a key type and a key, as ssh-keyscan prints it", len(lines))
		}
		lines = append(lines, hostLine{marker: marker, patterns: hosts, key: key})
		in = rest
	}
	return lines, nil
}

// knownHostsName turns host:port into the name known_hosts uses.
func knownHostsName(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return strings.ToLower(address)
	}
	if port == "22" {
		return strings.ToLower(host)
	}
	return strings.ToLower("[" + host + "]:" + port)
}

// matchesHost applies OpenSSH's rules: any pattern may match, a matching
// pattern after '!' vetoes, a name may be hashed.
func matchesHost(patterns []string, host string) bool {
	found := false
	for _, p := range patterns {
		p, negated := strings.CutPrefix(p, "!")
		if !matchesPattern(p, host) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

func matchesPattern(pattern, host string) bool {
	if hashed, ok := strings.CutPrefix(pattern, "|1|"); ok {
		return matchesHashed(hashed, host)
	}
	return wildcard(strings.ToLower(pattern), host)
}

func matchesHashed(hashed, host string) bool {
	salt64, hash64, ok := strings.Cut(hashed, "|")
	salt, err1 := base64.StdEncoding.DecodeString(salt64)
	want, err2 := base64.StdEncoding.DecodeString(hash64)
	if !ok || err1 != nil || err2 != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(host))
	return hmac.Equal(mac.Sum(nil), want)
}

// wildcard matches '*' (any run) and '?' (any one character).
func wildcard(pattern, s string) bool {
	star, mark, p, i := -1, 0, 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark, p = p, i, p+1
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func contains(keys []ssh.PublicKey, key ssh.PublicKey) bool {
	return slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) })
}

func fingerprint(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }
