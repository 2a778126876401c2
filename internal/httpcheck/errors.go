package httpcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"

	"awscdk.dev/operator/internal/problem"
)

// ErrRefused is an endpoint that must not be asked, or not in this way: somebody
// has to change what is asked, or what is allowed.
var ErrRefused = problem.Declare("EndpointRefused", problem.Waits)

func refused(format string, args ...any) error { return ErrRefused.New(format, args...) }

// failure is what an endpoint did wrong. It is the same text as long as it does
// the same, and has nothing of the request or the answer in it.
type failure string

// Error returns the text.
func (f failure) Error() string { return string(f) }

func failed(format string, args ...any) error { return failure(fmt.Sprintf(format, args...)) }

// explain says what an endpoint did wrong. Texts of other packages have ports,
// times, addresses and parts of the answer in them, and are not shown.
func explain(ctx context.Context, at *url.URL, timeout time.Duration, err error) error {
	host := at.Host
	var known failure
	var errno syscall.Errno
	_, notFound := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, ErrRefused):
		refusal, _ := errors.AsType[*problem.Problem](err)
		return refusal
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return failed("%s does not answer within %s", host, timeout)
	case ctx.Err() != nil:
		return ctx.Err()
	case notFound:
		return explainName(at.Hostname(), err)
	case explainCertificate(err) != "":
		return failed("the certificate of %s is not trusted: %s", host, explainCertificate(err))
	case errors.As(err, &errno):
		return failed("%s cannot be reached: %s", host, errno.Error())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failed("%s ends the connection before its answer is complete", host)
	}
	return failed("%s gives an answer that cannot be read as HTTP, or none", host)
}

// unnamed is a failure before anybody was asked: the name has no address.
type unnamed struct{ failure }

// Unasked says whether an error tells that nobody was asked: the endpoint must
// not be, or its name has no address, or the request was given up.
func Unasked(err error) bool {
	_, is := errors.AsType[unnamed](err)
	return is || errors.Is(err, ErrRefused) || errors.Is(err, context.Canceled)
}

func explainName(host string, err error) error {
	if dns, _ := errors.AsType[*net.DNSError](err); dns.IsNotFound {
		return unnamed{failure(fmt.Sprintf("there is no host %s: correct the URL, or wait for its name to be known", host))}
	}
	return unnamed{failure(fmt.Sprintf("the name server does not tell the address of %s", host))}
}

// explainCertificate says what is wrong with a certificate, "" when it is not
// about one.
func explainCertificate(err error) string {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, wrongName := errors.AsType[x509.HostnameError](err)
	invalid, bad := errors.AsType[x509.CertificateInvalidError](err)
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	switch {
	case unknown:
		return "it is of an authority that is not known: give that in caFrom"
	case wrongName:
		return "it is of another host"
	case bad && invalid.Reason == x509.Expired:
		return "it has expired, or is not valid yet"
	case bad, verification:
		return "it is not valid"
	case noTLS:
		return "the host does not speak TLS on this port"
	case alert:
		return "the host refuses the connection"
	}
	return ""
}
