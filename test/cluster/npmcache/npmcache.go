// Package npmcache serves an npm registry's packages from a folder, which it fills from the registry. A
// build that finds all it needs there works without a network, and as fast the first time as later.
package npmcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// maxPackage bounds what is fetched, in bytes. The largest that the tests install, aws-cdk-lib, has 60 MB.
const maxPackage = 512 << 20

// Registry is an http.Handler. It answers GET only.
type Registry struct {
	upstream string
	folder   string
	client   *http.Client

	mu      sync.Mutex
	fetches map[string]*sync.Mutex
}

// New serves what the registry at an address has, and keeps packages in a folder. Lists of versions,
// which change, are asked for each time.
func New(upstream, folder string) *Registry {
	return &Registry{
		upstream: strings.TrimSuffix(upstream, "/"), folder: folder,
		client: &http.Client{Timeout: 5 * time.Minute}, fetches: map[string]*sync.Mutex{},
	}
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		http.Error(w, "packages can only be read here", http.StatusMethodNotAllowed)
		return
	}
	path := q.URL.EscapedPath()
	if strings.HasSuffix(path, ".tgz") {
		r.servePackage(w, q, path)
		return
	}
	r.serveVersions(w, q, path)
}

// servePackage serves an archive, which never changes.
func (r *Registry) servePackage(w http.ResponseWriter, q *http.Request, path string) {
	digest := sha256.Sum256([]byte(path))
	file := filepath.Join(r.folder, hex.EncodeToString(digest[:]))
	turn := r.turn(path)
	turn.Lock()
	defer turn.Unlock()
	if _, err := os.Stat(file); err != nil {
		if err := r.keep(path, file); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeFile(w, q, file)
}

// turn is the lock of a package: one fetch serves all who ask for it meanwhile.
func (r *Registry) turn(path string) *sync.Mutex {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fetches[path] == nil {
		r.fetches[path] = &sync.Mutex{}
	}
	return r.fetches[path]
}

// keep fetches a package. A file is there whole or not at all.
func (r *Registry) keep(path, file string) error {
	answer, err := r.client.Get(r.upstream + path)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", path, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch %s: %s", path, answer.Status)
	}
	if err := os.MkdirAll(r.folder, 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(r.folder, ".fetching-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = io.Copy(temporary, io.LimitReader(answer.Body, maxPackage))
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", path, err)
	}
	return os.Rename(temporary.Name(), file)
}

// serveVersions passes a list of versions on, with the addresses of packages led here.
func (r *Registry) serveVersions(w http.ResponseWriter, q *http.Request, path string) {
	asked, err := http.NewRequestWithContext(q.Context(), http.MethodGet, r.upstream+path, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked.Header.Set("Accept", q.Header.Get("Accept"))
	answer, err := r.client.Do(asked)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxPackage))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	w.WriteHeader(answer.StatusCode)
	//nolint:gosec // It is the registry's answer, for npm.
	_, _ = w.Write(bytes.ReplaceAll(body, []byte(r.upstream+"/"), []byte("http://"+q.Host+"/")))
}
