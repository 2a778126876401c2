// Package awsconfig says who we are to AWS and how we call it: credentials,
// roles, retries, time limits, and what AWS's errors mean. The adapters that
// call AWS share it.
package awsconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The names of the credentials, in a Secret and in an environment alike.
const (
	keyAccessKeyID     = "AWS_ACCESS_KEY_ID"
	keySecretAccessKey = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // a name
	keySessionToken    = "AWS_SESSION_TOKEN"     //nolint:gosec // a name
)

// Credentials are AWS keys. The zero value stands for the identity of the
// process: IRSA, Pod Identity, or what else the SDK's default chain finds.
// However they are printed, logged or marshalled, the secrets do not show.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	// Shared says that they are of the operator's own identity, which serves
	// many users.
	Shared bool
}

// FromSecret reads credentials out of the data of a Kubernetes Secret. White
// space around values is dropped, since `kubectl create secret --from-file`
// keeps the file's last line break. The error (ErrCredentials) names the keys
// that are missing: an incomplete Secret never falls back to the pod's
// identity.
func FromSecret(data map[string][]byte) (Credentials, error) {
	c := Credentials{
		AccessKeyID:     strings.TrimSpace(string(data[keyAccessKeyID])),
		SecretAccessKey: strings.TrimSpace(string(data[keySecretAccessKey])),
		SessionToken:    strings.TrimSpace(string(data[keySessionToken])),
	}
	return c, c.check("the Secret")
}

// FromEnviron reads credentials out of AWS_* variables, as Environ wrote them.
// None at all is the process's own identity.
func FromEnviron(env map[string]string) (Credentials, error) {
	c := Credentials{
		AccessKeyID:     env[keyAccessKeyID],
		SecretAccessKey: env[keySecretAccessKey],
		SessionToken:    env[keySessionToken],
	}
	if c.IsZero() {
		return c, nil
	}
	return c, c.check("the environment")
}

// Environ returns the AWS_* variables that hand the credentials to a process.
func (c Credentials) Environ() map[string]string {
	if c.IsZero() {
		return nil
	}
	env := map[string]string{keyAccessKeyID: c.AccessKeyID, keySecretAccessKey: c.SecretAccessKey}
	if c.SessionToken != "" {
		env[keySessionToken] = c.SessionToken
	}
	return env
}

func (c Credentials) check(where string) error {
	var missing []string
	if c.AccessKeyID == "" {
		missing = append(missing, keyAccessKeyID)
	}
	if c.SecretAccessKey == "" {
		missing = append(missing, keySecretAccessKey)
	}
	if len(missing) == 0 {
		return nil
	}
	return &Error{
		Kind:    ErrCredentials,
		Doing:   "read AWS credentials",
		Message: fmt.Sprintf("%s has no %s", where, strings.Join(missing, " and no ")),
	}
}

// IsZero is true for the identity of the process.
func (c Credentials) IsZero() bool { return c == Credentials{} }

// Digest tells credentials apart in memory. It is not meant to be stored.
func (c Credentials) Digest() string {
	h := sha256.New()
	for _, s := range []string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// String shows the access key id, which is no secret, and nothing else.
func (c Credentials) String() string {
	if c.IsZero() {
		return "the process's own identity"
	}
	return "access key " + c.AccessKeyID
}

// GoString is String, for %#v.
func (c Credentials) GoString() string { return c.String() }

// Format is String, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is String, for slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON is String: secrets travel by Environ, never by accident.
func (c Credentials) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// shortestSecret is what hide looks for at least: AWS's are longer, and a
// shorter one, of a test endpoint, would be found in the middle of words.
const shortestSecret = 8

// hide takes the secrets out of text that came from elsewhere.
func (c Credentials) hide(text string) string {
	for _, secret := range []string{c.SecretAccessKey, c.SessionToken} {
		if len(secret) >= shortestSecret {
			text = strings.ReplaceAll(text, secret, "(hidden)")
		}
	}
	return text
}
