package cluster

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"

	"awscdk.dev/operator/test/cluster/enclave"
)

// keep is set when the cluster is to stay up after the tests, for a person to look at.
const keep = "KEEP"

// apiSocket is where the outer process finds the API server, apiAddress the file with the host's loopback
// address that it serves it at.
const (
	apiSocket  = "api.sock"
	apiAddress = "api.address"
)

// openAPI lets the host reach the API server, on loopback only.
func openAPI(dir string) (func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go enclave.Forward(listener, func() (net.Conn, error) { return net.Dial("unix", filepath.Join(dir, apiSocket)) })
	return func() { _ = listener.Close() }, os.WriteFile(filepath.Join(dir, apiAddress), []byte(listener.Addr().String()), 0o600)
}

// stay keeps the cluster until somebody ends it, and says how to reach it.
func stay() error {
	listener, err := enclave.Listen(enclave.Dir(), apiSocket)
	if err != nil {
		return err
	}
	go enclave.Forward(listener, func() (net.Conn, error) { return net.Dial("tcp", net.JoinHostPort(address, "6443")) })
	host, err := os.ReadFile(filepath.Join(enclave.Dir(), apiAddress))
	if err != nil {
		return err
	}
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	if err != nil {
		return err
	}
	for _, c := range config.Clusters {
		c.Server = "https://" + strings.TrimSpace(string(host))
	}
	path := filepath.Join(enclave.Dir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return err
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	fmt.Fprintf(os.Stderr, "The cluster is up until Ctrl-C:\n  export KUBECONFIG=%s\n  kubectl get cdk,jobs,pods -A\nIts parts' logs are in %s. A shell inside of it, from where pods can be reached:\n  nsenter --all --target $(pgrep -n -x kubelet) bash\n", path, cluster.Logs())
	<-asked
	return nil
}
