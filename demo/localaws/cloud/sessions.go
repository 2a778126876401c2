package cloud

import (
	"strings"
	"time"
)

// Session is what STS gave temporary keys for.
type Session struct {
	Account string
	// Role is the name of the role that was assumed, "" for the keys of a user.
	Role string
	// Name is the session's.
	Name    string
	Token   string
	Expires time.Time
}

// SplitRole takes account and name out of a role's ARN.
func SplitRole(arn string) (account, name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return "", "", false
	}
	return parts[4], parts[5][strings.LastIndex(parts[5], "/")+1:], true
}

// NewSession makes an access key and a token for a session; SessionOf knows the
// key again.
func (c *Cloud) NewSession(s Session) (accessKey string, made Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	accessKey = "ASIA" + Random(16)
	s.Token = "local-" + Random(60)
	c.sessions[accessKey] = s
	return accessKey, s
}

// SessionOf returns the session of a key that NewSession made.
func (c *Cloud) SessionOf(accessKey string) (Session, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.sessions[accessKey]
	return s, ok
}

// Identity is the ARN that calls signed with an access key act as.
func (c *Cloud) Identity(accessKey, account string) string {
	if s, _ := c.SessionOf(accessKey); s.Role != "" {
		return "arn:aws:sts::" + s.Account + ":assumed-role/" + s.Role + "/" + s.Name
	}
	return "arn:aws:iam::" + account + ":user/local"
}

// PublishKeys is what an OIDC issuer publishes of its keys: a JSON Web Key Set.
func (c *Cloud) PublishKeys(issuer string, keys []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.issuers[issuer] = keys
}

// IssuerKeys are what PublishKeys said, nil for an issuer that nobody can reach.
func (c *Cloud) IssuerKeys(issuer string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.issuers[issuer]
}
