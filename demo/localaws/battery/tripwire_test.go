package battery

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tripwire is the proxy of all child processes: a call to anything but this
// machine comes here, goes no further, and is remembered.
type tripwire struct {
	url  string
	mu   sync.Mutex
	hits []string
}

func newTripwire(t *testing.T) *tripwire {
	w := &tripwire{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hits = append(w.hits, r.Method+" "+r.Host)
		http.Error(rw, "nothing leaves this machine", http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// take returns what was caught so far, and forgets it.
func (w *tripwire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	hits := w.hits
	w.hits = nil
	return hits
}

// environment sends every process to the tripwire, except to this machine.
func (w *tripwire) environment() []string {
	return []string{
		"HTTP_PROXY=" + w.url, "HTTPS_PROXY=" + w.url, "http_proxy=" + w.url, "https_proxy=" + w.url,
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
	}
}

// withAWS puts an aws on the stage's PATH that asks the local AWS whatever the
// CLI's version makes of AWS_ENDPOINT_URL.
func (s *stage) withAWS() *stage {
	s.Helper()
	real, err := exec.LookPath("aws")
	if err != nil {
		s.Fatal("no aws CLI on the PATH: hack/prerequisites installs it")
	}
	s.tool("aws", `exec '`+real+`' --endpoint-url '`+s.url+`' "$@"`)
	return s
}

// tool puts a shell script on the stage's PATH.
func (s *stage) tool(name, script string) {
	s.Helper()
	folder := filepath.Join(s.folder, "bin")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
		s.Fatal(err)
	}
}

func TestCallsThatWouldLeaveThisMachineAreCaught(t *testing.T) {
	t.Parallel()
	s := newStage(t).withAWS()
	if out, code := s.run("aws", "sts", "get-caller-identity"); code != 0 {
		t.Fatalf("a call to the local AWS fails: %s", out)
	}
	if hits := s.tripwire.take(); len(hits) != 0 {
		t.Fatalf("a call to the local AWS was caught: %v", hits)
	}
	s.tool("aws", `exec `+realAWS(t)+` "$@"`)
	out, code := s.run("aws", "sts", "get-caller-identity", "--endpoint-url", "https://sts.eu-central-1.amazonaws.com")
	if code == 0 {
		t.Fatalf("a call to the real AWS was answered: %s", out)
	}
	if hits := s.tripwire.take(); len(hits) == 0 || !strings.HasPrefix(hits[0], "CONNECT sts.eu-central-1.amazonaws.com") {
		t.Errorf("caught %v", hits)
	}
}

func realAWS(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("aws")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
