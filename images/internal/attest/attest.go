// Package attest writes what is said of an image: the bill of materials, as an
// SPDX document, and where it comes from, as an in-toto statement of SLSA
// provenance. Both are the same whenever the image is.
package attest

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"awscdk.dev/operator/images/internal/fetch"
	"awscdk.dev/operator/images/internal/recipe"
)

// Material is a package that is in an image, or that it was made of.
type Material struct {
	Name, Version string
	// PURL is its package URL: see https://github.com/package-url/purl-spec.
	PURL string
	// Download is where it came from, "" when that is not one address.
	Download string
	// Algorithm and Sum are of what was downloaded, in hexadecimal: "sha256",
	// "sha512", or "dirHash1" for a Go module. Sum is "" for what is part of another package.
	Algorithm, Sum string
	// License is an SPDX expression, "" when it is not known.
	License string
}

// Subject is what is said something of.
type Subject struct {
	// Name is the repository's full name without a tag.
	Name string
	// Digest is SHA-256 in hexadecimal.
	Digest string
	// Arch is "" for an index.
	Arch string
}

// Debian is a Debian package of an archive at that mirror.
func Debian(p recipe.DebianPackage, mirror string) Material {
	return Material{
		Name: p.Name, Version: p.Version,
		PURL:      fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s&distro=trixie", url.PathEscape(p.Name), purlVersion(p.Version), p.Architecture),
		Download:  strings.TrimSuffix(mirror, "/") + "/" + p.Path,
		Algorithm: "sha256", Sum: p.SHA256,
	}
}

// Npm is a package of the npm registry.
func Npm(p recipe.NpmPackage) (Material, error) {
	m := Material{Name: p.Name, Version: p.Version, License: p.License, PURL: npmPURL(p.Name, p.Version)}
	if p.Integrity == "" {
		return m, nil // It is bundled with another.
	}
	hash, err := fetch.Integrity(p.Integrity)
	if err != nil {
		return m, err
	}
	m.Algorithm, m.Sum, _ = strings.Cut(string(hash), ":")
	return m, nil
}

func npmPURL(name, version string) string {
	return "pkg:npm/" + strings.ReplaceAll(name, "@", "%40") + "@" + purlVersion(version)
}

func purlVersion(version string) string {
	return strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
}

// GoModules are the modules that a Go program was compiled from, as it says
// itself, with Go's standard library.
func GoModules(file string) ([]Material, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the modules of %s: %w", file, err)
	}
	version := strings.TrimPrefix(info.GoVersion, "go")
	all := []Material{{Name: "stdlib", Version: version, PURL: "pkg:golang/stdlib@" + version, License: "BSD-3-Clause"}}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		if strings.HasPrefix(module.Version, "v0.0.0-00010101000000") || module.Version == "(devel)" {
			continue // A folder of this project.
		}
		all = append(all, Material{
			Name: module.Path, Version: module.Version, PURL: goPURL(module.Path, module.Version),
			Algorithm: goSum, Sum: dirHash(module.Sum),
		})
	}
	return all, nil
}

// goSum is in-toto's name for the hash of go.sum.
const goSum = "dirHash1"

func dirHash(sum string) string {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:"))
	if err != nil {
		return ""
	}
	return hex.EncodeToString(raw)
}

func goPURL(path, version string) string {
	return "pkg:golang/" + strings.ToLower(path) + "@" + purlVersion(version)
}

// hexOf checks that a digest is one.
func hexOf(digest string) (string, error) {
	digest = strings.TrimPrefix(digest, "sha256:")
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) != 32 {
		return "", fmt.Errorf("%q is not a SHA-256 digest", digest)
	}
	return digest, nil
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
