package runner

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/run"
)

// TestTheDoorToTheAPIServerTakesPlainPathsOnly sends paths as they are, without
// a client that would tidy them.
func TestTheDoorToTheAPIServerTakesPlainPathsOnly(t *testing.T) {
	var reached []string
	behind := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reached = append(reached, r.RequestURI)
	}))
	defer behind.Close()
	target, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := session(t, run.Request{Namespace: "team", Name: "web", StackName: "Web-Stack"}, run.Secrets{})
	door := httptest.NewServer(kubernetesGate{session: s, password: "word", next: proxyTo(target, nil, "token")})
	defer door.Close()
	const own = "/apis/awscdk.dev/v1alpha1/namespaces/team/cdktsstacks"
	for path, want := range map[string]string{
		own + "/web":                           own + "/web",
		own + "/Web-Stack":                     own + "/web",
		own + "/Web-Stack/status":              own + "/web/status",
		own + "/web/":                          own + "/web/",
		own:                                    own,
		own + "?limit=500&labelSelector=a%2Fb": own + "?limit=500&labelSelector=a%2Fb",
		"/api/v1/namespaces/team/pods":         "/api/v1/namespaces/team/pods",
		"/api":                                 "/api",
		"/":                                    "/",
		"/apis/rbac/v1/clusterroles/system:x":  "/apis/rbac/v1/clusterroles/system:x",
		own + "/other":                         "",
		own + "/other/status":                  "",
		"/apis/awscdk.dev/v1alpha1/watch/namespaces/team/cdktsstacks/other": "",
		"/apis/awscdk.dev/v1alpha1/watch/namespaces/team/cdktsstacks/web":   "/apis/awscdk.dev/v1alpha1/watch/namespaces/team/cdktsstacks/web",
		own + "//other":                   "",
		own + "/./other":                  "",
		own + "/web/../other":             "",
		own + "/web/..":                   "",
		own + "/%2e%2e/cdktsstacks/other": "",
		own + "/%6fther":                  "",
		own + "%2fother":                  "",
		own + "/web%2F..%2Fother":         "",
		own + "/web%252f..%252fother":     "",
		own + `/web\..\other`:             "",
		"/x/.." + own + "/other":          "",
		"/" + own + "/other":              "",
		"/apis/awscdk.dev/v1alpha1/./namespaces/team/cdktsstacks/web":  "",
		"/apis/awscdk.dev/v1alpha1/namespaces//team/cdktsstacks/other": "",
		"/api/v1/namespaces/team/pods/..":                              "",
		"/.":                                                           "",
		"/..":                                                          "",
	} {
		t.Run(path, func(t *testing.T) {
			reached = nil
			status := sendRaw(t, door.Listener.Addr().String(), path)
			got := strings.Join(reached, " ")
			if got != want {
				t.Errorf("%q reached the API server as %q, want %q", path, got, want)
			}
			if (want == "") != (status == http.StatusForbidden || status == http.StatusBadRequest) {
				t.Errorf("the answer is %d", status)
			}
		})
	}
}

func sendRaw(t *testing.T, address, path string) int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer word\r\nConnection: close\r\n\r\n", path)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}
