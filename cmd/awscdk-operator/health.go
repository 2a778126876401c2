package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"awscdk.dev/operator/internal/preflight"

	"k8s.io/client-go/discovery"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// serveHealth serves /healthz and /readyz. The manager's own probes would say
// that a check failed and keep the reason to themselves.
func serveHealth(mgr ctrl.Manager, address string, missing func() []preflight.Missing) error {
	if address == "0" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for health probes: %w", err)
	}
	filled := func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return mgr.GetCache().WaitForCacheSync(ctx)
	}
	server := &http.Server{Handler: healthHandler(filled, missing), ReadHeaderTimeout: 10 * time.Second}
	if err := mgr.Add(&manager.Server{Name: "health probe", Server: server, Listener: listener}); err != nil {
		return fmt.Errorf("serve health probes: %w", err)
	}
	return nil
}

// healthHandler answers probes. Ready is who knows the objects; what is missing
// around the operator is told by ?verbose and makes nobody unready: restarting
// or cutting off the operator would fix none of it.
func healthHandler(filled func(context.Context) bool, missing func() []preflight.Missing) http.Handler {
	mux := http.NewServeMux()
	alive := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	mux.HandleFunc("/healthz", alive)
	mux.HandleFunc("/healthz/", alive)
	ready := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		ok := filled(r.Context())
		if !ok {
			w.WriteHeader(http.StatusInternalServerError)
		}
		if _, verbose := r.URL.Query()["verbose"]; ok && !verbose {
			_, _ = io.WriteString(w, "ok")
			return
		}
		_, _ = io.WriteString(w, verdict(ok, missing()))
	}
	mux.HandleFunc("/readyz", ready)
	mux.HandleFunc("/readyz/", ready)
	return mux
}

// verdict lists what a probe has checked, in the form of Kubernetes' own.
func verdict(filled bool, missing []preflight.Missing) string {
	var b strings.Builder
	if filled {
		b.WriteString("[+]cache ok\n")
	} else {
		b.WriteString("[-]cache failed: the objects are not known yet\n")
	}
	for _, m := range missing {
		fmt.Fprintf(&b, "[!]missing %s\n", m)
	}
	if filled {
		b.WriteString("readyz check passed\n")
	} else {
		b.WriteString("readyz check failed\n")
	}
	return b.String()
}

// checkAround knows what the operator needs around it; it has checked once.
func checkAround(ctx context.Context, mgr ctrl.Manager, o preflight.Options) (*preflight.Preflight, error) {
	known, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("ask for the API server's kinds: %w", err)
	}
	o.Live, o.Client, o.Schemas = mgr.GetAPIReader(), mgr.GetClient(), known.OpenAPIV3()
	p := preflight.New(o)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	p.Check(ctx)
	return p, nil
}
