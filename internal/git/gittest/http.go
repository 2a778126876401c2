package gittest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// HTTPOptions shape an HTTP server. The zero value serves plain HTTP to anyone.
type HTTPOptions struct {
	// TLS serves HTTPS with a certificate of a new authority; see HTTPServer.CA.
	TLS bool
	// Username and Password, when set, are asked for.
	Username, Password string
	// Redirect, when set, answers every request with a redirect to this URL
	// plus the path and query that were asked for.
	Redirect string
	// ProtocolV0 makes the server ignore protocol version 2, as old ones do.
	ProtocolV0 bool
	// Address to listen on; "127.0.0.1:0" when empty.
	Address string
}

// HTTPServer serves every repository below a folder, read-only.
type HTTPServer struct {
	Faults
	// URL of the folder, without a slash at the end.
	URL string
	// CA is the PEM certificate to trust, when TLS was asked for.
	CA []byte

	root    string
	options HTTPOptions
	server  *http.Server
	conns   atomic.Int64
	authed  atomic.Int64
}

// ServeHTTP serves the repositories below root on loopback until Close:
// root/team/app.git is at URL/team/app.git.
func ServeHTTP(root string, options HTTPOptions) (*HTTPServer, error) {
	if options.Address == "" {
		options.Address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", options.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for git over http: %w", err)
	}
	s := &HTTPServer{root: root, options: options, URL: "http://" + listener.Addr().String()}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ConnState: s.countConnection, ErrorLog: log.New(io.Discard, "", 0)}
	if options.TLS {
		s.URL = "https://" + listener.Addr().String()
		s.server.TLSConfig, s.CA, err = selfMadeTLS()
		if err != nil {
			listener.Close()
			return nil, err
		}
		go s.server.ServeTLS(listener, "", "")
		return s, nil
	}
	go s.server.Serve(listener)
	return s, nil
}

// Close stops the server, and with it every request in flight.
func (s *HTTPServer) Close() error {
	s.Hang(false)
	return s.server.Close()
}

// Connections returns how many TCP connections were accepted.
func (s *HTTPServer) Connections() int64 { return s.conns.Load() }

// Authorized returns how many requests carried an Authorization header.
func (s *HTTPServer) Authorized() int64 { return s.authed.Load() }

func (s *HTTPServer) countConnection(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.conns.Add(1)
	}
}

// ServeHTTP implements http.Handler: git's smart protocol, fetching only.
func (s *HTTPServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		s.authed.Add(1)
	}
	status, ok := s.admit(r.Context())
	switch {
	case !ok:
		return
	case status != 0:
		http.Error(w, "failing as told", status)
	case s.options.Redirect != "":
		http.Redirect(w, r, s.options.Redirect+r.URL.RequestURI(), http.StatusMovedPermanently)
	case !s.allowed(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/info/refs"):
		s.serveInfoRefs(w, r)
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-upload-pack"):
		s.serveUploadPack(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *HTTPServer) allowed(r *http.Request) bool {
	if s.options.Username == "" && s.options.Password == "" {
		return true
	}
	user, password, _ := r.BasicAuth()
	sameUser := s.options.Username == "" || user == s.options.Username
	return sameUser && subtle.ConstantTimeCompare([]byte(password), []byte(s.options.Password)) == 1
}

func (s *HTTPServer) serveInfoRefs(w http.ResponseWriter, r *http.Request) {
	dir, ok := repositoryDir(s.root, strings.TrimSuffix(r.URL.Path, "/info/refs"))
	if !ok || r.URL.Query().Get("service") != "git-upload-pack" {
		http.NotFound(w, r)
		return
	}
	protocol := s.protocol(r)
	if protocol == "" {
		s.listings.Add(1) // version 0 lists the refs at once
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	w.Header().Set("Cache-Control", "no-cache")
	io.WriteString(w, "001e# service=git-upload-pack\n0000")
	uploadPack(r.Context(), dir, protocol, nil, w, "--stateless-rpc", "--advertise-refs")
}

func (s *HTTPServer) serveUploadPack(w http.ResponseWriter, r *http.Request) {
	dir, ok := repositoryDir(s.root, strings.TrimSuffix(r.URL.Path, "/git-upload-pack"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	body, err := requestBody(r)
	if err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	s.count(body)
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	w.Header().Set("Cache-Control", "no-cache")
	uploadPack(r.Context(), dir, s.protocol(r), body, s.throttled(r.Context(), w), "--stateless-rpc")
}

func (s *HTTPServer) count(body []byte) {
	if bytes.Contains(body, []byte("command=ls-refs")) {
		s.listings.Add(1)
		return
	}
	s.fetches.Add(1)
}

func (s *HTTPServer) protocol(r *http.Request) string {
	if s.options.ProtocolV0 {
		return ""
	}
	return protocolVersion(r.Header.Get("Git-Protocol"))
}

func requestBody(r *http.Request) ([]byte, error) {
	const limit = 64 << 20 // a request names commits; this is plenty
	var in io.Reader = http.MaxBytesReader(nil, r.Body, limit)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = io.LimitReader(z, limit)
	}
	return io.ReadAll(in)
}

// protocolVersion passes on only what git itself would understand.
func protocolVersion(asked string) string {
	if strings.Contains(asked, "version=2") {
		return "version=2"
	}
	return ""
}

// repositoryDir maps a path that a client asked for to a bare repository
// below root. What is outside of root does not exist.
func repositoryDir(root, asked string) (string, bool) {
	dir := filepath.Join(root, filepath.Clean("/"+asked))
	for _, candidate := range []string{dir, dir + ".git"} {
		if info, err := os.Stat(filepath.Join(candidate, "HEAD")); err == nil && info.Mode().IsRegular() && candidate != filepath.Clean(root) {
			return candidate, true
		}
	}
	return "", false
}

// uploadPack runs git-upload-pack for one client and returns its exit status.
func uploadPack(ctx context.Context, dir, protocol string, stdin []byte, stdout io.Writer, flags ...string) int {
	cmd := uploadPackCommand(ctx, dir, protocol, flags...)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Stdout = stdout
	if err := cmd.Run(); err != nil {
		return 1
	}
	return 0
}

func uploadPackCommand(ctx context.Context, dir, protocol string, flags ...string) *exec.Cmd {
	args := append([]string{"upload-pack"}, flags...)
	cmd := exec.CommandContext(ctx, "git", append(args, "--", dir)...)
	cmd.Env = environment()
	if protocol != "" {
		cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+protocol)
	}
	cmd.WaitDelay = time.Second
	return cmd
}
