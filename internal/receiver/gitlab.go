package receiver

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// gitlab sends its secret token as it is, or, with a signing token, signs as
// Standard Webhooks does: HMAC-SHA256 over "id.timestamp.body", by the bytes
// that whsec_<base64> holds
// (https://docs.gitlab.com/user/project/integrations/webhooks/,
// https://github.com/standard-webhooks/standard-webhooks). A delivery that
// carries a signature is judged by it, whatever else it carries.
type gitlab struct{}

const (
	gitlabToken     = "X-Gitlab-Token" // #nosec G101 -- the name of a header
	gitlabSignature = "Webhook-Signature"
	gitlabID        = "Webhook-Id"
	gitlabTime      = "Webhook-Timestamp"
	signingPrefix   = "whsec_"
)

func (gitlab) admit(h http.Header, secrets [][]byte, now time.Time) error {
	if h.Get(gitlabSignature) != "" {
		if h.Get(gitlabID) == "" {
			return errNoProof
		}
		return fresh(h, gitlabTime, now)
	}
	token := h.Get(gitlabToken)
	if token == "" {
		return errNoProof
	}
	if !oneOf([]byte(token), secrets) {
		return errWrongProof
	}
	return nil
}

// verify has nothing left to do for a plain token: admit compared it.
func (gitlab) verify(h http.Header, body []byte, secrets [][]byte) bool {
	signatures := h.Get(gitlabSignature)
	if signatures == "" {
		return true
	}
	keys := signingKeys(secrets)
	prefix := []byte(h.Get(gitlabID) + "." + h.Get(gitlabTime) + ".")
	for i, signature := range strings.Fields(signatures) {
		encoded, v1 := strings.CutPrefix(signature, "v1,")
		sum, err := base64.StdEncoding.DecodeString(encoded)
		if v1 && err == nil && signed(sum, keys, prefix, body) {
			return true
		}
		if i == 3 { // a sender that rotates its token has two
			break
		}
	}
	return false
}

// identity is the signed id, which stays the same when GitLab tries again. With a
// plain token nothing is signed, and the body alone would not do: GitLab's
// payloads do not say when a push was, so that pushing A, B and A again makes
// two equal bodies. X-Gitlab-Event-UUID is shared by hooks that cause one
// another, which the body tells apart.
func (gitlab) identity(h http.Header) string {
	if h.Get(gitlabSignature) != "" {
		return h.Get(gitlabID)
	}
	if id := h.Get("Idempotency-Key"); id != "" {
		return id
	}
	return h.Get("X-Gitlab-Event-UUID")
}

func (gitlab) read(_ http.Header, body []byte) (event, error) {
	type addresses struct {
		GitHTTPURL string `json:"git_http_url"`
		GitSSHURL  string `json:"git_ssh_url"`
		URL        string `json:"url"`
	}
	var payload struct {
		Kind       string    `json:"object_kind"`
		Name       string    `json:"event_name"` // all that a system hook has
		Project    addresses `json:"project"`
		Repository addresses `json:"repository"`
	}
	if err := decode(body, &payload); err != nil {
		return event{}, err
	}
	if payload.Kind == "" {
		payload.Kind = payload.Name
	}
	switch payload.Kind {
	case "push", "tag_push", "repository_update":
	default:
		return event{ignored: true}, nil
	}
	p, r := payload.Project, payload.Repository
	return event{addresses: []string{p.GitHTTPURL, p.GitSSHURL, r.GitHTTPURL, r.GitSSHURL, r.URL}}, nil
}

// oneOf compares without telling by its duration how much was right: digests
// are compared, so that lengths do not show either.
func oneOf(value []byte, secrets [][]byte) bool {
	found, sum := false, sha256.Sum256(value)
	for _, secret := range secrets {
		want := sha256.Sum256(secret)
		if hmac.Equal(sum[:], want[:]) {
			found = true
		}
	}
	return found
}

// signingKeys are the keys within those secrets that are signing tokens. One
// of fewer bytes than any secret must have is none.
func signingKeys(secrets [][]byte) [][]byte {
	var keys [][]byte
	for _, secret := range secrets {
		encoded, is := bytes.CutPrefix(secret, []byte(signingPrefix))
		key, err := base64.StdEncoding.DecodeString(string(encoded))
		if is && err == nil && len(key) >= minSecret {
			keys = append(keys, key)
		}
	}
	return keys
}
