package fluxsource

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"net/url"
	"regexp"
	"strings"
)

// Artifact is what a Flux source offers.
type Artifact struct {
	// URL is where the tarball is.
	URL string `json:"url"`
	// Revision is what it was made of: main@sha1:HASH of a GitRepository,
	// TAG@sha256:HASH of an OCIRepository, sha256:HASH of a Bucket.
	Revision string `json:"revision"`
	// Digest of the tarball, as sha256:HEX. It is what tells artifacts apart.
	Digest string `json:"digest"`
}

// Group is the API group of Flux sources, and Version the one to read.
const (
	Group   = "source.toolkit.fluxcd.io"
	Version = "v1"
)

// FromObject reads the artifact from a Flux source as the API server gives it.
// One that has none, or none for its present spec, is ErrNotReady with what
// the source says about it. A source that failed to look again keeps its last
// artifact, and so does this.
func FromObject(object map[string]any) (Artifact, error) {
	kind, name := text(object, "kind"), text(object, "metadata", "namespace")+"/"+text(object, "metadata", "name")
	a := Artifact{URL: text(object, "status", "artifact", "url"), Revision: text(object, "status", "artifact", "revision"), Digest: text(object, "status", "artifact", "digest")}
	if a.URL == "" {
		why := readyMessage(object)
		if why == "" {
			why = "it was not fetched yet"
		}
		return Artifact{}, ErrNotReady.New("the %s %s has no artifact: %s; see kubectl describe", kind, name, printable(why))
	}
	if err := a.Validate(); err != nil {
		return Artifact{}, err
	}
	return a, nil
}

func readyMessage(object map[string]any) string {
	status, _ := object["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && text(condition, "type") == "Ready" {
			return text(condition, "message")
		}
	}
	return ""
}

func text(object map[string]any, path ...string) string {
	for _, field := range path[:len(path)-1] {
		object, _ = object[field].(map[string]any)
	}
	value, _ := object[path[len(path)-1]].(string)
	return value
}

var digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$`)

// Validate says whether the artifact can be fetched, and be believed. The
// error is of kind ErrInvalid.
func (a Artifact) Validate() error {
	u, err := url.Parse(a.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return ErrInvalid.New("the Flux artifact's address is not an http or https one; see the source's status")
	}
	if !digestForm.MatchString(a.Digest) {
		return ErrInvalid.New("the Flux artifact's digest is not of the form sha256:HEX; run Flux 2.0 or later")
	}
	return nil
}

// Commit is the hash in the revision: of a commit, of an image, or of a
// bucket's content; the digest's when the revision has none.
func (a Artifact) Commit() string {
	for _, named := range []string{a.Revision, a.Digest} {
		if i := strings.LastIndexByte(named, ':'); i >= 0 {
			if _, err := hex.DecodeString(named[i+1:]); err == nil && named[i+1:] != "" {
				return named[i+1:]
			}
		}
	}
	return ""
}

// hasher returns the digest's function and the sum it must give.
func (a Artifact) hasher() (hash.Hash, string) {
	algorithm, sum, _ := strings.Cut(a.Digest, ":")
	switch algorithm {
	case "sha384":
		return sha512.New384(), sum
	case "sha512":
		return sha512.New(), sum
	}
	return sha256.New(), sum
}

// printable makes one short line of a text from elsewhere.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	if runes := []rune(s); len(runes) > 200 {
		s = string(runes[:200])
	}
	return strings.TrimSpace(s)
}
