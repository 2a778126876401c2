package receiver

import (
	"net/url"
	"strings"
)

// maxAddress bounds an address, in bytes, as package git does.
const maxAddress = 2048

// aliases are the hosts that the big three answer SSH at on port 443.
var aliases = map[string]string{
	"altssh.bitbucket.org": "bitbucket.org",
	"altssh.gitlab.com":    "gitlab.com",
	"ssh.github.com":       "github.com",
}

// Normal returns what the addresses of one repository have in common, as
// "host/path": the same for https, ssh and scp-like ones, with and without
// user, password, port and ".git", in upper and lower case. The result for
// what is no address is "".
//
// It is made to find too much rather than too little: repositories of one
// path at different ports of a host are not told apart, nor are names that
// differ in case. Who goes by it looks once too often, and misses nothing.
func Normal(address string) string {
	if len(address) > maxAddress || strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return ""
	}
	host, path := splitSCP(address)
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil {
			return ""
		}
		host, path = u.Hostname(), u.Path
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if name, is := aliases[host]; is {
		host = name
	}
	path = normalPath(path)
	if host == "" || path == "" {
		return ""
	}
	return host + "/" + path
}

// Same reports whether both are addresses of one repository, as far as Normal
// tells them apart.
func Same(a, b string) bool {
	n := Normal(a)
	return n != "" && n == Normal(b)
}

// splitSCP takes [user@]host:path apart; the host is "" if it is none.
func splitSCP(address string) (host, path string) {
	host, path, found := strings.Cut(address, ":")
	if strings.Contains(address, "]:") { // [user@][IPv6]:path
		host, path, _ = strings.Cut(address, "]:")
	}
	if !found || strings.Contains(host, "/") {
		return "", ""
	}
	host = host[strings.LastIndex(host, "@")+1:]
	return strings.TrimPrefix(host, "["), path
}

// normalPath drops what does not tell repositories apart: slashes at the ends
// and doubled ones, ".git", case, and the /scm that Bitbucket Data Center has
// in its HTTP addresses and not in those for SSH.
func normalPath(path string) string {
	parts := strings.FieldsFunc(strings.ToLower(path), func(c rune) bool { return c == '/' })
	if len(parts) > 1 && parts[0] == "scm" {
		parts = parts[1:]
	}
	if len(parts) == 0 {
		return ""
	}
	last := len(parts) - 1
	parts[last] = strings.TrimSuffix(parts[last], ".git")
	return strings.Trim(strings.Join(parts, "/"), "/")
}
