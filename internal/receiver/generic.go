package receiver

import (
	"net/http"
	"time"
)

// generic is for everything else: a post-receive hook, a pipeline, a script.
// X-Signature-256 is "sha256=" and the HMAC-SHA256, in hex, over X-Timestamp,
// a dot and the body; X-Timestamp is the Unix time in seconds. The body is
// {"repository": "<address>"} or {"repositories": ["<address>", ...]}; other
// fields are ignored and may tell apart two pushes of one second.
type generic struct{}

const (
	genericSignature = "X-Signature-256"
	genericTime      = "X-Timestamp"
	genericEvent     = "X-Event"
)

func (generic) admit(h http.Header, _ [][]byte, now time.Time) error {
	if _, err := sha256Header(h, genericSignature); err != nil {
		return err
	}
	return fresh(h, genericTime, now)
}

func (generic) verify(h http.Header, body []byte, secrets [][]byte) bool {
	sum, err := sha256Header(h, genericSignature)
	return err == nil && signed(sum, secrets, []byte(h.Get(genericTime)+"."), body)
}

// identity is the timestamp, which is signed.
func (generic) identity(h http.Header) string { return h.Get(genericTime) }

func (generic) read(h http.Header, body []byte) (event, error) {
	if h.Get(genericEvent) == "ping" {
		return event{ping: true}, nil
	}
	var payload struct {
		Repository   string   `json:"repository"`
		Repositories []string `json:"repositories"`
	}
	err := decode(body, &payload)
	return event{addresses: append([]string{payload.Repository}, payload.Repositories...)}, err
}
