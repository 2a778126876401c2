package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"awscdk.dev/operator/internal/preflight"
)

func TestProbesSayWhatIsMissing(t *testing.T) {
	missing := []preflight.Missing{{Need: "ClusterRole awscdk-operator-hooks", Message: "it does not exist: kubectl apply -f config/operator/hooks.yaml"}}
	for name, c := range map[string]struct {
		path    string
		filled  bool
		missing []preflight.Missing
		code    int
		body    string
	}{
		"ready":                        {"/readyz", true, nil, 200, "ok"},
		"ready, and something missing": {"/readyz", true, missing, 200, "ok"},
		"ready, in words":              {"/readyz?verbose", true, nil, 200, "[+]cache ok\nreadyz check passed\n"},
		"missing, in words": {"/readyz?verbose", true, missing, 200,
			"[+]cache ok\n[!]missing ClusterRole awscdk-operator-hooks: it does not exist: kubectl apply -f config/operator/hooks.yaml\nreadyz check passed\n"},
		"not ready": {"/readyz", false, missing, 500,
			"[-]cache failed: the objects are not known yet\n[!]missing ClusterRole awscdk-operator-hooks: it does not exist: kubectl apply -f config/operator/hooks.yaml\nreadyz check failed\n"},
		"alive": {"/healthz", false, missing, 200, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			handler := healthHandler(func(context.Context) bool { return c.filled }, func() []preflight.Missing { return c.missing })
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, c.path, nil))
			if answer.Code != c.code || answer.Body.String() != c.body {
				t.Errorf("%d %q, want %d %q", answer.Code, answer.Body, c.code, c.body)
			}
		})
	}
}
