package cluster

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"awscdk.dev/operator/test/cluster/enclave"
)

// ledger notes what pods tell: hooks that they ran, probes what they saw.
type ledger struct {
	// URL takes POST URL/PAGE.
	URL string

	mu    sync.Mutex
	pages map[string][]string
}

func startLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{pages: map[string][]string{}}
	listener, err := net.Listen("tcp", net.JoinHostPort(enclave.Address, "8080"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(l.note))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	l.URL = server.URL
	return l
}

func (l *ledger) note(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 32<<20))
	if err != nil || r.Method != http.MethodPost {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	page := strings.Trim(r.URL.Path, "/")
	l.pages[page] = append(l.pages[page], string(body))
}

// entries are those of a page, in the order that they came.
func (l *ledger) entries(page string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.pages[page]...)
}
