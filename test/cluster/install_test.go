package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/test/cluster/enclave"
	"awscdk.dev/operator/test/e2e/rig"
)

const (
	operatorNamespace = "awscdk-operator-system"
	release           = "awscdk-operator"
	address           = enclave.Address
)

// values are those of a platform team: images that are on the node, the local AWS for the real one, a
// registry for npm, small pods, what the customer has set for their hooks.
func (w *world) values() string {
	return fmt.Sprintf(`
image: {repository: %[1]s, tag: %[3]s, pullPolicy: Never}
runner:
  image: {repository: %[2]s, tag: %[3]s, pullPolicy: Never}
  defaults:
    resources: {requests: {cpu: 20m, memory: 64Mi}, limits: {memory: 2Gi}}
    # Their application has a certificate of the company's own authority.
    volumes: [{name: company-ca, configMap: {name: company-ca, optional: true}}]
    volumeMounts: [{name: company-ca, mountPath: /etc/company-ca, readOnly: true}]
    env: [{name: CURL_CA_BUNDLE, value: /etc/company-ca/ca.pem}]
operator:
  env: {driftCheckCron: "@every 30s", gitSyncCheckCron: "@every 5s"}
  extraEnv: %[4]s
  envFrom: [{secretRef: {name: hook-endpoints}}]
`, managerRepository, runnerRepository, imageTag, yamlEnv(map[string]string{
		"AWS_ENDPOINT_URL": w.AWS.URL, "npm_config_registry": "http://" + address + ":" + npmPort,
	}))
}

// install does what a platform engineer types.
func (w *world) install() {
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}})
	w.Secret(w.T, operatorNamespace, "hook-endpoints", corev1.SecretTypeOpaque, w.customer.Environment())
	began := time.Now()
	out, err := w.helm("install", release, w.chart(), "--namespace", operatorNamespace, "--values", w.file("values.yaml", w.values()), "--wait", "--timeout", "3m")
	if err != nil {
		w.Fatalf("helm install: %v\n%s\n%s", err, out, w.situation())
	}
	w.Logf("helm install --wait: %s", time.Since(began).Round(100*time.Millisecond))
	var d appsv1.Deployment
	if err := w.Client.Get(w.Context(), client.ObjectKey{Namespace: operatorNamespace, Name: "awscdk-operator"}, &d); err != nil || d.Status.ReadyReplicas == 0 {
		w.Errorf("deployment/awscdk-operator: %v, %d ready", err, d.Status.ReadyReplicas)
	}
	if log := w.kubectl("logs", "-n", "awscdk-operator-system", "deployment/awscdk-operator"); log == "" {
		w.Error("the manager says nothing")
	}
}

func (w *world) chart() string { return filepath.Join(rig.Root(w.T), "charts", "awscdk-operator") }

// managerPod is the name of the pod of the manager.
func (w *world) managerPod(ctx context.Context) string {
	var pods corev1.PodList
	if err := w.Client.List(ctx, &pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/component": "manager"}); err != nil {
		return ""
	}
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning && !strings.Contains(p.Name, "-crd-") {
			return p.Name
		}
	}
	return ""
}
