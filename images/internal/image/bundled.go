package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"github.com/klauspost/compress/gzip"

	"awscdk.dev/operator/images/internal/fetch"
	"awscdk.dev/operator/images/internal/recipe"
)

// Bundled are the packages that an npm package brings within it, in folders
// called node_modules; sorted, each version once.
func (p Parts) Bundled(outer recipe.NpmPackage) ([]recipe.NpmPackage, error) {
	archive, err := p.open(outer)
	if err != nil {
		return nil, err
	}
	found := make(map[[2]string]recipe.NpmPackage)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", outer.Name, err)
		}
		if !isManifest(header.Name) {
			continue
		}
		var inner struct{ Name, Version, License string }
		// An old manifest may have a licence of another shape; it has a name all the same.
		if err := json.NewDecoder(archive).Decode(&inner); inner.Name == "" || inner.Version == "" {
			return nil, fmt.Errorf("%s: %s has no name and version: %w", outer.Name, header.Name, err)
		}
		found[[2]string{inner.Name, inner.Version}] = recipe.NpmPackage{Name: inner.Name, Version: inner.Version, License: inner.License}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b recipe.NpmPackage) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	}), nil
}

// isManifest tells whether a path is that of a bundled package's package.json:
// …/node_modules/NAME/package.json or …/node_modules/@SCOPE/NAME/package.json.
func isManifest(name string) bool {
	if path.Base(name) != "package.json" {
		return false
	}
	parent := path.Dir(path.Dir(name))
	if base := path.Base(parent); base != "" && base[0] == '@' {
		parent = path.Dir(parent)
	}
	return path.Base(parent) == "node_modules"
}

func (p Parts) open(chosen recipe.NpmPackage) (*tar.Reader, error) {
	hash, err := fetch.Integrity(chosen.Integrity)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", chosen.Name, err)
	}
	content, err := p.Cache.Read(hash)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", chosen.Name, err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", chosen.Name, err)
	}
	return tar.NewReader(unzipped), nil
}
