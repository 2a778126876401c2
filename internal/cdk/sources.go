package cdk

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxSources bounds the sources that are digested, in bytes.
const maxSources = 128 << 20

// sourcesDigest is the digest of everything in a checkout that the TypeScript
// compiler may read, besides the dependencies: names and contents of its
// sources and of JSON files. What the app writes into the folder except does
// not count. It is "" when that cannot be told.
func sourcesDigest(root, except string) string {
	extensions := []string{".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"}
	var size int64
	h := sha256.New()
	paths, err := folders(root, func(_ string, d fs.DirEntry) bool {
		return !d.IsDir() && (d.Type()&fs.ModeSymlink != 0 || slices.Contains(extensions, filepath.Ext(d.Name())))
	})
	if err != nil {
		return ""
	}
	for _, path := range paths {
		full := filepath.Join(root, path)
		if inside(except, full) {
			continue
		}
		info, err := os.Lstat(full)
		if err != nil {
			return ""
		}
		if size += info.Size(); size > maxSources {
			return ""
		}
		if digestFile(h, full, path, info.Mode().Type(), openQuietly) != nil {
			return ""
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
