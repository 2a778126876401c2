package receiver

import (
	"net/http"
	"strings"
	"time"
)

// bitbucket signs the body with the webhook's secret, Cloud and Data Center
// alike (https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/,
// https://confluence.atlassian.com/bitbucketserver/manage-webhooks-938025878.html).
//
// The payloads of Cloud do not say when a push was: of two pushes of the same
// commits from the same commits within the time that deliveries are
// remembered, the second is taken for a replay and found by polling.
type bitbucket struct{}

const (
	bitbucketSignature = "X-Hub-Signature"
	bitbucketEvent     = "X-Event-Key"
	// bitbucketPing is sent by "Test connection" of Data Center.
	bitbucketPing = "diagnostics:ping"
)

// admit lets pass a ping without signature: Data Center sends one as long as
// the webhook is not saved. It has no effect.
func (bitbucket) admit(h http.Header, _ [][]byte, _ time.Time) error {
	if unsignedPing(h) {
		return nil
	}
	_, err := sha256Header(h, bitbucketSignature)
	return err
}

func (bitbucket) verify(h http.Header, body []byte, secrets [][]byte) bool {
	if unsignedPing(h) {
		return true
	}
	sum, err := sha256Header(h, bitbucketSignature)
	return err == nil && signed(sum, secrets, body)
}

func unsignedPing(h http.Header) bool {
	return h.Get(bitbucketEvent) == bitbucketPing && h.Get(bitbucketSignature) == ""
}

// identity is nothing: neither X-Request-UUID nor X-Request-Id is signed.
func (bitbucket) identity(http.Header) string { return "" }

func (bitbucket) read(h http.Header, body []byte) (event, error) {
	switch h.Get(bitbucketEvent) {
	case bitbucketPing:
		return event{ping: true}, nil
	case "repo:push", // Cloud
		"repo:refs_changed", "mirror:repo_synchronized": // Data Center
	default:
		return event{ignored: true}, nil
	}
	type link struct {
		Href string `json:"href"`
	}
	var payload struct {
		Repository struct {
			Links struct {
				Clone []link `json:"clone"` // Data Center
				HTML  link   `json:"html"`  // Cloud: https://bitbucket.org/workspace/repository
			} `json:"links"`
		} `json:"repository"`
	}
	if err := decode(body, &payload); err != nil {
		return event{}, err
	}
	links := payload.Repository.Links
	addresses := []string{strings.TrimSuffix(links.HTML.Href, "/")}
	for _, clone := range links.Clone {
		addresses = append(addresses, clone.Href)
	}
	return event{addresses: addresses}, nil
}
