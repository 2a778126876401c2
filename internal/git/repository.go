package git

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// maxRepositoryLength bounds what a user may write as an address, in bytes.
const maxRepositoryLength = 2048

// Repository is the checked address of a git repository: http, https or ssh,
// never a path, never a transport that runs a command. The zero value is no
// repository. Values may be compared and used as map keys.
//
// However it is printed, a password written into the address stays hidden.
type Repository struct {
	scheme   string // "http", "https" or "ssh"
	user     string
	password string
	host     string // lower case, with its port when one was written
	path     string // as sent to the server; over HTTP still percent-encoded
	scp      bool   // written as user@host:path
}

// scpLike is git's short form for ssh: [user@]host:path, no "//" after the colon.
var scpLike = regexp.MustCompile(`^(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9][A-Za-z0-9.-]*):([^/].*|/[^/].*)$`)

// remoteHelper is git's transport::address, which runs a program.
var remoteHelper = regexp.MustCompile(`^[A-Za-z0-9+.-]*::`)

// hostName is a DNS name or an IPv4 address. No first character that ssh
// would take for an option.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// sshUser is a login name that neither ssh nor a shell reads as anything else.
var sshUser = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// ParseRepository checks an address that a user wrote. It accepts
// https://host/path, http://host/path, ssh://[user@]host[:port]/path and
// [user@]host:path; anything else is an error that says what to write.
func ParseRepository(address string) (Repository, error) {
	switch {
	case address == "":
		return Repository{}, invalid("the repository is empty; write https://, ssh:// or git@host:org/repo.git")
	case len(address) > maxRepositoryLength:
		return Repository{}, invalid("the repository address is longer than %d characters", maxRepositoryLength)
	case strings.HasPrefix(address, "-"):
		return Repository{}, invalid("the repository address begins with '-', like an option")
	case remoteHelper.MatchString(address):
		return Repository{}, invalid("the repository names a remote helper (::); write https://, ssh:// or git@host:org/repo.git")
	case hasControl(address) || strings.Contains(address, " "):
		return Repository{}, invalid("the repository address holds a space or a control character")
	}
	if strings.Contains(address, "://") {
		return parseURL(address)
	}
	return parseSCP(address)
}

func parseURL(address string) (Repository, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The parser's own message repeats the address, password included.
		return Repository{}, invalid("the repository address is not a URL")
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "https" && scheme != "http" && scheme != "ssh" {
		return Repository{}, invalid("the repository's scheme %q is not allowed; write https://, ssh:// or git@host:org/repo.git", scheme)
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return Repository{}, invalid("the repository address has a query or a fragment; remove what follows the path")
	}
	host, err := checkedHost(u)
	if err != nil {
		return Repository{}, err
	}
	password, _ := u.User.Password()
	r := Repository{scheme: scheme, user: u.User.Username(), password: password, host: host, path: u.EscapedPath()}
	if scheme == "ssh" {
		r.path = u.Path
	}
	return r.checked()
}

// checkedHost returns the URL's host and port, without a port that is the
// scheme's own.
func checkedHost(u *url.URL) (string, error) {
	name, port := strings.ToLower(u.Hostname()), u.Port()
	if !hostName.MatchString(name) && net.ParseIP(name) == nil {
		return "", invalid("the repository's host %q is not a host name", name)
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port == "" || port == defaultPorts[strings.ToLower(u.Scheme)] {
		return name, nil
	}
	return name + ":" + port, nil
}

var defaultPorts = map[string]string{"http": "80", "https": "443", "ssh": "22"}

func parseSCP(address string) (Repository, error) {
	m := scpLike.FindStringSubmatch(address)
	if m == nil {
		return Repository{}, invalid("the repository is no address this operator reads; write https://, ssh:// or git@host:org/repo.git")
	}
	r := Repository{scheme: "ssh", user: m[1], host: strings.ToLower(m[2]), path: m[3], scp: true}
	return r.checked()
}

// checked refuses what is well formed but dangerous or useless.
func (r Repository) checked() (Repository, error) {
	trimmed := strings.Trim(r.path, "/")
	switch {
	case trimmed == "":
		return Repository{}, invalid("the repository address names a host but no repository")
	case strings.HasPrefix(r.path, "-"):
		return Repository{}, invalid("the repository's path begins with '-', like an option")
	case hasControl(r.path), hasControl(r.user), hasControl(r.password):
		return Repository{}, invalid("the repository address holds a control character")
	case strings.ContainsAny(r.path, `'"\!`):
		return Repository{}, invalid("the repository's path holds a quote, a backslash or an exclamation mark")
	case r.scheme == "ssh" && r.user != "" && !sshUser.MatchString(r.user):
		return Repository{}, invalid("the repository's user is not a login name")
	}
	return r, nil
}

// String returns the address without its password. Over HTTP the user name
// goes too: people write tokens there.
func (r Repository) String() string {
	switch {
	case r.scheme == "":
		return ""
	case r.scp && r.user != "":
		return r.user + "@" + r.host + ":" + r.path
	case r.scp:
		return r.host + ":" + r.path
	case r.scheme == "ssh":
		return (&url.URL{Scheme: "ssh", User: r.userinfo(), Host: r.host, Path: r.path}).String()
	}
	return r.scheme + "://" + r.host + r.path
}

func (r Repository) userinfo() *url.Userinfo {
	if r.user == "" {
		return nil
	}
	return url.User(r.user)
}

// Format keeps every verb of fmt from showing the password.
func (r Repository) Format(s fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(s, "%q", r.String())
		return
	}
	_, _ = io.WriteString(s, r.String())
}

// LogValue keeps structured logs from showing the password.
func (r Repository) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Host returns the host name, with its port if the address gives one.
func (r Repository) Host() string { return r.host }

// IsZero reports whether r is no repository.
func (r Repository) IsZero() bool { return r.scheme == "" }

// ssh reports whether the repository is reached over SSH.
func (r Repository) ssh() bool { return r.scheme == "ssh" }

// dialAddress returns host:port for a TCP connection.
func (r Repository) dialAddress() string {
	if _, _, err := net.SplitHostPort(r.host); err == nil {
		return r.host
	}
	return net.JoinHostPort(strings.Trim(r.host, "[]"), defaultPorts[r.scheme])
}

// login returns the user to log in as over SSH.
func (r Repository) login() string {
	if r.user != "" {
		return r.user
	}
	return "git"
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}
