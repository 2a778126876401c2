package kube

import (
	"context"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startControlPlane starts etcd, the API server, the controllers and the scheduler, and waits until a
// namespace has its service account: the controllers are at work then.
func (c *Cluster) startControlPlane(ctx context.Context) error {
	if err := c.startEtcd(); err != nil {
		return err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	if err := c.start("kube-controller-manager", c.controllerManagerFlags()...); err != nil {
		return err
	}
	if err := c.start("kube-scheduler", append(c.asUser("kube-scheduler"),
		"--leader-elect=false", "--bind-address=127.0.0.1")...); err != nil {
		return err
	}
	return c.until("kube-controller-manager", "there is a default service account", time.Minute, func() bool {
		_, err := c.Client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	})
}

func (c *Cluster) file(name string) string { return filepath.Join(c.pki, name) }

func (c *Cluster) startEtcd() error {
	const client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	// A cluster that forgets with its folder need not be sure of its disk.
	return c.start("etcd", "--data-dir", filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync", "--log-level", "warn",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
}

func (c *Cluster) startAPIServer(ctx context.Context) error {
	err := c.start("kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=0.0.0.0", "--secure-port=6443", "--advertise-address="+nodeAddress,
		"--tls-cert-file="+c.file("apiserver.crt"), "--tls-private-key-file="+c.file("apiserver.key"),
		"--client-ca-file="+c.file("ca.crt"), "--cert-dir="+filepath.Join(c.dir, "apiserver"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.file("sa.pub"), "--service-account-signing-key-file="+c.file("sa.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--service-cluster-ip-range="+serviceCIDR, "--allow-privileged=true",
		"--kubelet-client-certificate="+c.file("apiserver-kubelet.crt"), "--kubelet-client-key="+c.file("apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP",
		// A node that is lost loses its pods in seconds, not minutes.
		"--default-not-ready-toleration-seconds=5", "--default-unreachable-toleration-seconds=5")
	if err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return err
	}
	return c.until("kube-apiserver", "the API server is ready", 2*time.Minute, func() bool {
		_, err := c.Client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil
	})
}

// asUser are the flags that say as whom to call the API server.
func (c *Cluster) asUser(name string) []string {
	file := c.file(name + ".kubeconfig")
	return []string{"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file}
}

func (c *Cluster) controllerManagerFlags() []string {
	return append(c.asUser("kube-controller-manager"),
		"--leader-elect=false", "--bind-address=127.0.0.1", "--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.file("sa.key"), "--root-ca-file="+c.file("ca.crt"),
		"--cluster-signing-cert-file="+c.file("ca.crt"), "--cluster-signing-key-file="+c.file("ca.key"),
		"--cluster-cidr="+podCIDR, "--service-cluster-ip-range="+serviceCIDR, "--allocate-node-cidrs=false",
		"--cert-dir="+filepath.Join(c.dir, "controllers"),
		// A lost node is noticed in seconds: its lease is renewed every two (see kubeletConfig).
		"--node-monitor-period=1s", "--node-monitor-grace-period=12s")
}
