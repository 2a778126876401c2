package git

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestARepositoryThatIsNowOverHTTPSIsCheckedOut writes http:// where the
// server leads to https://, as GitHub does.
func TestARepositoryThatIsNowOverHTTPSIsCheckedOut(t *testing.T) {
	open := newForge(t, gittest.HTTPOptions{})
	private := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "p@ss:w/rd%"})
	ada := Credentials{Username: "ada", Password: "p@ss:w/rd%"}
	for name, c := range map[string]struct {
		forge      *forge
		repository string
		leads      string
		with       Credentials
		digits     int // of the commit's hash
	}{
		"without credentials":         {open, "http://example.com/app.git", "https://example.com", Credentials{}, 40},
		"a short hash":                {open, "http://example.com/app.git", "https://example.com", Credentials{}, 12},
		"with credentials":            {private, "http://example.com/app.git", "https://example.com", ada, 40},
		"with credentials in the URL": {private, "http://ada:p%40ss%3Aw%2Frd%25@example.com/app.git", "https://example.com", Credentials{}, 40},
		"from a port of its own":      {private, "http://example.com:8080/app.git", "https://example.com", ada, 40},
		"to a port that is named":     {private, "http://example.com/app.git", "https://example.com:443", ada, 40},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInternet(t, redirectTo(c.leads), c.forge.web)
			dir, said := i.checkout(t, c.repository, c.with, c.forge.first[:c.digits])
			if said != "" || readFile(t, filepath.Join(dir, "app.ts")) != "one\n" {
				t.Errorf("the checkout failed: %s", said)
			}
		})
	}
}

func TestNoRedirectLeadsToAnotherHostOrOutOfTLS(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	for name, c := range map[string]struct {
		repository    string
		plain, secure http.Handler
		asked         []string
	}{
		"to another host over https": {"http://example.com/app.git", redirectTo("https://www.example.com"), f.web, []string{"http://example.com"}},
		"to another port over https": {"http://example.com/app.git", redirectTo("https://example.com:8443"), f.web, []string{"http://example.com"}},
		"from https down to http":    {"https://example.com/app.git", f.web, redirectTo("http://example.com"), []string{"https://example.com:443"}},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInternet(t, c.plain, c.secure)
			if _, said := i.checkout(t, c.repository, Credentials{Username: "ada", Password: "s3cret"}, f.first); !strings.Contains(said, "which is not followed") {
				t.Errorf("the checkout says %q, want that it follows no such redirect", said)
			}
			if got := i.asked(); !slices.Equal(got, c.asked) {
				t.Errorf("asked were %v, want %v", got, c.asked)
			}
		})
	}
}

func redirectTo(server string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, server+r.URL.RequestURI(), http.StatusMovedPermanently)
	})
}

// internet is a proxy behind which every name is that of one server, over
// http and, with a certificate for example.com, over https.
type internet struct {
	proxy, secure *httptest.Server

	mu    sync.Mutex
	names map[string]bool
}

func newInternet(t *testing.T, plain, secure http.Handler) *internet {
	i := &internet{secure: httptest.NewTLSServer(secure), names: map[string]bool{}}
	t.Cleanup(i.secure.Close)
	i.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			i.note("https://" + r.Host)
			i.tunnel(w)
			return
		}
		i.note("http://" + r.Host)
		plain.ServeHTTP(w, r)
	}))
	t.Cleanup(i.proxy.Close)
	return i
}

func (i *internet) tunnel(w http.ResponseWriter) {
	server, err := net.Dial("tcp", i.secure.Listener.Addr().String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(server, buffered); server.Close() }()
	_, _ = io.Copy(client, server)
}

func (i *internet) note(server string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.names[server] = true
}

// asked lists the servers that anything was sent to.
func (i *internet) asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var names []string
	for name := range i.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// checkout makes a checkout in a process that reaches this internet alone,
// and returns what the process says when it fails.
func (i *internet) checkout(t *testing.T, repository string, with Credentials, revision string) (dir, said string) {
	t.Helper()
	with.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.secure.Certificate().Raw})
	credentials, err := json.Marshal(with)
	must(t, err)
	dir = filepath.Join(t.TempDir(), "checkout")
	cmd := checkoutCommand(t, filepath.Join(t.TempDir(), "mirrors"), repository, revision, dir)
	cmd.Env = append(cmd.Env, "GIT_TEST_CREDENTIALS="+string(credentials), "NO_PROXY=", "no_proxy=",
		"HTTP_PROXY="+i.proxy.URL, "http_proxy="+i.proxy.URL, "HTTPS_PROXY="+i.proxy.URL, "https_proxy="+i.proxy.URL)
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return dir, string(out)
}
