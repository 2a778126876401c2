// Package kube runs a whole Kubernetes cluster of one node inside an enclave: etcd, the API server, the
// controller manager, the scheduler, kube-proxy, containerd and a kubelet, each the real program.
package kube

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"awscdk.dev/operator/test/cluster/enclave"
)

// NodeName is the name of the only node.
const NodeName = "node"

const (
	nodeAddress  = enclave.Address
	serverURL    = "https://" + nodeAddress + ":6443"
	serviceCIDR  = "10.96.0.0/16"
	apiServiceIP = "10.96.0.1"
	podCIDR      = "10.244.0.0/16"
)

// PauseImage is the image that holds a pod's namespaces open.
const PauseImage = "e2e.awscdk.dev/pause:1"

// Options shape a cluster.
type Options struct {
	// Dir is the folder of all its data.
	Dir string
	// Binaries is a folder with etcd and the commands of Kubernetes; containerd, runc and ctr are on PATH.
	Binaries string
	// Pause is a static program that waits for ever.
	Pause string
	// Progress is told how long each part took.
	Progress io.Writer
}

// Cluster is a running cluster.
type Cluster struct {
	// Client has all rights.
	Client *kubernetes.Clientset
	// Config is Client's.
	Config *rest.Config
	// Kubeconfig is the file of the same.
	Kubeconfig string

	o         Options
	dir, pki  string
	processes map[string]*process
}

// Start starts a cluster and waits until pods can run on it.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{o: o, dir: o.Dir, pki: filepath.Join(o.Dir, "pki"), processes: map[string]*process{}}
	c.Kubeconfig = filepath.Join(c.pki, "admin.kubeconfig")
	for _, part := range []struct {
		name  string
		start func(context.Context) error
	}{
		{"certificates", c.prepare},
		{"control plane", c.startControlPlane},
		{"container runtime", c.startRuntime},
		{"node", c.startNode},
	} {
		began := time.Now()
		if err := part.start(ctx); err != nil {
			return c, fmt.Errorf("start the %s: %w", part.name, err)
		}
		fmt.Fprintf(o.Progress, "%6.1f s  %s\n", time.Since(began).Seconds(), part.name)
	}
	return c, nil
}

func (c *Cluster) prepare(context.Context) error {
	if err := os.MkdirAll(filepath.Join(c.dir, "logs"), 0o755); err != nil {
		return err
	}
	return makePKI(c.pki)
}

func (c *Cluster) connect() error {
	var err error
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return err
	}
	c.Config.QPS = -1
	c.Client, err = kubernetes.NewForConfig(c.Config)
	return err
}

// NodeReady says whether the node takes pods.
func (c *Cluster) NodeReady(ctx context.Context) bool {
	node, err := c.Client.CoreV1().Nodes().Get(ctx, NodeName, metav1.GetOptions{})
	if err != nil {
		return false
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Logs is the folder of what the parts say.
func (c *Cluster) Logs() string { return filepath.Join(c.dir, "logs") }

// Tail is the end of what a part said.
func (c *Cluster) Tail(name string) string {
	if p := c.processes[name]; p != nil {
		return p.tail()
	}
	return ""
}
