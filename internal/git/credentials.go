package git

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

// Credentials say who the operator is to a git server, and which servers it
// believes. The zero value is anonymous, with the built-in host keys and the
// system's certificate authorities.
//
// They never print: String, Format and LogValue name which parts are set.
type Credentials struct {
	// SSHPrivateKey is a private key in PEM form, without a passphrase; see
	// parseSSHKey for what is forgiven.
	SSHPrivateKey []byte `json:"sshPrivateKey,omitempty"`
	// KnownHosts holds lines of an OpenSSH known_hosts file. Lines for a host
	// take the place of the built-in ones for that host.
	KnownHosts []byte `json:"knownHosts,omitempty"`
	// Username for HTTP. With a password alone, a name is chosen that the
	// large hosts accept with a token.
	Username string `json:"username,omitempty"`
	// Password is a password or an access token for HTTP.
	Password string `json:"password,omitempty"`
	// CA holds PEM certificates. When set, they alone are trusted over HTTPS.
	CA []byte `json:"ca,omitempty"`
	// App is a GitHub App that stands for Username and Password. Heads takes
	// it; a run needs what Heads.Plain makes of it.
	App App `json:"-"`
	// Holder names who a Password belongs to that changes by itself, so that
	// a new token is not taken for new credentials. Heads.Plain sets it; it
	// may only be passed on together with the password.
	Holder string `json:"holder,omitempty"`
}

// Validate says whether the credentials can be used at all, before any server
// is asked: a key that cannot be read, a known_hosts that cannot be parsed, a
// CA without a certificate.
func (c Credentials) Validate() error {
	if len(c.SSHPrivateKey) > 0 {
		if _, err := parseSSHKey(c.SSHPrivateKey); err != nil {
			return err
		}
	}
	if err := checkKnownHosts(c.KnownHosts); err != nil {
		return err
	}
	if len(c.CA) > 0 && len(tidyCA(c.CA)) == 0 {
		return invalid("the CA holds no PEM certificate; put the authority's certificate into ca.crt")
	}
	if !c.App.IsZero() {
		if err := c.App.validate(); err != nil {
			return err
		}
	}
	if hasControl(c.Username) || hasControl(c.Password) {
		return invalid("the username or password holds a control character; check for a newline at the end of the Secret's value")
	}
	return nil
}

// Digest returns a name for exactly these credentials, the same for the same
// key. It is an HMAC: without the key nobody can try passwords against it.
func (c Credentials) Digest(key []byte) string {
	mac := hmac.New(sha256.New, key)
	holder, password := c.Holder, c.Password
	if !c.App.IsZero() {
		holder = c.App.holder()
	}
	if holder != "" {
		password = ""
	}
	for _, part := range [][]byte{c.SSHPrivateKey, c.KnownHosts, []byte(c.Username), []byte(password), c.CA, []byte(holder)} {
		// Length first, so that no two different sets run together.
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// String names the parts that are set and shows none.
func (c Credentials) String() string {
	var parts []string
	for _, p := range []struct {
		name string
		set  bool
	}{
		{"ssh key", len(c.SSHPrivateKey) > 0},
		{"known hosts", len(c.KnownHosts) > 0},
		{"username", c.Username != ""},
		{"password", c.Password != ""},
		{"ca", len(c.CA) > 0},
		{"github app", !c.App.IsZero()},
	} {
		if p.set {
			parts = append(parts, p.name)
		}
	}
	return "credentials(" + cmp.Or(strings.Join(parts, ", "), "none") + ")"
}

// LogValue keeps structured logs from showing a secret.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Format keeps every verb of fmt from showing a secret.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(c.String())) }

// Remote is a repository as seen with some credentials. Two stacks that use
// equal remotes share one listing and one mirror.
type Remote struct {
	Repository  Repository
	Credentials Credentials
}

// login returns the name and password to send over HTTP, empty when there are
// none. What the Secret says wins over what the address says.
func (r Remote) login() (username, password string) {
	username = cmp.Or(r.Credentials.Username, r.Repository.user)
	password = cmp.Or(r.Credentials.Password, r.Repository.password)
	if password != "" && username == "" {
		username = tokenUser(r.Repository.Host())
	}
	return username, password
}

// tokenUser returns the user name that a host wants beside an access token.
// GitHub wants x-access-token for app tokens and takes any name for others,
// GitLab takes any name; Bitbucket Cloud documents x-token-auth.
func tokenUser(host string) string {
	if host == "bitbucket.org" {
		return "x-token-auth"
	}
	return "x-access-token"
}

// digest names the remote: its address, a password written in it, and the credentials.
func (r Remote) digest(key []byte) string {
	c := r.Credentials
	c.Username, c.Password = r.login()
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s", r.Repository, c.Digest(key))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
