package seed

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
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	incidentToken   = "incident-token-of-production"
	monitoringToken = "monitoring-token-of-production"
)

// services are what the customer's scripts speak to besides AWS: incidents,
// monitoring, webhooks, and the application itself.
type services struct {
	api *httptest.Server
	app *httptest.Server
	// ca is the file with the certificate of the application.
	ca string

	openIncidents atomic.Int64
	slow          atomic.Bool

	mu   sync.Mutex
	sent map[string][]string
}

func startServices(t *testing.T) *services {
	t.Helper()
	s := &services{sent: map[string][]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /incidents", s.asked(incidentToken, func() string { return fmt.Sprintf(`{"count": %d}`, s.openIncidents.Load()) }))
	mux.HandleFunc("POST /incidents", s.told("incidents", incidentToken))
	mux.HandleFunc("GET /metrics/response_time", s.asked(monitoringToken, func() string { return `{"average": 12}` }))
	mux.HandleFunc("GET /metrics/count", s.asked(monitoringToken, func() string { return `{"count": 5}` }))
	for _, name := range []string{"alert", "critical", "deployment", "slack"} {
		mux.HandleFunc("POST /webhooks/"+name+"/T0K3N-0F-A-WEBHOOK", s.told(name, ""))
	}
	s.api = httptest.NewServer(mux)
	t.Cleanup(s.api.Close)
	s.startApp(t)
	listenAsDatabase(t)
	return s
}

func (s *services) hook(name string) string {
	return s.api.URL + "/webhooks/" + name + "/T0K3N-0F-A-WEBHOOK"
}

// environment is what the customer has set on the operator's deployment.
func (s *services) environment() map[string]string {
	return map[string]string{
		"INCIDENT_API_URL": s.api.URL, "INCIDENT_API_TOKEN": incidentToken,
		"MONITORING_API_URL": s.api.URL, "MONITORING_API_TOKEN": monitoringToken,
		"ALERT_WEBHOOK_URL": s.hook("alert"), "CRITICAL_ALERT_WEBHOOK_URL": s.hook("critical"),
		"DEPLOYMENT_WEBHOOK_URL": s.hook("deployment"), "SLACK_WEBHOOK_URL": s.hook("slack"),
		"CURL_CA_BUNDLE": s.ca,
	}
}

// asked answers those who bring the token.
func (s *services) asked(token string, answer func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, answer())
	}
}

// told notes what it is sent, from those who bring the token if one is wanted.
func (s *services) told(name, token string) http.HandlerFunc {
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

func (s *services) received(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.sent[name]...)
}

// startApp serves the application, with a certificate that ends in ten days.
func (s *services) startApp(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "webapp"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10*24*time.Hour - time.Minute),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.app = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if s.slow.Load() && r.URL.Path == "/health" {
			select {
			case <-time.After(300 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}))
	s.app.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	s.app.StartTLS()
	t.Cleanup(s.app.Close)
}

// listenAsDatabase answers at PostgreSQL's port, which the scripts name; when
// something does already, that will do.
func listenAsDatabase(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:5432")
	if err != nil {
		return
	}
	t.Cleanup(func() { _ = listener.Close() })
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

// tools is a folder that comes first on the PATH of hooks: the real tools, led
// to this machine.
type tools string

// wrapTools leads the scripts' tools to where they may go in a test: aws to
// the local AWS and nowhere else, openssl to the port of the application
// instead of 443, which is not ours to open; date says what time a test wants
// it to be, and sleep does not take as long.
func wrapTools(t *testing.T, s *services) tools {
	t.Helper()
	dir := tools(t.TempDir())
	address := strings.TrimPrefix(s.app.URL, "https://")
	for name, script := range map[string]string{
		"aws": `case ${AWS_ENDPOINT_URL:-} in http://127.0.0.1:*) ;; *) echo "aws would leave this machine" >&2; exit 97 ;; esac
exec "$real" --endpoint-url "$AWS_ENDPOINT_URL" "$@"`,
		"openssl": `[[ $1 == s_client ]] || exec "$real" "$@"
exec "$real" s_client -servername localhost -connect ` + address,
		"date": `case "$*" in +%H | +%u) exec "$real" -d "$(cat '` + string(dir) + `/clock')" "$@" ;; esac
exec "$real" "$@"`,
		"sleep": `exec "$real" 0.1`,
	} {
		real := realTool(t, name)
		text := "#!/usr/bin/env bash\nreal='" + real + "'\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(string(dir), name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bash", "jq", "curl", "nc", "awk"} {
		realTool(t, name)
	}
	t.Setenv("PATH", strings.Join([]string{string(dir), os.Getenv("KUBEBUILDER_ASSETS"), os.Getenv("PATH")}, string(os.PathListSeparator)))
	return dir
}

// clock sets what the scripts take for the present hour and day.
func (dir tools) clock(t *testing.T, now string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(dir), "clock"), []byte(now), 0o600); err != nil {
		t.Fatal(err)
	}
}

// realTool finds a tool that the scripts call.
func realTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the scripts call %s, which is not on PATH: run hack/prerequisites", name)
	}
	return path
}
