package chart_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
)

// run runs helm or kubectl as the cluster's administrator.
func (c *cluster) run(stdin, name string, args ...string) (string, error) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "KUBECONFIG="+c.kubeconfig)
	cmd.Stdin = bytes.NewBufferString(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %v: %w\n%s", filepath.Base(name), args, err, out)
	}
	return string(out), nil
}

func (c *cluster) kubectl(stdin string, args ...string) string {
	c.Helper()
	out, err := c.run(stdin, filepath.Join(assets(), "kubectl"), args...)
	must(c, err)
	return out
}

// install is `helm VERB` of a chart with values.
func (c *cluster) install(verb, chart, values string, flags ...string) string {
	c.Helper()
	out, err := c.tryInstall(verb, chart, values, flags...)
	must(c, err)
	return out
}

func (c *cluster) tryInstall(verb, chart, values string, flags ...string) (string, error) {
	c.Helper()
	return c.run(values, c.helm, append([]string{verb, release, chart, "--namespace", namespace, "--timeout", "60s", "--values", "-"}, flags...)...)
}

func (c *cluster) uninstall() {
	c.Helper()
	_, err := c.run("", c.helm, "uninstall", release, "--namespace", namespace, "--timeout", "60s")
	must(c, err)
}

// kubeconfigOf is the path of a kubeconfig with which a process is a
// ServiceAccount, as a pod is.
func (c *cluster) kubeconfigOf(ctx context.Context, account string) (string, error) {
	req := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](3600)}}
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}
	if err := c.SubResource("token").Create(ctx, sa, req); err != nil {
		return "", fmt.Errorf("make a token of %s: %w", account, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["it"] = &clientcmdapi.Cluster{Server: c.config.Host, CertificateAuthorityData: c.config.CAData}
	config.AuthInfos["it"] = &clientcmdapi.AuthInfo{Token: req.Status.Token}
	config.Contexts["it"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "it"}
	config.CurrentContext = "it"
	path := filepath.Join(c.TempDir(), "kubeconfig-"+account)
	return path, clientcmd.WriteToFile(*config, path)
}
