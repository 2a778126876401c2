package git

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// hub is a GitHub of one App: it checks the App's JWT, hands out tokens, and
// serves the forge's repositories to whoever holds one that has not ended.
type hub struct {
	*httptest.Server
	clock *clock
	key   *rsa.PrivateKey
	git   http.Handler

	mu        sync.Mutex
	tokens    map[string]time.Time // and their ends
	exchanges int
	status    int // answer exchanges with it
	problems  []string
}

func newHub(t *testing.T, f *forge, c *clock) *hub {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	h := &hub{clock: c, key: key, git: f.web, tokens: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v3/app/installations/42/access_tokens", h.exchange)
	mux.HandleFunc("/app.git/", h.repository)
	h.Server = httptest.NewTLSServer(mux)
	t.Cleanup(h.Close)
	return h
}

func (h *hub) exchange(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.exchanges++
	if h.status != 0 {
		http.Error(w, `{"message":"as told"}`, h.status)
		return
	}
	if err := h.checkJWT(r.Header.Get("Authorization")); err != nil {
		h.problems = append(h.problems, err.Error())
		http.Error(w, `{"message":"A JSON web token could not be decoded"}`, http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if string(body) != `{"permissions":{"contents":"read"}}` || r.Header.Get("Accept") != "application/vnd.github+json" {
		h.problems = append(h.problems, "asked for "+string(body))
	}
	token, ends := fmt.Sprintf("ghs_s3cret%d", h.exchanges), h.clock.Now().Add(time.Hour)
	h.tokens[token] = ends
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"token":%q,"expires_at":%q,"permissions":{"contents":"read"}}`, token, ends.Format(time.RFC3339))
}

// checkJWT reads the token by RFC 7519, as GitHub documents its rules.
func (h *hub) checkJWT(authorization string) error {
	parts := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	if len(parts) != 3 {
		return fmt.Errorf("%q is no JWT", authorization)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&h.key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
		return err
	}
	var header struct{ Alg, Typ string }
	var claims struct {
		Iat, Exp int64
		Iss      string
	}
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return err
		}
	}
	now := h.clock.Now().Unix()
	if header.Alg != "RS256" || claims.Iss != "7" || claims.Iat > now || claims.Exp <= now || claims.Exp-claims.Iat > 600 {
		return fmt.Errorf("header %+v, claims %+v at %d", header, claims, now)
	}
	return nil
}

func (h *hub) repository(w http.ResponseWriter, r *http.Request) {
	user, token, _ := r.BasicAuth()
	h.mu.Lock()
	ends, known := h.tokens[token]
	h.mu.Unlock()
	if user != "x-access-token" || !known || !h.clock.Now().Before(ends) {
		w.Header().Set("WWW-Authenticate", `Basic realm="hub"`)
		http.Error(w, "bad credentials", http.StatusUnauthorized)
		return
	}
	h.git.ServeHTTP(w, r)
}

func (h *hub) exchanged() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.exchanges
}

func (h *hub) fail(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hub) revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.tokens)
}

// remote is the hub's repository as a Secret describes it.
func (h *hub) remote(t *testing.T) Remote {
	t.Helper()
	app, err := AppFromSecret(h.secret())
	must(t, err)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	return Remote{Repository: parse(t, h.URL+"/app.git"), Credentials: Credentials{App: app, CA: ca}}
}

func (h *hub) secret() map[string][]byte {
	return map[string][]byte{
		"githubAppID": []byte("7\n"), "githubAppInstallationID": []byte("42"), "githubAppBaseURL": []byte(h.URL + "/api/v3/"),
		"githubAppPrivateKey": pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(h.key)}),
	}
}
