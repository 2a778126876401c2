package kube

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"

	"awscdk.dev/operator/test/cluster/enclave"
)

// startNode starts the kubelet and kube-proxy, and waits until the node takes pods.
func (c *Cluster) startNode(ctx context.Context) error {
	if err := c.writeKubeletConfig(); err != nil {
		return err
	}
	if err := c.startKubelet(); err != nil {
		return err
	}
	if err := c.start("kube-proxy", "--kubeconfig="+c.file("kube-proxy.kubeconfig"), "--hostname-override="+NodeName,
		"--proxy-mode=iptables", "--cluster-cidr="+podCIDR, "--metrics-bind-address=127.0.0.1:10249", "--healthz-bind-address=127.0.0.1:10256",
		// These are the host's settings: they stay as they are.
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0"); err != nil {
		return err
	}
	if err := c.until("kube-proxy", "service addresses are led to pods", time.Minute, serviceAddresses); err != nil {
		return err
	}
	return c.until("kubelet", "the node is ready", 2*time.Minute, func() bool { return c.NodeReady(ctx) })
}

// serviceAddresses says whether kube-proxy has written its rules.
func serviceAddresses() bool {
	answer, err := http.Get("http://127.0.0.1:10256/healthz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (c *Cluster) startKubelet() error {
	return c.start("kubelet", "--config="+filepath.Join(c.dir, "kubelet.yaml"), "--kubeconfig="+c.file("kubelet.kubeconfig"),
		"--root-dir="+filepath.Join(c.dir, "kubelet"), "--cert-dir="+filepath.Join(c.dir, "kubelet", "pki"),
		"--hostname-override="+NodeName, "--node-ip="+nodeAddress)
}

func (c *Cluster) writeKubeletConfig() error {
	resolver := filepath.Join(c.dir, "resolv.conf")
	if err := os.WriteFile(resolver, []byte("nameserver "+nodeAddress+"\n"), 0o644); err != nil {
		return err
	}
	text, err := yaml.Marshal(c.kubeletConfig(resolver))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, "kubelet.yaml"), text, 0o600)
}

func (c *Cluster) kubeletConfig(resolver string) map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"cgroupDriver": "cgroupfs", "cgroupRoot": enclave.Cgroup(), "failCgroupV1": false, "failSwapOn": false,
		"containerRuntimeEndpoint": "unix://" + c.socket(),
		"address":                  nodeAddress, "readOnlyPort": 0,
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": c.file("ca.crt")},
		},
		"authorization": map[string]any{"mode": "Webhook"},
		"tlsCertFile":   c.file("kubelet.crt"), "tlsPrivateKeyFile": c.file("kubelet.key"),
		// Names are not served here. Asking gets a refusal at once, not a time-out.
		"clusterDNS": []string{nodeAddress}, "clusterDomain": "cluster.local",
		"podLogsDir": filepath.Join(c.dir, "pod-logs"), "resolvConf": resolver,
		// The host's disk is not this cluster's to judge.
		"evictionHard":                map[string]any{"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		"imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
		"enforceNodeAllocatable": []string{"pods"}, "makeIPTablesUtilChains": false,
		"maxPods": 200, "kubeAPIQPS": 100, "kubeAPIBurst": 200,
		// See the controller manager's flags.
		"nodeLeaseDurationSeconds": 8, "nodeStatusUpdateFrequency": "4s",
	}
}
