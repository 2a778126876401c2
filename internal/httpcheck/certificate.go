package httpcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"time"
)

// Certificate connects to the host of an https URL and gives the time at which
// its certificate ends, or one that it depends on before. One that is not valid
// for the host is an error. Errors are those of Get.
func (c *Client) Certificate(ctx context.Context, r Request) (ends time.Time, err error) {
	at, err := url.Parse(r.URL)
	if err != nil || !askable(at) || at.Scheme != "https" {
		return ends, refused("the URL of a certificate must be https:// with a host, without a user and a password")
	}
	pool, err := authorities(r.CA)
	if err != nil {
		return ends, err
	}
	timeout := r.timeout()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	state, err := c.handshake(ctx, at, pool)
	if err != nil {
		return ends, explain(ctx, at, timeout, err)
	}
	return end(state.VerifiedChains), nil
}

func (c *Client) handshake(ctx context.Context, at *url.URL, pool *x509.CertPool) (tls.ConnectionState, error) {
	port := at.Port()
	if port == "" {
		port = "443"
	}
	raw, err := c.dial(guard{allowed: c.options.Allowed, host: at.Hostname()})(ctx, "tcp", net.JoinHostPort(at.Hostname(), port))
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: at.Hostname()})
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.ConnectionState(), nil
}

// end is when the last of some chains of certificates ends: each does with the
// first of its certificates. That of the authority itself is the client's own.
func end(chains [][]*x509.Certificate) (last time.Time) {
	for _, chain := range chains {
		var first time.Time
		for i, certificate := range chain {
			if i > 0 && i == len(chain)-1 {
				continue
			}
			if first.IsZero() || certificate.NotAfter.Before(first) {
				first = certificate.NotAfter
			}
		}
		if first.After(last) {
			last = first
		}
	}
	return last
}
