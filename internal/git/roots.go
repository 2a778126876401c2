package git

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"

	"awscdk.dev/operator/internal/regular"
)

// The places where systems keep what they trust, as Go's crypto/x509 has them
// for Linux; the first file that there is counts, and all folders.
var (
	systemFiles = []string{
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
	}
	systemFolders = []string{"/etc/ssl/certs", "/etc/pki/tls/certs"}
)

const (
	// maxRootFile bounds a file of certificates, in bytes.
	maxRootFile = 16 << 20
	// maxRootFiles bounds the files of a folder.
	maxRootFiles = 4096
)

// Roots returns the PEM certificates of the authorities that the environment
// names, with those of the system that it leaves in force, and nil when it
// names none: then each program knows the system's by itself.
//
// SSL_CERT_FILE and SSL_CERT_DIR mean what they mean to Go. GIT_SSL_CAINFO and
// GIT_SSL_CAPATH take their places when forGit is true.
func Roots(getenv func(string) string, forGit bool) []byte {
	file, folders := getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR")
	if forGit {
		if f := getenv("GIT_SSL_CAINFO"); f != "" {
			file = f
		}
		if d := getenv("GIT_SSL_CAPATH"); d != "" {
			folders = d
		}
	}
	if file == "" && folders == "" {
		return nil
	}
	files, dirs := []string{file}, filepath.SplitList(folders)
	if file == "" {
		files = systemFiles
	}
	if folders == "" {
		dirs = systemFolders
	}
	return collectRoots(files, dirs)
}

func collectRoots(files, folders []string) []byte {
	var out bytes.Buffer
	seen := make(map[string]bool)
	for _, path := range files {
		if addRoots(&out, seen, path) {
			break
		}
	}
	for _, folder := range folders {
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries[:min(len(entries), maxRootFiles)] {
			addRoots(&out, seen, filepath.Join(folder, entry.Name()))
		}
	}
	return out.Bytes()
}

// addRoots adds the certificates of a file that are not there yet, and tells
// whether it could be read.
func addRoots(out *bytes.Buffer, seen map[string]bool, path string) bool {
	content, err := regular.ReadLinked(path, maxRootFile)
	if err != nil {
		return false
	}
	for _, der := range certificates(content) {
		if !seen[string(der)] {
			seen[string(der)] = true
			_ = pem.Encode(out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
	}
	return true
}

// certificates returns the certificates of a file that can be read.
func certificates(in []byte) [][]byte {
	var found [][]byte
	for rest := in; len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			found = append(found, block.Bytes)
		}
	}
	return found
}

// tidyCA writes the certificates of a file again, so that git reads those that
// this package's own client reads, and no more.
func tidyCA(in []byte) []byte {
	var out bytes.Buffer
	for _, der := range certificates(in) {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return out.Bytes()
}

// environRoots are those of this process's environment, read once as Go reads
// the system's.
var environRoots = sync.OnceValue(func() []byte { return Roots(os.Getenv, true) })

// roots are the authorities that a remote's server is believed by: those of
// the credentials alone, else those of the environment; nil for the system's.
func (c Credentials) roots() []byte {
	if len(c.CA) > 0 {
		return tidyCA(c.CA)
	}
	return environRoots()
}

func poolOf(certificates []byte) *x509.CertPool {
	if certificates == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificates)
	return pool
}

// trustVariables make git trust the certificates in a file and no other: the
// folder, which is empty, takes the place of the system's.
func trustVariables(file, emptyFolder string) []string {
	return []string{"GIT_SSL_CAINFO=" + file, "GIT_SSL_CAPATH=" + emptyFolder}
}
