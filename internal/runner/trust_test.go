package runner

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"awscdk.dev/operator/internal/run"
)

// TestNodeTrustsWhatTheOperatorTrusts has Node.js itself ask a server whose
// authority only SSL_CERT_DIR names.
func TestNodeTrustsWhatTheOperatorTrusts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not here")
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	folder := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(folder, "ours.crt"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := run.Dir(t.TempDir())
	if err := dir.Create(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", "")
	t.Setenv("SSL_CERT_DIR", folder)
	t.Setenv(nodeCertificates, "/operators/own.pem")
	if err := trustForNode(dir); err != nil || os.Getenv(nodeCertificates) != "/operators/own.pem" {
		t.Errorf("what the operator says for Node.js became %q, %v", os.Getenv(nodeCertificates), err)
	}
	t.Setenv(nodeCertificates, "")
	if err := trustForNode(dir); err != nil {
		t.Fatal(err)
	}
	const ask = `fetch(process.argv[1]).then(() => {}, e => { console.error(e.cause || e); process.exit(1) })`
	if out, err := exec.CommandContext(t.Context(), node, "-e", ask, server.URL).CombinedOutput(); err != nil {
		t.Errorf("node: %v: %s", err, out)
	}
}
