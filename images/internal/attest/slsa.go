package attest

import (
	"encoding/json"
	"strings"
)

// InTotoType is the media type of a statement.
const InTotoType = "application/vnd.in-toto+json"

// Build is how an image came to be.
type Build struct {
	// Builder says who built it, as a URI.
	Builder string
	// Source is the project's repository as a URI, "" when it is not known;
	// Revision its commit, with "-dirty" when there were changes besides.
	Source, Revision string
	Version          string
	Archs            []string
	// Materials are all that was downloaded.
	Materials []Material
}

// statement is https://in-toto.io/Statement/v1 with https://slsa.dev/provenance/v1.
type statement struct {
	Type          string       `json:"_type"`
	Subject       []descriptor `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     predicate    `json:"predicate"`
}

type descriptor struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

type predicate struct {
	BuildDefinition struct {
		BuildType            string         `json:"buildType"`
		ExternalParameters   map[string]any `json:"externalParameters"`
		ResolvedDependencies []descriptor   `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
	} `json:"runDetails"`
}

// Provenance is the statement that the subjects came from that build. It has no
// time: the same build says the same.
func Provenance(subjects []Subject, build Build) ([]byte, error) {
	s := statement{Type: "https://in-toto.io/Statement/v1", PredicateType: "https://slsa.dev/provenance/v1"}
	for _, subject := range subjects {
		digest, err := hexOf(subject.Digest)
		if err != nil {
			return nil, err
		}
		s.Subject = append(s.Subject, descriptor{Name: subject.Name, Digest: map[string]string{"sha256": digest}})
	}
	definition := &s.Predicate.BuildDefinition
	definition.BuildType = "https://awscdk.dev/images/v1"
	definition.ExternalParameters = map[string]any{"version": build.Version, "architectures": build.Archs}
	if build.Revision != "" {
		definition.ExternalParameters["revision"] = build.Revision
	}
	definition.ResolvedDependencies = build.dependencies()
	s.Predicate.RunDetails.Builder.ID = build.Builder
	return json.MarshalIndent(s, "", "  ")
}

func (b Build) dependencies() []descriptor {
	all := make([]descriptor, 0, len(b.Materials)+1)
	// A checkout with changes is not the commit, so none is named then.
	if b.Source != "" && b.Revision != "" && !strings.HasSuffix(b.Revision, "-dirty") {
		all = append(all, descriptor{URI: "git+" + b.Source + "@" + b.Revision, Digest: map[string]string{"gitCommit": b.Revision}})
	}
	seen := make(map[string]bool)
	for _, m := range b.Materials {
		if seen[m.PURL] || m.Sum == "" {
			continue
		}
		seen[m.PURL] = true
		all = append(all, descriptor{URI: m.PURL, Digest: map[string]string{m.Algorithm: m.Sum}})
	}
	return all
}
