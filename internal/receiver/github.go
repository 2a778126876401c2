package receiver

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// github signs the body with the webhook's secret
// (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries).
// Its payloads say when the push was, so that no two pushes have equal bodies.
type github struct{}

const githubSignature = "X-Hub-Signature-256"

func (github) admit(h http.Header, _ [][]byte, _ time.Time) error {
	_, err := sha256Header(h, githubSignature)
	return err
}

func (github) verify(h http.Header, body []byte, secrets [][]byte) bool {
	sum, err := sha256Header(h, githubSignature)
	return err == nil && signed(sum, secrets, body)
}

// identity is nothing: X-GitHub-Delivery is not signed.
func (github) identity(http.Header) string { return "" }

func (github) read(h http.Header, body []byte) (event, error) {
	switch h.Get("X-GitHub-Event") {
	case "ping":
		return event{ping: true}, nil
	case "push", "create", "delete": // of a branch or a tag
	default:
		return event{ignored: true}, nil
	}
	var payload struct {
		Repository struct {
			CloneURL string `json:"clone_url"`
			SSHURL   string `json:"ssh_url"`
			HTMLURL  string `json:"html_url"`
		} `json:"repository"`
	}
	body, err := formPayload(h, body)
	if err == nil {
		err = decode(body, &payload)
	}
	r := payload.Repository
	return event{addresses: []string{r.CloneURL, r.SSHURL, r.HTMLURL}}, err
}

// formPayload takes the JSON out of a form: GitHub's content type
// application/x-www-form-urlencoded has it in the field payload.
func formPayload(h http.Header, body []byte) ([]byte, error) {
	if !strings.HasPrefix(h.Get("Content-Type"), "application/x-www-form-urlencoded") || bytes.HasPrefix(body, []byte("{")) {
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, withoutText(err)
	}
	return []byte(form.Get("payload")), nil
}
