package httpcheck_test

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/internal/httpcheck"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// ask asks as an operator that allows loopback, with a token.
func ask(t *testing.T, address string, edits ...func(*httpcheck.Options, *httpcheck.Request)) (httpcheck.Answer, error) {
	t.Helper()
	o := httpcheck.Options{Allowed: loopback, Now: time.Now}
	r := httpcheck.Request{URL: address, Headers: map[string]string{"Authorization": "Bearer " + token, "X-Api-Key": token}}
	for _, edit := range edits {
		edit(&o, &r)
	}
	a, err := httpcheck.NewClient(o).Get(t.Context(), r)
	if err != nil && strings.Contains(err.Error(), token) {
		t.Errorf("the error tells the token: %v", err)
	}
	return a, err
}

const token = "s3cr3t-t0k3n-0f-ours"

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// at is the address of a server under another name.
func at(s *httptest.Server, name string) string {
	u, _ := url.Parse(s.URL)
	return "http://" + name + ":" + u.Port()
}

func TestAnAnswerIsGivenWhole(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer "+token || r.URL.RawQuery != "open=true" {
			t.Errorf("asked with %s %s %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("X-Count", "2")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, `{"count": 2}`)
	})
	a, err := ask(t, s.URL+"/incidents?open=true")
	if err != nil || a.Status != 418 || string(a.Body) != `{"count": 2}` || a.Headers["x-count"] != "2" || a.Took <= 0 {
		t.Errorf("got %+v, %v", a, err)
	}
}

// TestInternalAddressesAreNotAsked is against requests that users cannot make
// themselves: nothing is sent to the addresses below.
func TestInternalAddressesAreNotAsked(t *testing.T) {
	var reached atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	dns := serveNames(t, map[string][]string{
		"loopback.example": {"127.0.0.1"}, "metadata.example": {"169.254.169.254"}, "both.example": {"169.254.169.254 127.0.0.1"},
		"2130706433": {"127.0.0.1"}, "0x7f000001": {"127.0.0.1"}, "web.team.svc": {"203.0.114.1"}, "web.team.svc.cluster.local": {"203.0.114.1"}, "web": {"203.0.114.1"},
	})
	for _, address := range []string{
		s.URL, "http://localhost" + port, "http://[::1]" + port, "http://[::]" + port, "http://0.0.0.0" + port, "http://127.1.2.3" + port,
		"http://[::ffff:127.0.0.1]" + port, "http://[::ffff:7f00:1]" + port, "http://[64:ff9b::7f00:1]" + port, "http://[64:ff9b::a9fe:a9fe]/",
		"http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/v2/credentials", "http://[fd00:ec2::254]/latest/meta-data/", "http://[fe80::1]/", "http://[fe80::1%25lo]/",
		"http://10.0.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://100.64.0.1/", "http://100.100.100.200/", "http://168.63.129.16/",
		"http://[fc00::1]/", "http://[fd12:3456::1]/", "http://[2002:7f00:1::]/", "http://[2001::1]/", "http://[::127.0.0.1]/", "http://224.0.0.1/", "http://[ff02::1]/", "http://255.255.255.255/", "http://240.0.0.1/",
		"http://loopback.example" + port, "http://metadata.example/", "http://both.example" + port, "http://0x7f000001" + port,
		"http://web.team.svc/", "http://web.team.svc.cluster.local/", "http://WEB.team.SVC/", "http://web/",
		"ftp://example.com/", "file:///etc/passwd", "https://me:secret@example.com/", "https://", "gopher://127.0.0.1", "unix:/run/docker.sock",
	} {
		_, err := ask(t, address, func(o *httpcheck.Options, _ *httpcheck.Request) { o.Allowed, o.Resolver = nil, dns.resolver() })
		if !errors.Is(err, httpcheck.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", address, err)
		}
	}
	if _, err := ask(t, "http://2130706433"+port, func(o *httpcheck.Options, _ *httpcheck.Request) { o.Resolver = dns.resolver() }); err == nil {
		t.Error("a number was taken for an address")
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestWhatIsAllowedIsAskedExceptForMetadata(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	everything := func(o *httpcheck.Options, _ *httpcheck.Request) { o.Allowed = all }
	if _, err := ask(t, s.URL, everything); err != nil {
		t.Errorf("loopback is allowed, and %v", err)
	}
	for _, address := range []string{"http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://[64:ff9b::a9fe:a9fe]/", "http://0.0.0.0/"} {
		if _, err := ask(t, address, everything); !errors.Is(err, httpcheck.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", address, err)
		}
	}
	dns := serveNames(t, map[string][]string{"web.team.svc": {"127.0.0.1"}})
	if _, err := ask(t, at(s, "web.team.svc"), func(o *httpcheck.Options, _ *httpcheck.Request) { o.Resolver = dns.resolver() }); err != nil {
		t.Errorf("a Service whose network is allowed: %v", err)
	}
}

// TestANameIsAskedForAsItStands: a pod's search domains would find a Service of
// that name.
func TestANameIsAskedForAsItStands(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	dns := serveNames(t, map[string][]string{"incidents.example": {"127.0.0.1"}})
	if _, err := ask(t, at(s, "incidents.example"), func(o *httpcheck.Options, _ *httpcheck.Request) { o.Resolver = dns.resolver() }); err != nil {
		t.Fatal(err)
	}
	_, err := ask(t, at(s, "incidents.team"), func(o *httpcheck.Options, _ *httpcheck.Request) { o.Resolver = dns.resolver() })
	if err == nil || !strings.Contains(err.Error(), "there is no host incidents.team") {
		t.Errorf("a host that is not there: %v", err)
	}
	asked := slices.Compact(slices.Sorted(slices.Values(dns.questions())))
	if !slices.Equal(asked, []string{"incidents.example", "incidents.team"}) {
		t.Errorf("asked for %v", asked)
	}
}

func TestANameThatIsMovedInsideIsRefused(t *testing.T) {
	var reached atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		http.Redirect(w, r, "/again", http.StatusFound)
	})
	dns := serveNames(t, map[string][]string{"rebinds.example": {"127.0.0.1", "169.254.169.254"}})
	_, err := ask(t, at(s, "rebinds.example"), func(o *httpcheck.Options, _ *httpcheck.Request) { o.Resolver = dns.resolver() })
	if !errors.Is(err, httpcheck.ErrRefused) || reached.Load() != 1 {
		t.Errorf("%d requests, %v", reached.Load(), err)
	}
}

func TestRedirects(t *testing.T) {
	var seen atomic.Pointer[http.Header]
	last := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		seen.Store(&h)
	})
	plain := last.URL
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain, http.StatusFound) }))
	defer secure.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	var first *httptest.Server
	first = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			http.Redirect(w, r, plain, http.StatusTemporaryRedirect)
		case "/same":
			http.Redirect(w, r, "/here", http.StatusMovedPermanently)
		case "/here":
			h := r.Header.Clone()
			seen.Store(&h)
		case "/and-back":
			http.Redirect(w, r, strings.Replace(first.URL, "127.0.0.1", "127.0.0.2", 1)+"/return", http.StatusFound)
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/iam/security-credentials/", http.StatusFound)
		case "/user":
			http.Redirect(w, r, "http://me:"+token+"@127.0.0.1/", http.StatusFound)
		case "/nowhere":
			w.WriteHeader(http.StatusFound)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		default:
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}
	})
	if _, err := ask(t, first.URL+"/same"); err != nil || seen.Load().Get("X-Api-Key") != token {
		t.Errorf("within its origin: %v, %v", seen.Load(), err)
	}
	if _, err := ask(t, first.URL+"/other"); err != nil || seen.Load().Get("X-Api-Key") != "" || seen.Load().Get("Authorization") != "" || seen.Load().Get("Referer") != "" {
		t.Errorf("to another origin: %v, %v", seen.Load(), err)
	}
	for path, want := range map[string]string{
		"/metadata": "never asked", "/user": "no address of a web server", "/file": "no address of a web server",
		"/loop": "redirects more than 3 times",
	} {
		if _, err := ask(t, first.URL+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	_, err := ask(t, secure.URL, func(_ *httpcheck.Options, r *httpcheck.Request) { r.CA = ca })
	if err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("down from https: %v", err)
	}
}

func TestASecretIsNotSentPlainlyIntoTheInternet(t *testing.T) {
	for address, headers := range map[string]map[string]string{"http://192.0.9.1/": {"Authorization": token}, "http://[2606:4700::1111]/": {"X": token}} {
		_, err := ask(t, address, func(_ *httpcheck.Options, r *httpcheck.Request) { r.Headers = headers })
		if !errors.Is(err, httpcheck.ErrRefused) || !strings.Contains(err.Error(), "write https://") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestHeadersThatAreTheConnectionsOwnAreRefused(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	for _, headers := range []map[string]string{{"host": "other"}, {"Content-Length": "3"}, {"TRANSFER-ENCODING": "chunked"}, {"Upgrade": "h2c"}, {"X": "a\r\nHost: b"}} {
		if _, err := ask(t, s.URL, func(_ *httpcheck.Options, r *httpcheck.Request) { r.Headers = headers }); !errors.Is(err, httpcheck.ErrRefused) {
			t.Errorf("%v: %v", headers, err)
		}
	}
}

// TestTheProxyOfTheEnvironmentIsNotUsed: it would be asked for the name.
func TestTheProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was used") })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	dns := serveNames(t, map[string][]string{"incidents.example": {"127.0.0.1"}})
	if _, err := ask(t, at(s, "incidents.example"), func(o *httpcheck.Options, _ *httpcheck.Request) { o.Resolver = dns.resolver() }); err != nil {
		t.Error(err)
	}
}

// TestEndpointsThatMisbehave end, and the same misbehaviour has the same text.
func TestEndpointsThatMisbehave(t *testing.T) {
	var sent atomic.Int64
	block := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			chunk := make([]byte, 64<<10)
			for range 160 {
				n, err := w.Write(chunk)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		case "/hangs":
			select {
			case <-block:
			case <-r.Context().Done():
			}
		case "/drips":
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(" ")); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.CopyN(z, zeros{}, 64<<20)
			_ = z.Close()
		case "/short":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, token)
		case "/no-http":
			conn, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprintf(conn, "SSH-2.0-%s\r\n\r\n", token)
			_ = conn.Close()
		case "/headers":
			for i := range 200 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 1<<10))
			}
		case "/closes":
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		}
	})
	defer close(block)
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for address, want := range map[string]string{
		s.URL + "/large": "more than 1 MiB", s.URL + "/hangs": "does not answer within 1s", s.URL + "/drips": "does not answer within 1s",
		s.URL + "/bomb": "compresses its answer", s.URL + "/short": "ends the connection", s.URL + "/no-http": "cannot be read as HTTP", s.URL + "/headers": "cannot be read as HTTP",
		s.URL + "/closes": "ends the connection", dead.URL + "/?key=" + token: "connection refused", secure.URL: "authority that is not known",
		strings.Replace(s.URL, "http:", "https:", 1): "does not speak TLS",
	} {
		var texts []string
		for range 2 {
			_, err := ask(t, address, func(_ *httpcheck.Options, r *httpcheck.Request) { r.Timeout = time.Second })
			if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, httpcheck.ErrRefused) {
				t.Errorf("%s: %v, want %q", address, err, want)
				break
			}
			texts = append(texts, err.Error())
		}
		if len(slices.Compact(texts)) > 1 {
			t.Errorf("%s: %q", address, texts)
		}
	}
	if n := sent.Load(); n > 2*8<<20 {
		t.Errorf("%d bytes of the large answers were taken", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestACancelledRequestIsNobodysFault(t *testing.T) {
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := httpcheck.NewClient(httpcheck.Options{Allowed: loopback, Now: time.Now}).Get(ctx, httpcheck.Request{URL: s.URL})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAnAuthorityOfOnesOwn(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	with := func(ca []byte) func(*httpcheck.Options, *httpcheck.Request) {
		return func(_ *httpcheck.Options, r *httpcheck.Request) { r.CA = ca }
	}
	if _, err := ask(t, s.URL, with(ca)); err != nil {
		t.Error(err)
	}
	if _, err := ask(t, s.URL, with([]byte("no certificate"))); !errors.Is(err, httpcheck.ErrRefused) {
		t.Errorf("what is no authority: %v", err)
	}
	dns := serveNames(t, map[string][]string{"incidents.test": {"127.0.0.1"}})
	named := strings.Replace(s.URL, "127.0.0.1", "incidents.test", 1)
	if _, err := ask(t, named, with(ca), func(o *httpcheck.Options, _ *httpcheck.Request) { o.Resolver = dns.resolver() }); err == nil || !strings.Contains(err.Error(), "of another host") {
		t.Errorf("a certificate of another host: %v", err)
	}
}
