package cloud

import "strings"

// SplitRole takes account and name out of a role's ARN.
func SplitRole(arn string) (account, name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return "", "", false
	}
	return parts[4], parts[5][strings.LastIndex(parts[5], "/")+1:], true
}

// NewSession makes an access key that belongs to an account; Account knows it again.
func (c *Cloud) NewSession(account, role string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := "ASIA" + Random(16)
	c.sessions[k] = account
	c.roles[k] = role
	return k
}

// SessionAccount returns the account of a key that NewSession made.
func (c *Cloud) SessionAccount(accessKey string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, ok := c.sessions[accessKey]
	return account, ok
}

// Identity is the ARN that calls signed with an access key act as.
func (c *Cloud) Identity(accessKey, account string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if role, ok := c.roles[accessKey]; ok {
		return "arn:aws:sts::" + account + ":assumed-role/" + role + "/session"
	}
	return "arn:aws:iam::" + account + ":user/local"
}
