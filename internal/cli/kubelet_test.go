package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kubelet is a node's end of the log API: the API server asks it as it asks any.
// It keeps what containers have written, each line led by its time.
type kubelet struct {
	server *httptest.Server

	mu   sync.Mutex
	logs map[string][]string // by POD/CONTAINER
	open map[string]bool     // those that may still write
	// breaks is how many more answers end in the middle.
	breaks int
}

func startKubelet() (*kubelet, error) {
	k := &kubelet{logs: map[string][]string{}, open: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.serve)
	k.server = httptest.NewTLSServer(mux)
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	if err := cluster.Create(context.Background(), n); err != nil {
		return nil, err
	}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	n.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(k.server.Listener.Addr().(*net.TCPAddr).Port)
	return k, cluster.Status().Update(context.Background(), n)
}

// write adds lines to the log of POD/CONTAINER.
func (k *kubelet) write(of, lines string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for line := range strings.Lines(lines) {
		k.logs[of] = append(k.logs[of], strings.TrimSuffix(line, "\n"))
	}
}

func (k *kubelet) setOpen(of string, open bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open[of] = open
}

// after gives the lines from a place on, and whether there may be more.
func (k *kubelet) after(of string, n int) (lines []string, more bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.logs[of][n:], k.open[of]
}

func (k *kubelet) breaking() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.breaks--
	return k.breaks >= 0
}

func (k *kubelet) serve(w http.ResponseWriter, r *http.Request) {
	of, query := r.PathValue("pod")+"/"+r.PathValue("container"), r.URL.Query()
	since, _ := time.Parse(time.RFC3339, query.Get("sinceTime"))
	breaks := query.Get("follow") == "true" && k.breaking()
	for n := 0; ; {
		lines, more := k.after(of, n)
		for _, line := range lines {
			stamp, text, _ := strings.Cut(line, " ")
			if at, err := time.Parse(time.RFC3339Nano, stamp); err != nil || at.Before(since) {
				continue
			}
			if query.Get("timestamps") == "true" {
				text = stamp + " " + text
			}
			fmt.Fprintln(w, text)
		}
		n += len(lines)
		w.(http.Flusher).Flush()
		switch {
		case breaks && n > 0:
			panic(http.ErrAbortHandler)
		case query.Get("follow") != "true" || !more:
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
