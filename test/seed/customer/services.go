// Package customer doubles what the author of the production manifest has: the services that its scripts
// speak to besides AWS, and the repository of its app.
package customer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The tokens that the services want.
const (
	IncidentToken   = "incident-token-of-production"
	MonitoringToken = "monitoring-token-of-production"
)

// Options say where the services answer.
type Options struct {
	// Host is the address of all of them; 127.0.0.1 when empty.
	Host string
	// AppPort is the application's port; any free one when empty.
	AppPort string
}

// Services are what the customer's scripts speak to besides AWS: incidents,
// monitoring, webhooks, and the application itself.
type Services struct {
	// API is the address of all but the application.
	API string
	// App is the address of the application, whose certificate ends in ten days.
	App string
	// CA is the certificate of the application, PEM.
	CA []byte
	// OpenIncidents is how many there are.
	OpenIncidents atomic.Int64
	// Slow makes the application answer late.
	Slow atomic.Bool

	mu   sync.Mutex
	sent map[string][]string
}

// Start serves until the test ends.
func Start(tb testing.TB, o Options) *Services {
	tb.Helper()
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	s := &Services{sent: map[string][]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /incidents", asked(IncidentToken, func() string { return fmt.Sprintf(`{"count": %d}`, s.OpenIncidents.Load()) }))
	mux.HandleFunc("POST /incidents", s.told("incidents", IncidentToken))
	mux.HandleFunc("GET /metrics/response_time", asked(MonitoringToken, func() string { return `{"average": 12}` }))
	mux.HandleFunc("GET /metrics/count", asked(MonitoringToken, func() string { return `{"count": 5}` }))
	for _, name := range []string{"alert", "critical", "deployment", "slack"} {
		mux.HandleFunc("POST /webhooks/"+name+"/T0K3N-0F-A-WEBHOOK", s.told(name, ""))
	}
	api := listen(tb, o.Host, "0", mux)
	api.Start()
	s.API = api.URL
	s.startApp(tb, o)
	listenAsDatabase(tb, o.Host)
	return s
}

// listen prepares a server that is closed when the test ends.
func listen(tb testing.TB, host, port string, handler http.Handler) *httptest.Server {
	tb.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listener
	tb.Cleanup(server.Close)
	return server
}

// Hook is the address of a webhook, which is a secret.
func (s *Services) Hook(name string) string {
	return s.API + "/webhooks/" + name + "/T0K3N-0F-A-WEBHOOK"
}

// Environment is what the customer has set on the operator's deployment.
func (s *Services) Environment() map[string]string {
	return map[string]string{
		"INCIDENT_API_URL": s.API, "INCIDENT_API_TOKEN": IncidentToken,
		"MONITORING_API_URL": s.API, "MONITORING_API_TOKEN": MonitoringToken,
		"ALERT_WEBHOOK_URL": s.Hook("alert"), "CRITICAL_ALERT_WEBHOOK_URL": s.Hook("critical"),
		"DEPLOYMENT_WEBHOOK_URL": s.Hook("deployment"), "SLACK_WEBHOOK_URL": s.Hook("slack"),
	}
}

// asked answers those who bring the token.
func asked(token string, answer func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, answer())
	}
}

// told notes what it is sent, from those who bring the token if one is wanted.
func (s *Services) told(name, token string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil || (token != "" && r.Header.Get("Authorization") != "Bearer "+token) || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent[name] = append(s.sent[name], string(body))
	}
}

// Received are the bodies that a service was sent.
func (s *Services) Received(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.sent[name]...)
}

// startApp serves the application, with a certificate that ends in ten days.
func (s *Services) startApp(tb testing.TB, o Options) {
	tb.Helper()
	server := listen(tb, o.Host, or(o.AppPort, "0"), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if s.Slow.Load() && r.URL.Path == "/health" {
			select {
			case <-time.After(300 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}))
	certificate := s.certify(tb, net.ParseIP(o.Host))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	s.App = "https://" + o.Host
	if o.AppPort != "443" {
		s.App = server.URL
	}
}

// certify makes the application's certificate.
func (s *Services) certify(tb testing.TB, address net.IP) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "webapp"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10*24*time.Hour - time.Minute),
		IPAddresses: []net.IP{address}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// listenAsDatabase answers at PostgreSQL's port, which the scripts name; when
// something does already, that will do.
func listenAsDatabase(tb testing.TB, host string) {
	tb.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "5432"))
	if err != nil {
		return
	}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
