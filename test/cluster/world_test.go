package cluster

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/cluster/enclave"
	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/seed/customer"
)

// patience bounds every wait.
const patience = 3 * time.Minute

// world is the cluster with all that is around it.
type world struct {
	*testing.T
	*rig.Rig
	ledger   *ledger
	customer *customer.Services
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, ledger: startLedger(t), Rig: rig.Join(t, cluster.Config, cluster.Kubeconfig, enclave.Address, "--speed", "0")}
	w.Bootstrap(t, awstest.Account, rig.Region)
	return w
}

// in is the same world in a part of a test.
func (w *world) in(t *testing.T) *world {
	part := *w
	part.T = t
	return &part
}

// The keys of the account in Secrets that namespaces here have.
const (
	keyID     = "AKIACLUSTERCLUSTERAA"
	secretKey = "cluster/secret/key/that/nobody/may/see40"
)

// namespace makes a namespace that enforces the restricted Pod Security Standard, with the Secret "aws".
func (w *world) namespace(name string) {
	w.Helper()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest",
	}}})
	w.eventually("there is a service account in "+name, func(ctx context.Context) bool {
		return w.Client.Get(ctx, client.ObjectKey{Namespace: name, Name: "default"}, &corev1.ServiceAccount{}) == nil
	})
	w.Secret(w.T, name, "aws", corev1.SecretTypeOpaque, map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secretKey})
}

func (w *world) create(obj client.Object) {
	w.Helper()
	if err := w.Client.Create(w.Context(), obj); err != nil {
		w.Fatal(err)
	}
}

// kubectl runs what a user types and returns what it prints.
func (w *world) kubectl(args ...string) string {
	w.Helper()
	out, err := w.Kubectl(w.T, args...)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// apply applies a manifest as a user does.
func (w *world) apply(manifest string) {
	w.Helper()
	w.kubectl("apply", "-f", w.file("manifest.yaml", manifest))
}

// file writes a file that is there until the test ends.
func (w *world) file(name, text string) string {
	w.Helper()
	path := filepath.Join(w.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	return path
}

// helm runs the real helm.
func (w *world) helm(args ...string) (string, error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(os.Getenv(binaries), "helm"), args...)
	home := w.TempDir()
	cmd.Env = []string{"KUBECONFIG=" + cluster.Kubeconfig, "HOME=" + home, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) untilJob(job *batchv1.Job, what string, holds func(batchv1.JobStatus) bool) {
	w.Helper()
	w.eventually("the job "+job.Name+" "+what, func(ctx context.Context) bool {
		return w.Client.Get(ctx, client.ObjectKeyFromObject(job), job) == nil && holds(job.Status)
	})
}

func (w *world) eventually(what string, holds func(context.Context) bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		if holds(ctx) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.Fatalf("after %s it is not so that %s\n%s", patience, what, w.situation())
}

// situation is what somebody would look at first who wonders why nothing happens.
func (w *world) situation() string {
	var all strings.Builder
	for _, args := range [][]string{
		{"get", "cdk,jobs,pods", "-A", "-o", "wide"},
		{"get", "events", "-A", "--sort-by=.lastTimestamp"},
		{"logs", "-n", operatorNamespace, "-l", "app.kubernetes.io/instance=" + release, "--prefix", "--tail=40"},
	} {
		out, _ := w.Kubectl(w.T, args...)
		lines := strings.Split(out, "\n")
		all.WriteString("$ kubectl " + strings.Join(args, " ") + "\n" + strings.Join(lines[max(0, len(lines)-60):], "\n") + "\n")
	}
	return all.String()
}

// yamlEnv writes variables as the `env` of a container, in flow style.
func yamlEnv(values map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, "{name: "+name+", value: \""+values[name]+"\"}")
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// get reads a page.
func get(url string) (string, error) {
	answer, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// stacks are the names of the stacks that the account has.
func (w *world) stacks() (names []string) {
	w.Helper()
	api := cfn.New(cfn.Options{Region: rig.Region, BaseEndpoint: &w.AWS.URL, Credentials: credentials.NewStaticCredentialsProvider(keyID, secretKey, "")})
	out, err := api.DescribeStacks(w.Context(), &cfn.DescribeStacksInput{})
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range out.Stacks {
		names = append(names, aws.ToString(s.StackName))
	}
	return names
}
