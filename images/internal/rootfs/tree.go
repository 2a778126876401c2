// Package rootfs holds files of an image in memory and writes them as a layer
// that is the same, bit for bit, whenever its files are.
package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// File is one file, folder or symbolic link of a Tree.
type File struct {
	// Type is tar.TypeReg, tar.TypeDir or tar.TypeSymlink.
	Type byte
	// Mode has the permission bits and, for folders, the sticky bit.
	Mode int64
	// Owner is both the user and the group, by number.
	Owner int
	// Link is where a symbolic link points to.
	Link string
	Data []byte
}

// Tree is a set of files by their path: clean, relative to the root, without a
// leading slash. Paths that share a *File are hard links to each other.
type Tree map[string]*File

// aliases are the folders at the root that are links into /usr, as Debian has
// them since release 12. A layer that had a folder of such a name would hide the link.
var aliases = []string{"bin", "sbin", "lib", "lib64"}

// Clean makes the path of an archive's entry one of a Tree; "" is the root. It
// fails for a path that leaves the root.
func Clean(name string) (string, error) {
	clean := path.Clean("/" + name)[1:]
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", fmt.Errorf("the path %q leaves the root", name)
	}
	if first, rest, below := strings.Cut(clean, "/"); below && slices.Contains(aliases, first) {
		clean = path.Join("usr", first, rest)
	}
	return clean, nil
}

// Add puts a file at a path and makes the folders above it. A folder that is
// there already keeps its mode.
func (t Tree) Add(name string, f *File) {
	if f.Type == tar.TypeDir && t[name] != nil {
		return
	}
	t[name] = f
	for dir := path.Dir(name); dir != "." && t[dir] == nil; dir = path.Dir(dir) {
		t[dir] = &File{Type: tar.TypeDir, Mode: 0o755}
	}
}

// Write puts a regular file there.
func (t Tree) Write(name string, mode int64, data []byte) {
	t.Add(name, &File{Type: tar.TypeReg, Mode: mode, Data: data})
}

// Symlink puts a symbolic link there.
func (t Tree) Symlink(name, target string) {
	t.Add(name, &File{Type: tar.TypeSymlink, Mode: 0o777, Link: target})
}

// Mkdir puts a folder there.
func (t Tree) Mkdir(name string, mode int64, owner int) {
	t.Add(name, &File{Type: tar.TypeDir, Mode: mode, Owner: owner})
}

// Merge adds all of another tree; its files replace those of the same path.
func (t Tree) Merge(other Tree) {
	for _, name := range slices.Sorted(maps.Keys(other)) {
		t.Add(name, other[name])
	}
}

// Unpack adds an archive's entries. at maps a clean path of the archive to one
// of the tree, "" to leave it out. Everything belongs to root; set-user-ID and
// set-group-ID bits are dropped, since nothing in these images may gain rights.
// Devices and the like are an error.
func (t Tree) Unpack(archive *tar.Reader, at func(string) string) error {
	seen := make(Tree) // by the archive's own paths, for hard links
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := Clean(header.Name)
		if err != nil {
			return err
		}
		file, err := read(archive, header, seen)
		if err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
		if file == nil || name == "" {
			continue
		}
		seen[name] = file
		if to := at(name); to != "" {
			t.Add(to, file)
		}
	}
}

// read is one entry as a File; nil for an entry that is no file.
func read(archive *tar.Reader, header *tar.Header, seen Tree) (*File, error) {
	switch header.Typeflag {
	case tar.TypeDir:
		return &File{Type: tar.TypeDir, Mode: header.Mode & 0o1777}, nil
	case tar.TypeSymlink:
		return &File{Type: tar.TypeSymlink, Mode: 0o777, Link: header.Linkname}, nil
	case tar.TypeReg:
		data, err := io.ReadAll(archive)
		return &File{Type: tar.TypeReg, Mode: header.Mode & 0o777, Data: data}, err
	case tar.TypeXGlobalHeader:
		return nil, nil
	case tar.TypeLink:
		target, err := Clean(header.Linkname)
		if err != nil {
			return nil, err
		}
		if seen[target] == nil {
			return nil, fmt.Errorf("is a link to %s, which the archive does not have before it", header.Linkname)
		}
		return seen[target], nil
	}
	return nil, fmt.Errorf("files of type %q have no place in an image", header.Typeflag)
}

// Below are the paths under a folder, sorted.
func (t Tree) Below(folder string) []string {
	var below []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if strings.HasPrefix(name, folder+"/") {
			below = append(below, name)
		}
	}
	return below
}
