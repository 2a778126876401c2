package git

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	refsSuffix  = "/info/refs"
	refsQuery   = "?service=git-upload-pack"
	packSuffix  = "/git-upload-pack"
	maxRedirect = 5
)

// sharedClient serves every repository that needs no authority of its own.
// Credentials travel by request, so connections may be shared.
var sharedClient = sync.OnceValue(func() *http.Client { return newHTTPClient(poolOf(environRoots())) })

func newHTTPClient(roots *x509.CertPool) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxIdleConns:           32,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig: &tls.Config{
				MinVersion:         tls.VersionTLS12,
				RootCAs:            roots,
				ClientSessionCache: tls.NewLRUClientSessionCache(32),
			},
		},
	}
}

// checkRedirect lets a server move a repository within itself, or up from
// http to https, and nowhere else: not to another host, which would be given
// the credentials or be a place that the user never named, and not to
// another scheme.
func checkRedirect(next *http.Request, via []*http.Request) error {
	from, to := via[0].URL, next.URL
	same := to.Scheme == from.Scheme && to.Host == from.Host
	upgraded := from.Scheme == "http" && to.Scheme == "https" && to.Hostname() == from.Hostname() && (to.Port() == "" || to.Port() == "443")
	switch {
	case !same && !upgraded:
		return fail(ErrRedirect, "%s redirects to %s, which is not followed; if that is where the repository is now, write that address", hostOf(from), hostOf(to))
	case via[0].Method != http.MethodGet, !strings.HasSuffix(to.Path, refsSuffix):
		return fail(ErrRedirect, "%s redirects to a page that is no git repository (often a sign-in page); check the address and the credentials", hostOf(from))
	case len(via) > maxRedirect:
		return fail(ErrRedirect, "%s redirects more than %d times", hostOf(from), maxRedirect)
	}
	return nil
}

// servers are those that may have the repository: the one that its
// address names and, where checkRedirect lets that lead from http to https,
// the same host there.
func (r Repository) servers() []url.URL {
	written := url.URL{Scheme: r.scheme, Host: r.host}
	if r.scheme != "http" {
		return []url.URL{written}
	}
	return []url.URL{written, {Scheme: "https", Host: strings.TrimSuffix(r.host, ":"+written.Port())}}
}

// protocols lists what may be spoken to the repository's server, as
// GIT_ALLOW_PROTOCOL wants it.
func (r Repository) protocols() string {
	var names []string
	for _, server := range r.servers() {
		names = append(names, server.Scheme)
	}
	return strings.Join(names, ":")
}

// hostOf names a redirect's place without path, query or user: those are not ours to show.
func hostOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

func (s *session) listHTTP(ctx context.Context, wanted func() []Selector) (*listing, error) {
	if s.client == nil {
		s.client = clientFor(s.remote.Credentials.CA)
	}
	if s.base != "" {
		// One round trip instead of two. Whatever goes wrong, the long way
		// finds out properly.
		if list, err := s.listRefs(ctx, wanted); err == nil || ctx.Err() != nil {
			return list, err
		}
		s.base = ""
	}
	return s.discover(ctx, wanted)
}

func clientFor(ca []byte) *http.Client {
	if len(ca) == 0 {
		return sharedClient()
	}
	return newHTTPClient(poolOf(tidyCA(ca)))
}

// discover asks which protocol the server speaks. An old server answers with
// its refs at once.
func (s *session) discover(ctx context.Context, wanted func() []Selector) (*listing, error) {
	r := s.remote.Repository
	base := r.scheme + "://" + r.host + strings.TrimSuffix(r.path, "/")
	response, err := s.do(ctx, http.MethodGet, base+refsSuffix+refsQuery, nil)
	if err != nil {
		return nil, err
	}
	defer drain(response.Body)
	if response.Header.Get("Content-Type") != "application/x-git-upload-pack-advertisement" {
		return nil, errNotGit
	}
	final := *response.Request.URL
	final.RawQuery = ""
	// git has the credentials for a host without the port that goes without saying.
	if host, err := checkedHost(&final); err == nil {
		final.Host = host
	}
	found := strings.TrimSuffix(final.String(), refsSuffix)
	if found != base {
		s.location = found
	}
	in := newPackets(response.Body)
	first, err := firstLine(in)
	if err != nil {
		return nil, err
	}
	if string(first) != "version 2" {
		list := newListing(wanted())
		return list, list.readV0(first, in)
	}
	if s.format, err = readCapabilities(in); err != nil {
		return nil, err
	}
	s.base = found
	return s.listRefs(ctx, wanted)
}

// firstLine skips the service line, and the mark after it, that HTTP servers
// send before git's own answer. It returns nil for a repository without refs.
func firstLine(in *packets) ([]byte, error) {
	kind, data, err := in.next()
	if err == nil && bytes.HasPrefix(data, []byte("# service=")) {
		if _, _, err = in.next(); err == nil {
			kind, data, err = in.next()
		}
	}
	if err != nil {
		return nil, unexpected(err)
	}
	if kind != dataPacket {
		return nil, nil
	}
	return bytes.Clone(data), nil
}

// readCapabilities reads a version 2 advertisement to its end and returns the
// object format that the server names.
func readCapabilities(in *packets) (format string, err error) {
	for {
		kind, data, err := in.next()
		if err != nil {
			return "", unexpected(err)
		}
		if kind != dataPacket {
			return format, nil
		}
		if name, ok := bytes.CutPrefix(data, []byte("object-format=")); ok {
			format = string(name)
		}
	}
}

func (s *session) listRefs(ctx context.Context, wanted func() []Selector) (*listing, error) {
	list := newListing(wanted())
	response, err := s.do(ctx, http.MethodPost, s.base+packSuffix, list.request(s.format))
	if err != nil {
		return nil, err
	}
	defer drain(response.Body)
	if response.Header.Get("Content-Type") != "application/x-git-upload-pack-result" {
		return nil, errNotGit
	}
	return list, list.readV2(newPackets(response.Body))
}

// do sends one request and returns a response of status 200, or an error.
func (s *session) do(ctx context.Context, method, address string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", agent)
	request.Header.Set("Git-Protocol", "version=2")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		request.Header.Set("Accept", "application/x-git-upload-pack-result")
	}
	username, password := s.remote.login()
	if username != "" || password != "" {
		request.SetBasicAuth(username, password)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, s.explainHTTP(err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	drain(response.Body)
	return nil, s.explainStatus(response.StatusCode)
}

// drain reads a little of what is left, so that the connection can be used
// again, and closes it.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}

func (s *session) explainHTTP(err error) error {
	if explained := explainCertificate(s.remote.Repository.String(), err); explained != nil {
		return explained
	}
	return err
}

// explainCertificate explains an error that is about a certificate, and
// returns nil for any other.
func explainCertificate(server string, err error) error {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, wrongName := errors.AsType[x509.HostnameError](err)
	_, badCert := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case unknown:
		return failBecause(ErrCertificate, err, "the certificate of %s is signed by an authority that is not trusted; put the authority's certificate into ca.crt of the Secret", server)
	case wrongName, badCert:
		return failBecause(ErrCertificate, err, "the certificate of %s is not valid for it: %s", server, printable(errors.Unwrap(err).Error()))
	}
	return nil
}

func (s *session) explainStatus(status int) error {
	repository := s.remote.Repository
	username, password := s.remote.login()
	anonymous := username == "" && password == ""
	switch {
	case (status == http.StatusUnauthorized || status == http.StatusForbidden) && anonymous:
		return fail(ErrAuth, "%s wants credentials (HTTP %d), or does not exist: hosts answer the same for both. Give a Secret with username and password, or check the address", repository, status)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fail(ErrAuth, "%s refuses the credentials (HTTP %d); check the Secret's username and password or token, its expiry and its scope", repository, status)
	case (status == http.StatusNotFound || status == http.StatusGone) && anonymous:
		return fail(ErrNotFound, "%s does not exist (HTTP %d), or is private and wants credentials", repository, status)
	case status == http.StatusNotFound || status == http.StatusGone:
		return fail(ErrNotFound, "%s does not exist, or these credentials may not see it (HTTP %d)", repository, status)
	case status >= 300 && status < 400:
		return fail(ErrRedirect, "%s redirects in a way that is not followed (HTTP %d)", repository, status)
	case status == http.StatusTooManyRequests:
		return fail(ErrUnreachable, "%s limits how often it may be asked (HTTP %d); it is tried again later", repository, status)
	case status >= 500:
		return fail(ErrUnreachable, "%s has a problem of its own (HTTP %d); it is tried again", repository, status)
	}
	return fail(ErrProtocol, "%s answers HTTP %d to a git client; check that the address is a repository's clone address", repository, status)
}
