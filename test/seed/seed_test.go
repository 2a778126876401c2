// Package seed proves that a production manifest written for the earlier
// operator runs as it stands: testdata/manifest.yaml is a customer's, and only
// the address of its repository is filled in.
package seed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/seed/customer"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const (
	namespace = "production"
	secretKey = "seed/secret/key/that/nobody/may/see/40char"
)

// world is the customer's: a cluster, an account, and the services that their
// scripts call.
type world struct {
	*testing.T
	rig      *rig.Rig
	services *customer.Services
	tools    customer.Tools
	manager  *rig.Manager
	stack    *v1alpha1.CdkTsStack
	// v20 and v21 are the commits of the tags v2.0.0 and v2.1.0.
	v20, v21 string
}

func TestTheProductionManifestRunsAsItStands(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes: the real npm and cdk")
	}
	w := newWorld(t)
	w.apply()
	for _, act := range []struct {
		name string
		play func(*world)
	}{
		{"nothing is deployed at the weekend", (*world).blockedAtTheWeekend},
		{"nor in an emergency while an incident is open", (*world).blockedByAnIncident},
		{"it is deployed, verified and told of", (*world).deployed},
		{"a backup that is kept for 3 days blocks", (*world).blockedByShortBackups},
		{"so does a port 22 that is open to the world", (*world).blockedByOpenSSH},
		{"unhealthy targets fail the verification", (*world).unhealthy},
		{"a slow endpoint is warned of", (*world).slow},
		{"drift opens an incident and alerts", (*world).drifted},
		{"patching the ref rolls back", (*world).rolledBack},
		{"deleting is blocked, until it is not", (*world).deleted},
	} {
		if !t.Run(act.name, func(t *testing.T) { w.T = t; act.play(w) }) {
			t.Fatalf("what follows builds on this; the end of the manager's log:\n%s", w.lastLog(200))
		}
	}
	w.T = t
	for _, secret := range []string{secretKey, customer.IncidentToken, customer.MonitoringToken, w.services.Hook("slack")} {
		if strings.Contains(w.manager.Log(t), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, services: customer.Start(t, customer.Options{})}
	w.tools = customer.WrapTools(t, w.services.App)
	w.tools.Clock(t, "Saturday 03:00")
	for name, value := range w.services.Environment() {
		t.Setenv(name, value)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, w.services.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CURL_CA_BUNDLE", ca)
	w.rig = rig.Start(t, "--speed", "0")
	w.rig.Bootstrap(t, awstest.Account, rig.Region)
	if out, err := w.rig.Kubectl(t, "apply", "-f", filepath.Join(rig.Root(t), "config", "operator", "hooks.yaml")); err != nil {
		t.Fatal(out)
	}
	w.rig.Namespace(t, namespace, "AKIASEEDSEEDSEEDSEED", secretKey)
	w.rig.Secret(t, namespace, "aws-credentials", corev1.SecretTypeOpaque, map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIASEEDSEEDSEEDSEED", "AWS_SECRET_ACCESS_KEY": secretKey,
	})
	w.rig.Secret(t, namespace, "production-ssh-key", corev1.SecretTypeSSHAuth, map[string]string{
		"ssh-privatekey": string(w.rig.SSHKey), "known_hosts": string(w.rig.SSH.KnownHosts()),
	})
	w.v20, w.v21 = customer.Publish(t, w.rig, "webapp-infrastructure.git", w.services.App)
	w.manager = w.rig.Manage(t, rig.ManagerOptions{Data: t.TempDir(), Namespace: namespace, GitSync: "@every 5s", Drift: "@every 10s", ShareDependencies: true})
	return w
}

// apply applies the manifest with kubectl.
func (w *world) apply() {
	w.Helper()
	text := customer.Manifest(w.T, w.rig.SSH.URL+"/webapp-infrastructure.git")
	path := filepath.Join(w.TempDir(), "manifest.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	if out, err := w.rig.Kubectl(w.T, "apply", "-f", path); err != nil {
		w.Fatal(out)
	}
	w.stack = &v1alpha1.CdkTsStack{}
	if err := yaml.Unmarshal([]byte(text), w.stack); err != nil {
		w.Fatal(err)
	}
}

func (w *world) blockedAtTheWeekend() {
	w.blocked("BeforeDeployFailed", "Production deployment blocked outside business hours")
	if n := w.rig.AWS.Succeeded(w.T, "CreateChangeSet"); n != 0 {
		w.Errorf("%d change sets were made", n)
	}
}

func (w *world) blockedByAnIncident() {
	w.services.OpenIncidents.Store(2)
	w.kubectl("annotate", "cdk", w.stack.Name, "emergency-deployment=true")
	w.kubectl("annotate", "cdk", w.stack.Name, "emergency-reason=Critical security patch for CVE-2023-12345")
	w.blocked("BeforeDeployFailed", "Active incidents detected: 2")
	w.says("Emergency override enabled")
	w.kubectl("annotate", "cdk", w.stack.Name, "emergency-deployment-", "emergency-reason-")
}

func (w *world) deployed() {
	w.services.OpenIncidents.Store(0)
	w.tools.Clock(w.T, "Tuesday 10:00")
	began := time.Now()
	w.force()
	// The databases answer once they are there.
	w.rig.Until(w.T, w.stack, "the stack is there", func(o *v1alpha1.CdkTsStack) bool { return o.Status.StackID != "" })
	w.eventually("the database is there", func() bool {
		return w.admin("POST", "db-instance", `{"instance": "webapp-prod", "address": "127.0.0.1"}`) == nil
	})
	w.ready()
	w.Logf("from the order to verified: %s", time.Since(began).Round(100*time.Millisecond))
	w.says("Deployment within approved business hours", "No active incidents",
		"No security groups with dangerous open access", "All production readiness checks passed",
		"Application Load Balancer is active", "Target group health: 2/2 healthy", "Application health check passed",
		"Database connectivity: 127.0.0.1", "Monitoring system receiving metrics: 5", "Alert webhook functional",
		"SSL certificate expires in 9 days")
	w.sent("deployment", `"stack": "WebApp-Production-Stack"`, `"version": "v2.1.0"`, `"healthy_targets": "2/2"`)
	w.sent("slack", "Production deployment successful: WebApp-Production-Stack")
	w.sent("alert", `"deployment": "WebApp-Production-Stack"`)
	var baselines corev1.ConfigMapList
	if err := w.rig.Client.List(w.Context(), &baselines, client.InNamespace(namespace)); err != nil {
		w.Fatal(err)
	}
	found := false
	for _, c := range baselines.Items {
		found = found || strings.HasPrefix(c.Name, "deployment-baseline-") && c.Data["response-time"] == "12"
	}
	if !found {
		w.Errorf("no baseline among %d ConfigMaps", len(baselines.Items))
	}
}

func (w *world) blockedByShortBackups() {
	w.aws("rds", "modify-db-instance", "--db-instance-identifier", "webapp-prod", "--backup-retention-period", "3", "--apply-immediately")
	w.force()
	w.blocked("BeforeDeployFailed", "Insufficient backup retention for webapp-prod: 3 days (minimum: 7)")
	w.aws("rds", "modify-db-instance", "--db-instance-identifier", "webapp-prod", "--backup-retention-period", "7", "--apply-immediately")
}

func (w *world) blockedByOpenSSH() {
	group := strings.TrimSpace(w.aws("ec2", "describe-security-groups", "--query", "SecurityGroups[?Description==`Requests to the web application`].GroupId", "--output", "text"))
	w.aws("ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0")
	w.force()
	w.blocked("BeforeDeployFailed", "Security groups with open SSH/RDP access detected")
	w.aws("ec2", "revoke-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0")
}

func (w *world) unhealthy() {
	w.must(w.admin("POST", "target-health", `{"targetGroup": "webapp-prod-targets", "state": "unhealthy"}`))
	w.force()
	failed := w.blocked("AfterDeployFailed", "No healthy targets in target group")
	if !strings.Contains(failed.Status.Message, "is deployed at revision") {
		w.Errorf("the message does not say that it is deployed: %s", failed.Status.Message)
	}
	w.must(w.admin("POST", "target-health", `{"targetGroup": "webapp-prod-targets", "state": "healthy"}`))
}

func (w *world) slow() {
	baseline := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "deployment-baseline-1", Labels: map[string]string{"deployment-baseline": "true"}},
		Data:       map[string]string{"response-time": "12"},
	}
	w.must(w.rig.Client.Create(w.Context(), baseline))
	w.services.Slow.Store(true)
	w.force()
	w.ready()
	w.says("Backup retention for webapp-prod: 7 days", "WARNING: Response time degradation detected", "Baseline: 12ms")
	w.services.Slow.Store(false)
}

func (w *world) drifted() {
	w.rig.Until(w.T, w.stack, "there is no drift", func(o *v1alpha1.CdkTsStack) bool { return !o.Status.DriftDetected && o.Status.LastDriftCheck != nil })
	w.aws("ssm", "put-parameter", "--name", "/webapp/environment", "--value", "hacked", "--overwrite", "--type", "String")
	drifted := w.rig.Until(w.T, w.stack, "drift is found", func(o *v1alpha1.CdkTsStack) bool { return o.Status.DriftDetected })
	if !rig.Ready(drifted) {
		w.Errorf("drift made the object not ready: %s", drifted.Status.Message)
	}
	w.sent("incidents", `"title": "Production Infrastructure Drift Detected"`, `"severity": "high"`, `"affected_service": "WebApp-Production-Stack"`)
	w.sent("critical", `"alert_level": "critical"`, "PRODUCTION DRIFT: WebApp-Production-Stack")
	w.aws("ssm", "put-parameter", "--name", "/webapp/environment", "--value", "production", "--overwrite", "--type", "String")
}

func (w *world) rolledBack() {
	w.kubectl("patch", "cdk", w.stack.Name, "--type=merge", "-p", `{"spec":{"source":{"git":{"ref":"v2.0.0"}}}}`)
	w.rig.UntilDeployed(w.T, w.stack, w.v20)
}

func (w *world) deleted() {
	// The document has actions.destroy false: its hook blocks all the same.
	w.kubectl("delete", "cdk", w.stack.Name, "--wait=false")
	w.blocked("BeforeDestroyFailed", "PRODUCTION DESTRUCTION BLOCKED")
	w.kubectl("patch", "cdk", w.stack.Name, "--type=merge", "-p", `{"spec":{"actions":{"destroy":true}}}`)
	kept := w.blocked("BeforeDestroyFailed", "the stack WebApp-Production-Stack is kept")
	if n := w.rig.AWS.Succeeded(w.T, "DeleteStack"); n != 0 || len(kept.Finalizers) == 0 {
		w.Errorf("%d deletions, finalizers %v", n, kept.Finalizers)
	}
	w.kubectl("patch", "cdk", w.stack.Name, "--type=merge", "-p", `{"spec":{"lifecycleHooks":{"beforeDestroy":null}}}`)
	w.rig.UntilGone(w.T, w.stack)
	if n := w.rig.AWS.Succeeded(w.T, "DeleteStack"); n != 1 {
		w.Errorf("%d deletions", n)
	}
}
