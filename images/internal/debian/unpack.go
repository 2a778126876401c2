// Package debian resolves Debian packages with apt, once, for the lock, and
// unpacks them without dpkg: no package's script is run, so that an image for
// any architecture is made on any machine, by any user.
package debian

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
	"strings"

	"pault.ag/go/debian/deb"

	"awscdk.dev/operator/images/internal/recipe"
	"awscdk.dev/operator/images/internal/rootfs"
)

// Unpack adds a package's files to the tree, but for those that are stripped,
// and what vulnerability scanners read to know that it is there.
func Unpack(tree rootfs.Tree, content []byte, p recipe.DebianPackage, strip Strip) error {
	file, err := deb.Load(bytes.NewReader(content), p.Path)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.Path, err)
	}
	defer file.Close()
	if file.Control.Package != p.Name || file.Control.Version.String() != p.Version {
		return fmt.Errorf("%s has %s %s, not %s %s as the lock says", p.Path, file.Control.Package, file.Control.Version, p.Name, p.Version)
	}
	err = tree.Unpack(file.Data, func(name string) string {
		if strip.Drops(name) {
			return ""
		}
		return name
	})
	if err != nil {
		return fmt.Errorf("unpack %s: %w", p.Path, err)
	}
	tree.Write("var/lib/dpkg/status.d/"+p.Name, 0o644, status(p))
	return nil
}

// status is the package as dpkg would have recorded it, in a file of its own,
// which is where images without dpkg have it.
func status(p recipe.DebianPackage) []byte {
	lines := []string{
		"Package: " + p.Name, "Status: install ok installed", "Source: " + p.Source,
		"Version: " + p.Version, "Architecture: " + p.Architecture,
		"Maintainer: Debian", "Description: " + p.Name,
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// Certificates is the bundle of all certificate authorities in a tree that has
// the package ca-certificates, as its script would have written it.
func Certificates(tree rootfs.Tree) ([]byte, error) {
	const folder = "usr/share/ca-certificates/mozilla"
	var bundle bytes.Buffer
	for _, name := range tree.Below(folder) {
		if path.Ext(name) != ".crt" || tree[name].Type != tar.TypeReg {
			continue
		}
		bundle.Write(bytes.TrimSpace(tree[name].Data))
		bundle.WriteByte('\n')
	}
	if bundle.Len() == 0 {
		return nil, fmt.Errorf("there is no certificate in %s", folder)
	}
	return bundle.Bytes(), nil
}

// Strip tells what is left out.
type Strip struct{ Drop, Keep []string }

// Drops tells whether a file is left out: a glob names it, or a folder above it.
func (s Strip) Drops(name string) bool {
	return matches(s.Drop, name) && !matches(s.Keep, name)
}

func matches(globs []string, name string) bool {
	for at := name; at != "."; at = path.Dir(at) {
		for _, glob := range globs {
			if ok, _ := path.Match(glob, at); ok {
				return true
			}
		}
	}
	return false
}
