// Package fetch brings packages onto this machine by their hashes: each is
// downloaded once, by the machine's own clients where it has them, and what has
// another hash than the lock says never gets into the cache.
package fetch

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Cache is a folder of files named by their hashes.
type Cache struct{ Dir string }

// ErrDamaged is content that is not what the lock says.
var ErrDamaged = errors.New("the content is not what is locked")

// Hash is an algorithm and a sum, in hexadecimal: "sha256:…" or "sha512:…".
type Hash string

// SHA256 is the hash of that sum.
func SHA256(sum string) Hash { return Hash("sha256:" + sum) }

// Integrity is the hash that npm writes "sha512-BASE64".
func Integrity(value string) (Hash, error) {
	encoded, ok := strings.CutPrefix(value, "sha512-")
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(sum) != sha512.Size {
		return "", fmt.Errorf("%q is not an npm integrity of the kind sha512", value)
	}
	return Hash("sha512:" + hex.EncodeToString(sum)), nil
}

func (h Hash) new() (hash.Hash, error) {
	algorithm, sum, _ := strings.Cut(string(h), ":")
	switch {
	case algorithm == "sha256" && len(sum) == 2*sha256.Size:
		return sha256.New(), nil
	case algorithm == "sha512" && len(sum) == 2*sha512.Size:
		return sha512.New(), nil
	}
	return nil, fmt.Errorf("%q is no hash that is known here", h)
}

// Path is where the content of that hash is, or will be.
func (c Cache) Path(h Hash) string {
	return filepath.Join(c.Dir, strings.ReplaceAll(string(h), ":", "-"))
}

// Has tells whether the content is there. It is not hashed again: see Open.
func (c Cache) Has(h Hash) bool {
	info, err := os.Stat(c.Path(h))
	return err == nil && info.Mode().IsRegular()
}

// Take moves a downloaded file into the cache. A file of another hash is
// removed, and the error wraps ErrDamaged.
func (c Cache) Take(file string, h Hash) error {
	got, err := sumOf(file, h)
	if err != nil {
		return err
	}
	if got != h {
		return errors.Join(fmt.Errorf("%w: it has %s instead of %s%s", ErrDamaged, got, h, looksLike(file)), os.Remove(file))
	}
	return os.Rename(file, c.Path(h))
}

// Read is the content of that hash, checked once more: a disk may have changed
// it since, or a person.
func (c Cache) Read(h Hash) ([]byte, error) {
	got, err := sumOf(c.Path(h), h)
	if err != nil {
		return nil, err
	}
	if got != h {
		return nil, fmt.Errorf("%w: remove %s", ErrDamaged, c.Path(h))
	}
	return os.ReadFile(c.Path(h))
}

func sumOf(path string, h Hash) (Hash, error) {
	sum, err := h.new()
	if err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	algorithm, _, _ := strings.Cut(string(h), ":")
	return Hash(algorithm + ":" + hex.EncodeToString(sum.Sum(nil))), nil
}

// looksLike adds what a person should know of a file that is not a package.
func looksLike(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	start := make([]byte, 512)
	n, _ := io.ReadFull(file, start)
	text := strings.ToLower(string(start[:n]))
	if strings.Contains(text, "<html") || strings.Contains(text, "<!doctype html") {
		return " (it is a web page: a proxy or a login page may have answered instead of the mirror)"
	}
	return ""
}
