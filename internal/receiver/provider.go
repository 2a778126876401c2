package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// window is how far the timestamp of a signed delivery may be from now.
const window = 5 * time.Minute

// provider knows how one kind of git host proves and words its deliveries.
type provider interface {
	// admit says what is wrong with a delivery as far as its headers tell,
	// before its body is read.
	admit(h http.Header, secrets [][]byte, now time.Time) error
	// verify reports whether one of the secrets made the proof of the body.
	// It is asked about what was admitted only.
	verify(h http.Header, body []byte, secrets [][]byte) bool
	// identity is what tells a delivery from others with an equal body, as
	// far as whoever replays it cannot choose it.
	identity(h http.Header) string
	// read finds out what a verified delivery tells.
	read(h http.Header, body []byte) (event, error)
}

// event is what a delivery tells: a ping, something of no interest, or a push
// to the repository with these addresses.
type event struct {
	ping, ignored bool
	addresses     []string
}

var providers = map[string]provider{
	"bitbucket": bitbucket{},
	"generic":   generic{},
	"github":    github{},
	"gitlab":    gitlab{},
}

// lookup returns the provider of a path; its name is "none" if there is none.
func lookup(path string) (name string, p provider) {
	name, under := strings.CutPrefix(path, Path)
	if p = providers[name]; !under || p == nil {
		return "none", nil
	}
	return name, p
}

// sha256Header reads a header "sha256=<hex>".
func sha256Header(h http.Header, name string) ([]byte, error) {
	value := h.Get(name)
	if value == "" {
		return nil, errNoProof
	}
	digits, right := strings.CutPrefix(value, "sha256=")
	sum, err := hex.DecodeString(digits)
	if !right || err != nil || len(sum) != sha256.Size {
		return nil, errWrongProof
	}
	return sum, nil
}

// signed reports whether sum is the HMAC-SHA256 of the parts by one of the
// keys. How long it takes depends on lengths and the number of keys only.
func signed(sum []byte, keys [][]byte, parts ...[]byte) bool {
	found := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		for _, part := range parts {
			mac.Write(part) // never fails, by its documentation
		}
		if hmac.Equal(mac.Sum(nil), sum) {
			found = true
		}
	}
	return found
}

// fresh checks a header with a Unix time in seconds.
func fresh(h http.Header, name string, now time.Time) error {
	value := h.Get(name)
	if value == "" {
		return errNoProof
	}
	at, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return errStale
	}
	// Compared as numbers: times far off overflow a Duration.
	if at < now.Add(-window).Unix() || at > now.Add(window).Unix() {
		return errStale
	}
	return nil
}

// deliveryKey names a delivery by what cannot be changed without the secret.
func deliveryKey(provider, identity string, body []byte) [sha256.Size]byte {
	sum := sha256.Sum256(body)
	return sha256.Sum256(fmt.Appendf(nil, "%s %q %x", provider, identity, sum))
}

// decode reads the JSON of a payload; what is not asked for is skipped.
func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the payload: %w", withoutText(err))
	}
	return nil
}

// withoutText keeps words of the payload out of an error: they may be anything.
func withoutText(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("another type than expected at byte %d", kind.Offset)
	}
	return errors.New("not the JSON that was expected")
}
