package runner

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/internal/regular"
	"awscdk.dev/operator/internal/run"
)

// openKubernetes is serveKubernetes for a hook that runs without kubectl, too:
// kubeconfig is then "", and out says why.
func openKubernetes(s *Session, out io.Writer) (kubeconfig string, done func()) {
	h := s.Request.Hook
	if h.KubernetesMissing != "" {
		fmt.Fprintf(out, "kubectl will not work: %s\n", h.KubernetesMissing)
	}
	if h.Kubernetes == nil {
		return "", func() {}
	}
	kubeconfig, done, err := serveKubernetes(s, *h.Kubernetes)
	if err != nil {
		fmt.Fprintf(out, "kubectl will not work: %v\n", err)
		return "", func() {}
	}
	return kubeconfig, done
}

// serveKubernetes lets the hook's kubectl reach the API server through this
// process and returns the path of its kubeconfig. done ends it: what the run
// starts after the hook finds neither.
//
// The detour serves three ends. A script that asks for its own object by the
// name of the CloudFormation stack, as the scripts in circulation do, gets it.
// The hook never holds the token itself, so that none can leave with what it
// writes. And of CdkTsStacks it reads its own only, which RBAC cannot say for
// an identity that all objects of a namespace share.
func serveKubernetes(s *Session, k run.Kubernetes) (kubeconfig string, done func(), err error) {
	target, err := url.Parse(k.Server)
	if err != nil || s.Secrets.KubernetesToken == "" {
		return "", nil, errors.New("the operator gave it no access")
	}
	certificate, authority, err := selfSigned(s.now())
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for kubectl: %w", err)
	}
	password := random()
	gate := kubernetesGate{session: s, password: password, next: proxyTo(target, k.CA, s.Secrets.KubernetesToken)}
	server := &http.Server{
		Handler: gate, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	kubeconfig = filepath.Join(s.Dir.State(), "kubeconfig")
	done = func() {
		_ = server.Close()
		_ = listener.Close() // the server may not have had it yet
		_ = os.Remove(kubeconfig)
	}
	if err := regular.Write(kubeconfig, kubeconfigFor(listener.Addr().String(), authority, password, s.Request.Namespace)); err != nil {
		done()
		return "", nil, fmt.Errorf("write kubectl's configuration: %w", err)
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return kubeconfig, done, nil
}

// proxyTo forwards to the API server with the token.
func proxyTo(target *url.URL, ca []byte, token string) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	if len(ca) > 0 {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Authorization", "Bearer "+token)
			for name := range r.Out.Header { // nobody else is to be played
				if strings.HasPrefix(name, "Impersonate-") {
					r.Out.Header.Del(name)
				}
			}
		},
		ErrorLog:      log.New(io.Discard, "", 0),
		FlushInterval: -1,
	}
}

// kubernetesGate lets the hook's own requests pass and no one else's.
type kubernetesGate struct {
	session  *Session
	password string
	next     http.Handler
}

// ServeHTTP implements http.Handler.
func (g kubernetesGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(given), []byte(g.password)) != 1 {
		refuse(w, http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "this door is for the hook of one run")
		return
	}
	if crooked(r.URL) {
		refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "a path must be written plainly: no empty part, no . and .., no encoded character")
		return
	}
	if other := g.nameOwn(r); other != "" {
		refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, fmt.Sprintf(
			"a hook may read its own CdkTsStack, %s, and no other", g.session.Request.Name))
		return
	}
	g.next.ServeHTTP(w, r)
}

// nameOwn puts the object's name where the request has that of its stack, and
// returns the name of another CdkTsStack that it asks for.
func (g kubernetesGate) nameOwn(r *http.Request) (other string) {
	req := g.session.Request
	prefix := "/apis/awscdk.dev/v1alpha1/"
	if strings.HasPrefix(r.URL.Path, prefix+"watch/") { // how old clients watch one object
		prefix += "watch/"
	}
	prefix += "namespaces/" + req.Namespace + "/cdktsstacks"
	rest, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return ""
	}
	if selector := r.URL.Query().Get("fieldSelector"); selector == "metadata.name="+req.StackName {
		query := r.URL.Query()
		query.Set("fieldSelector", "metadata.name="+req.Name)
		r.URL.RawQuery = query.Encode()
	}
	name, sub, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	switch name {
	case "", req.Name:
		return ""
	case req.StackName:
	default:
		return name
	}
	r.URL.Path, r.URL.RawPath = prefix+"/"+req.Name, ""
	if sub != "" {
		r.URL.Path += "/" + sub
	}
	return ""
}

// crooked tells whether a path may mean to the API server, or to what is before
// it, another place than it does here. No path of Kubernetes needs that.
func crooked(u *url.URL) bool {
	clean := path.Clean(u.Path)
	return u.Path != clean && u.Path != clean+"/" || !strings.HasPrefix(u.Path, "/") ||
		strings.Contains(u.EscapedPath(), "%") || strings.ContainsAny(u.Path, "%\\")
}

func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

// selfSigned makes a certificate for 127.0.0.1, and its PEM for those who are
// to trust it: kubectl sends its password over TLS only.
func selfSigned(now time.Time) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a key for kubectl: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "awscdk-operator-run"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a certificate for kubectl: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func random() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails, crypto/rand
	return hex.EncodeToString(b)
}

// kubeconfigFor is JSON, which is YAML too.
func kubeconfigFor(address string, authority []byte, password, namespace string) []byte {
	type object = map[string]any
	data, _ := json.Marshal(object{ // strings and bytes always encode
		"apiVersion": "v1", "kind": "Config", "current-context": "hook",
		"clusters": []object{{"name": "hook", "cluster": object{"server": "https://" + address, "certificate-authority-data": authority}}},
		"users":    []object{{"name": "hook", "user": object{"token": password}}},
		"contexts": []object{{"name": "hook", "context": object{"cluster": "hook", "user": "hook", "namespace": namespace}}},
	})
	return data
}
