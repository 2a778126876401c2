package httpcheck_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/httpcheck"
)

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key}
}

func (a authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// serve is a host with a certificate that ends at a time.
func (a authority) serve(t *testing.T, ends time.Time, host string) *httptest.Server {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-72 * time.Hour), NotAfter: ends}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: a.key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// TestWhenACertificateEnds is told for one that is trusted, and otherwise what is
// wrong with it.
func TestWhenACertificateEnds(t *testing.T) {
	a := newAuthority(t)
	soon := time.Now().Add(5 * time.Hour).Truncate(time.Second)
	good, over, other := a.serve(t, soon, "127.0.0.1"), a.serve(t, time.Now().Add(-time.Hour), "127.0.0.1"), a.serve(t, soon, "other.example")
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := httpcheck.NewClient(httpcheck.Options{Allowed: loopback, Now: time.Now})
	ask := func(address string, ca []byte) (time.Time, error) {
		return client.Certificate(t.Context(), httpcheck.Request{URL: address, CA: ca, Timeout: time.Second})
	}
	if ends, err := ask(good.URL, a.pem()); err != nil || !ends.Equal(soon) {
		t.Errorf("it ends %s, %v, want %s", ends, err, soon)
	}
	for address, c := range map[string]struct {
		ca   []byte
		says string
	}{
		good.URL:  {nil, "an authority that is not known"},
		over.URL:  {a.pem(), "it has expired, or is not valid yet"},
		other.URL: {a.pem(), "it is of another host"},
		strings.Replace(plain.URL, "http:", "https:", 1): {a.pem(), "does not speak TLS"},
		"https://" + silent.Addr().String():              {a.pem(), "does not answer within 1s"},
		"https://169.254.169.254/":                       {a.pem(), "never asked"},
		plain.URL:                                        {a.pem(), "must be https://"},
	} {
		_, err := ask(address, c.ca)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", address, err, c.says)
		}
		if unasked := strings.Contains(c.says, "never asked") || strings.Contains(c.says, "must be https"); httpcheck.Unasked(err) != unasked || errors.Is(err, httpcheck.ErrRefused) != unasked {
			t.Errorf("%s: nobody was asked: %t", address, httpcheck.Unasked(err))
		}
	}
}
