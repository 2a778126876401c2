// Package httpcheck asks HTTP endpoints that users name, from where the operator
// is. It is guarded against being used to reach what its users cannot reach
// (server-side request forgery), and bounded in time and memory whatever an
// endpoint does.
//
// The proxy of the environment is not used: it would look names up by itself, so
// that nobody could tell which address is asked, and is often inside of what is
// guarded.
package httpcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// DefaultTimeout and maxTimeout bound a whole request, redirects included.
	DefaultTimeout = 10 * time.Second
	maxTimeout     = 30 * time.Second
	// maxBody bounds what is read of an answer, in bytes, maxHeader its headers.
	maxBody   = 1 << 20
	maxHeader = 64 << 10
	// maxRedirects is how many are followed.
	maxRedirects = 3
)

// Options of a Client.
type Options struct {
	// Allowed are networks that are asked although they are internal.
	Allowed []netip.Prefix
	// Resolver looks names up; the system's by default.
	Resolver *net.Resolver
	// Now is the clock.
	Now func() time.Time
}

// Client asks endpoints. Nothing is shared between two requests.
type Client struct {
	options Options
}

// NewClient returns a Client.
func NewClient(o Options) *Client { return &Client{options: o} }

// Request is a GET.
type Request struct {
	URL string
	// Headers are secret. They are not sent on when another origin is asked.
	Headers map[string]string
	// CA are the authorities that are trusted, in PEM; the system's when empty.
	CA []byte
	// Timeout bounds the request, DefaultTimeout when 0, half a minute at most.
	Timeout time.Duration
}

func (r Request) timeout() time.Duration {
	if r.Timeout <= 0 {
		return DefaultTimeout
	}
	return min(r.Timeout, maxTimeout)
}

// Answer is an answer of any status.
type Answer struct {
	Status int
	// Headers are by their names in small letters.
	Headers map[string]string
	Body    []byte
	// Took is how long it was until the whole answer was there.
	Took time.Duration
}

// Get asks an endpoint. An error that is an ErrRefused means that the endpoint
// was not asked, and has to be changed or allowed; any other is the endpoint's
// fault. None of them has a secret in it, and each stays the same while its
// cause does.
func (c *Client) Get(ctx context.Context, r Request) (Answer, error) {
	at, err := url.Parse(r.URL)
	if err != nil || !askable(at) {
		return Answer{}, refused("http.url must be https:// or http:// with a host, without a user and a password")
	}
	headers, err := usable(r.Headers)
	if err != nil {
		return Answer{}, err
	}
	pool, err := authorities(r.CA)
	if err != nil {
		return Answer{}, err
	}
	timeout := r.timeout()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := c.options.Now()
	answer, err := c.follow(ctx, at, headers, pool, timeout)
	if err != nil {
		return Answer{}, err
	}
	answer.Took = c.options.Now().Sub(began)
	return answer, nil
}

// follow asks, and follows redirects: each is guarded as the first address is,
// and none leads from https to http.
func (c *Client) follow(ctx context.Context, at *url.URL, headers http.Header, pool *x509.CertPool, timeout time.Duration) (Answer, error) {
	for hop := 0; ; hop++ {
		answer, next, err := c.ask(ctx, at, headers, pool)
		switch {
		case err != nil:
			return Answer{}, explain(ctx, at, timeout, err)
		case next == nil:
			return answer, nil
		case hop == maxRedirects:
			return Answer{}, failed("%s redirects more than %d times", at.Host, maxRedirects)
		case at.Scheme == "https" && next.Scheme == "http":
			return Answer{}, failed("%s redirects from https to http, which is not followed", at.Host)
		}
		if at.Scheme != next.Scheme || at.Host != next.Host {
			headers = nil
		}
		at = next
	}
}

// ask sends one request, over a connection of its own. next is where it is
// redirected to, if it is.
func (c *Client) ask(ctx context.Context, at *url.URL, headers http.Header, pool *x509.CertPool) (a Answer, next *url.URL, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return a, nil, err
	}
	request.Header.Set("Accept", "application/json, */*;q=0.9")
	request.Header.Set("User-Agent", "awscdk-operator")
	maps.Copy(request.Header, headers)
	transport := &http.Transport{
		DialContext:            c.dial(guard{allowed: c.options.Allowed, host: at.Hostname(), secret: at.Scheme == "http" && len(headers) > 0}),
		DisableKeepAlives:      true,
		DisableCompression:     true, // what is small may be large when it is unpacked
		MaxResponseHeaderBytes: maxHeader,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
	}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return a, nil, err
	}
	defer response.Body.Close()
	if next, err = redirection(at, response); next != nil || err != nil {
		return a, next, err
	}
	a = Answer{Status: response.StatusCode, Headers: map[string]string{}}
	for name, values := range response.Header {
		a.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	a.Body, err = read(at.Host, response)
	return a, nil, err
}

// redirection is where an answer leads to, nil for one that is no redirect.
func redirection(at *url.URL, response *http.Response) (*url.URL, error) {
	if !slices.Contains([]int{301, 302, 303, 307, 308}, response.StatusCode) {
		return nil, nil
	}
	next, err := at.Parse(response.Header.Get("Location"))
	if err != nil || !askable(next) {
		return nil, failed("%s redirects to what is no address of a web server", at.Host)
	}
	next.Fragment = ""
	return next, nil
}

func read(host string, response *http.Response) ([]byte, error) {
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, failed("%s compresses its answer, although it was not asked to", host)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, failed("%s answers with more than 1 MiB: ask for less in http.url", host)
	}
	return body, nil
}

// askable says whether an address is one of a web server, and nothing more.
func askable(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.Opaque == ""
}

// connection are headers that are the connection's own, or that make another
// request of one.
var connection = []string{
	"Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// usable are headers as they are sent.
func usable(all map[string]string) (http.Header, error) {
	headers := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		canonical, value := http.CanonicalHeaderKey(name), strings.TrimSpace(all[name])
		switch {
		case slices.Contains(connection, canonical):
			return nil, refused("the header %s cannot be set: take that key out of the Secret of http.headersFrom", name)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return nil, refused("the value of the header %s has line breaks or control characters in it: write the key of the Secret of http.headersFrom anew", name)
		}
		headers[canonical] = []string{value}
	}
	return headers, nil
}

func authorities(ca []byte) (*x509.CertPool, error) {
	if len(ca) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, refused("what http.caFrom names holds no certificate in PEM")
	}
	return pool, nil
}
