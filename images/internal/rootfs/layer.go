package rootfs

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Written is what a layer is known by.
type Written struct {
	// Digest is of the compressed layer, DiffID of the archive within: both
	// SHA-256, in hexadecimal.
	Digest, DiffID string
	// Size is the compressed layer's, Unpacked the sum of its files' sizes, in bytes.
	Size, Unpacked int64
}

// shared is the size from which files of equal content and mode become one, by
// a hard link: git, for one, is in its package under several names.
const shared = 64 << 10

// WriteLayer writes the tree as a gzip-compressed archive: sorted by path, with
// one time for all, and without names of owners, so that the same tree gives
// the same bytes on any machine.
func (t Tree) WriteLayer(w io.Writer, modified time.Time) (Written, error) {
	compressed := &counter{hash: sha256.New(), to: w}
	zip, err := gzip.NewWriterLevel(compressed, gzip.BestCompression)
	if err != nil {
		return Written{}, err
	}
	plain := &counter{hash: sha256.New(), to: zip}
	unpacked, err := t.writeArchive(plain, modified)
	if err != nil {
		return Written{}, err
	}
	if err := zip.Close(); err != nil {
		return Written{}, err
	}
	return Written{
		Digest: compressed.sum(), DiffID: plain.sum(),
		Size: compressed.size, Unpacked: unpacked,
	}, nil
}

func (t Tree) writeArchive(w io.Writer, modified time.Time) (unpacked int64, err error) {
	archive := tar.NewWriter(w)
	first := make(map[string]string) // the path of a content that was written
	for _, name := range slices.Sorted(maps.Keys(t)) {
		header := t[name].header(name, modified)
		if earlier := first[t[name].identity()]; earlier != "" {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, earlier, 0
		} else if t[name].Type == tar.TypeReg && len(t[name].Data) >= shared {
			first[t[name].identity()] = name
		}
		if err := archive.WriteHeader(header); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		unpacked += header.Size
		if _, err := archive.Write(t[name].Data); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	return unpacked, archive.Close()
}

func (f *File) header(name string, modified time.Time) *tar.Header {
	if f.Type == tar.TypeDir {
		name = strings.TrimSuffix(name, "/") + "/"
	}
	return &tar.Header{
		Typeflag: f.Type, Name: name, Linkname: f.Link, Mode: f.Mode, Size: int64(len(f.Data)),
		Uid: f.Owner, Gid: f.Owner, ModTime: modified, Format: tar.FormatPAX,
	}
}

// identity tells files apart; "" for one that is never shared.
func (f *File) identity() string {
	if f.Type != tar.TypeReg || len(f.Data) < shared {
		return ""
	}
	sum := sha256.Sum256(f.Data)
	return fmt.Sprintf("%o %d %x", f.Mode, f.Owner, sum)
}

// counter counts and hashes what passes.
type counter struct {
	hash hash.Hash
	to   io.Writer
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.hash.Write(p)
	c.size += int64(len(p))
	return c.to.Write(p)
}

func (c *counter) sum() string { return hex.EncodeToString(c.hash.Sum(nil)) }
