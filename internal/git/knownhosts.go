package git

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // OpenSSH hashes host names in known_hosts with HMAC-SHA1.
	"encoding/base64"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hostLine is one line of a known_hosts file.
type hostLine struct {
	number   int
	marker   string // "", "cert-authority" or "revoked"
	patterns []string
	key      ssh.PublicKey // nil when the line cannot be read
}

// parseKnownHosts reads a file as OpenSSH does: a line that it cannot read, such
// as a key of a new type, says nothing about the hosts of the other lines.
func parseKnownHosts(in []byte) []hostLine {
	var lines []hostLine
	number := 0
	for text := range bytes.Lines(bytes.TrimPrefix(in, []byte("\ufeff"))) {
		number++
		text = bytes.TrimSpace(text)
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		marker, hosts, key, _, _, err := ssh.ParseKnownHosts(text)
		if err != nil {
			marker, hosts = oddLine(string(text))
			key = nil
		}
		lines = append(lines, hostLine{number: number, marker: marker, patterns: hosts, key: key})
	}
	return lines
}

// oddLine returns the marker and the hosts of a line whose key cannot be read.
func oddLine(text string) (marker string, hosts []string) {
	fields := strings.Fields(text)
	if m, ok := strings.CutPrefix(fields[0], "@"); ok {
		marker, fields = m, fields[1:]
	}
	if len(fields) > 0 {
		hosts = strings.Split(fields[0], ",")
	}
	return marker, hosts
}

// checkKnownHosts refuses a file that has lines, and none that can be read.
func checkKnownHosts(in []byte) error {
	lines := parseKnownHosts(in)
	for _, l := range lines {
		if l.key != nil {
			return nil
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return invalid("known_hosts has no line that can be read: each line is a host, a key type and a key, as ssh-keyscan prints them")
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
