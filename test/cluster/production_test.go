package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/seed/customer"
)

// production applies the customer's manifest, and types what is in their runbooks.
func (w *world) production() {
	w.productionNamespace()
	_, v21 := customer.Publish(w.T, w.Rig, "company/webapp-infrastructure.git", w.customer.App)
	manifest := customer.Manifest(w.T, "git@"+address+":company/webapp-infrastructure.git")
	stack := &v1alpha1.CdkTsStack{}
	if err := yaml.Unmarshal([]byte(manifest), stack); err != nil {
		w.Fatal(err)
	}
	began := time.Now()
	w.apply(manifest)
	// Whatever day it is: this is what the document says to do outside of the window.
	w.kubectl("annotate", "cdk", stack.Name, "-n", stack.Namespace, "emergency-deployment=true", `emergency-reason=Critical security patch for CVE-2023-12345`)
	logs := w.followBuilds(stack)
	w.Until(w.T, stack, "the stack is there", func(o *v1alpha1.CdkTsStack) bool { return o.Status.StackID != "" })
	w.eventually("the database is there", func(context.Context) bool {
		return w.localAWS("db-instance", `{"instance": "webapp-prod", "address": "`+address+`"}`) == nil
	})
	w.UntilDeployed(w.T, stack, v21)
	w.Logf("from kubectl apply to Succeeded: %s", time.Since(began).Round(100*time.Millisecond))
	w.shows(stack, logs())
	w.scrape(stack)
}

// productionNamespace is what the customer has there before: keys, a deploy key, their certificate.
func (w *world) productionNamespace() {
	const namespace = "production"
	w.namespace(namespace)
	w.Secret(w.T, namespace, "aws-credentials", corev1.SecretTypeOpaque, map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secretKey})
	w.Secret(w.T, namespace, "production-ssh-key", corev1.SecretTypeSSHAuth, map[string]string{
		"ssh-privatekey": string(w.SSHKey), "known_hosts": string(w.SSH.KnownHosts()),
	})
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "company-ca"}, Data: map[string]string{"ca.pem": string(w.customer.CA)}})
}

// shows checks what the users of the manifest look at.
func (w *world) shows(stack *v1alpha1.CdkTsStack, builds string) {
	w.Helper()
	if out := w.kubectl("get", "cdk", "-n", "production", "-o", "custom-columns=NAME:.metadata.name,PHASE:.status.phase,LAST-DEPLOY:.status.lastDeploy"); !strings.Contains(out, "Succeeded") {
		w.Errorf("kubectl get cdk shows\n%s", out)
	}
	w.kubectl("wait", "--for=condition=Ready", "cdk/"+stack.Name, "-n", "production", "--timeout=60s")
	if log := w.kubectl("logs", "-n", "awscdk-operator-system", "deployment/awscdk-operator"); !strings.Contains(log, stack.Name) {
		w.Errorf("the manager's log does not name %s:\n%s", stack.Name, log)
	}
	for _, said := range []string{"All production readiness checks passed", "No active incidents", "Application health check passed", "Database connectivity: " + address, "SSL certificate expires in 9 days"} {
		if !strings.Contains(builds, said) {
			w.Errorf("kubectl logs -l awscdk.dev/stack=%s does not show %q", stack.Name, said)
		}
	}
	for name, part := range map[string]string{"deployment": `"version": "v2.1.0"`, "slack": "Production deployment successful", "alert": stack.Spec.StackName} {
		if got := strings.Join(w.customer.Received(name), "\n"); !strings.Contains(got, part) {
			w.Errorf("%s was sent %q, want %q", name, got, part)
		}
	}
}

// followBuilds reads the logs of a stack's pods while they are there, as a user finds them: by the label.
func (w *world) followBuilds(stack *v1alpha1.CdkTsStack) (said func() string) {
	ctx, cancel := context.WithCancel(w.Context())
	var text strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		seen := map[string]bool{}
		for ctx.Err() == nil {
			out, _ := w.output(ctx, "get", "pods", "-n", stack.Namespace, "-l", "awscdk.dev/stack="+stack.Name, "-o", "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}")
			for _, pod := range strings.Fields(out) {
				if !seen[pod] {
					seen[pod] = true
					w.followPod(ctx, stack.Namespace, pod, &text)
				}
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
	return func() string { cancel(); <-done; return text.String() }
}

// followPod follows all containers of a pod, one after the other, as they run.
func (w *world) followPod(ctx context.Context, namespace, pod string, text *strings.Builder) {
	names, _ := w.output(ctx, "get", "pod", pod, "-n", namespace, "-o", "jsonpath={.spec.initContainers[*].name} {.spec.containers[*].name}")
	for _, container := range strings.Fields(names) {
		for ctx.Err() == nil {
			out, err := w.output(ctx, "logs", "-f", pod, "-c", container, "-n", namespace)
			if err == nil || strings.Contains(err.Error(), "NotFound") || strings.Contains(err.Error(), "not found") {
				fmt.Fprintf(text, "--- %s %s\n%s", pod, container, out)
				break
			}
			time.Sleep(200 * time.Millisecond) // It is yet to start.
		}
	}
}

// output runs kubectl beside a test: it reports nothing.
func (w *world) output(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(os.Getenv(binaries), "kubectl"), args...)
	cmd.Env = []string{"KUBECONFIG=" + cluster.Kubeconfig, "HOME=/nonexistent", "PATH=" + os.Getenv("PATH")}
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, problems.String())
	}
	return string(out), nil
}

// scrape reads the metrics as the runbooks do.
func (w *world) scrape(stack *v1alpha1.CdkTsStack) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = w.output(ctx, "port-forward", "deployment/awscdk-operator", "-n", "awscdk-operator-system", "9115:9115")
	}()
	w.eventually("metrics are read through kubectl port-forward", func(context.Context) bool {
		for _, path := range []string{"/metrics", "/metrics/hooks"} {
			text, err := get("http://127.0.0.1:9115" + path)
			if err != nil || !strings.Contains(text, `cdktsstack_drift_status{`) || !strings.Contains(text, `resource_name="`+stack.Name+`"`) {
				return false
			}
		}
		return true
	})
	cancel()
	<-ended
}

// localAWS sets something in the local AWS that no API of AWS sets.
func (w *world) localAWS(what, body string) error {
	answer, err := http.Post(fmt.Sprintf("%s/_localaws/%s?account=%s&region=%s", w.AWS.URL, what, awstest.Account, rig.Region), "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s: %s", what, answer.Status)
	}
	return nil
}
