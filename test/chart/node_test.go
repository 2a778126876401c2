package chart_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// node stands in for a kubelet and the controller of Jobs: it runs the command
// of the chart's hooks with the operator that was built, as their ServiceAccount,
// and tells how they ended.
type node struct {
	*cluster
	// services are where the Services of the operator lead to, by port.
	services map[string]string
	// said is what the hooks printed.
	said logBuffer
}

// logBuffer is read while others write to it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newNode works until the test ends.
func newNode(c *cluster) *node {
	n := &node{cluster: c, services: map[string]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			n.jobs(ctx)
			n.pods(ctx)
			time.Sleep(100 * time.Millisecond)
		}
	}()
	c.Cleanup(func() {
		cancel()
		<-ended
		if c.Failed() {
			c.Logf("the hooks said:\n%s", n.said.String())
		}
	})
	return n
}

func (n *node) jobs(ctx context.Context) {
	var all batchv1.JobList
	if n.List(ctx, &all, client.InNamespace(namespace)) != nil {
		return
	}
	for i := range all.Items {
		job := &all.Items[i]
		if len(job.Status.Conditions) > 0 {
			continue
		}
		now, ending := metav1.Now(), []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete}
		if !n.succeeds(ctx, &job.Spec.Template.Spec) {
			ending = []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed}
			job.Status.Failed = 1
		} else {
			job.Status.Succeeded, job.Status.CompletionTime = 1, &now
		}
		job.Status.StartTime = &now
		for _, kind := range ending {
			job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
		}
		if err := n.Status().Update(ctx, job); err != nil && ctx.Err() == nil {
			n.Logf("tell that %s ended: %v", job.Name, err)
		}
	}
}

func (n *node) pods(ctx context.Context) {
	var all corev1.PodList
	if n.List(ctx, &all, client.InNamespace(namespace)) != nil {
		return
	}
	for i := range all.Items {
		pod := &all.Items[i]
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		pod.Status.Phase = corev1.PodFailed
		if n.succeeds(ctx, &pod.Spec) {
			pod.Status.Phase = corev1.PodSucceeded
		}
		if err := n.Status().Update(ctx, pod); err != nil && ctx.Err() == nil {
			n.Logf("tell that %s ended: %v", pod.Name, err)
		}
	}
}

// succeeds runs a pod's command to its end.
func (n *node) succeeds(ctx context.Context, pod *corev1.PodSpec) bool {
	proxy := n.proxy()
	defer proxy.Close()
	cmd := exec.CommandContext(ctx, operator, pod.Containers[0].Args...)
	cmd.Env = []string{"HOME=" + home, "HTTP_PROXY=http://" + proxy.Addr().String(), "KUBECONFIG=/nonexistent"}
	if account := pod.ServiceAccountName; account != "" && account != "default" {
		config, err := n.kubeconfigOf(ctx, account)
		if err != nil {
			n.Log(err)
			return false
		}
		cmd.Env = append(cmd.Env, "KUBECONFIG="+config)
	}
	cmd.Stdout, cmd.Stderr = &n.said, &n.said
	return cmd.Run() == nil
}

// proxy leads requests to Services on to where those are.
func (n *node) proxy() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(n, err)
	lead := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		_, port, _ := net.SplitHostPort(r.In.URL.Host)
		r.Out.URL.Scheme, r.Out.URL.Host = "http", n.services[port]
	}}
	go func() { _ = http.Serve(listener, lead) }()
	return listener
}

// manager is the pod of the operator's Deployment, as a process.
type manager struct {
	*node
	log  logBuffer
	stop func()
	// ended brings how it ended by itself.
	ended chan error
}

// start runs the container of a Deployment as the chart describes it: its flags, its
// variables and its identity. Only what cannot be here is another: folders and ports.
func (n *node) start(name string) *manager {
	n.Helper()
	var d appsv1.Deployment
	raw := n.kubectl("", "get", "deployment", name, "--namespace", namespace, "--output=yaml")
	must(n, runtime.DefaultUnstructuredConverter.FromUnstructured(parse(n, []byte(raw))[0].Object, &d))
	config, err := n.kubeconfigOf(n.Context(), d.Spec.Template.Spec.ServiceAccountName)
	must(n, err)
	m := &manager{node: n}
	container := d.Spec.Template.Spec.Containers[0]
	cmd := exec.Command(operator, n.local(container.Args)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+config)
	for _, v := range container.Env {
		if v.ValueFrom != nil {
			v.Value = namespace // the only field of the pod that is asked for
		}
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	cmd.Stdout, cmd.Stderr = &m.log, &m.log
	must(n, cmd.Start())
	m.ended = make(chan error, 1)
	go func() { m.ended <- cmd.Wait() }()
	m.stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended
		select {
		case <-m.ended:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			<-m.ended
			n.Error("the manager did not end within a minute of being asked to")
		}
		m.stop = func() {}
	}
	n.Cleanup(func() {
		m.stop()
		if n.Failed() {
			n.Logf("the manager's log:\n%s", m.log.String())
		}
	})
	n.eventually("the manager is ready", func() bool {
		answer, err := http.Get("http://" + n.services["8081"] + "/readyz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return m
}

// lacksNothing fails the test when the manager says that the chart gives it less
// than it needs. Tools are the image's business.
func (m *manager) lacksNothing() {
	m.Helper()
	for line := range strings.Lines(m.log.String()) {
		if !strings.Contains(line, `"msg":"missing"`) && !strings.Contains(line, "forbidden") {
			continue
		}
		for _, what := range []string{"right to", "Role", "Definition", "forbidden"} {
			if strings.Contains(line, what) {
				m.Errorf("the operator lacks something: %s", line)
				break
			}
		}
	}
}

// local leads flags of a container to this machine.
func (n *node) local(args []string) []string {
	dir, local := n.TempDir(), make([]string, 0, len(args))
	must(n, os.WriteFile(filepath.Join(dir, "defaults.yaml"), []byte("{}"), 0o600))
	for _, arg := range args {
		flag, value, _ := strings.Cut(arg, "=")
		switch flag {
		case "--data-dir":
			arg = flag + "=" + filepath.Join(dir, "data")
		case "--runner-defaults-file":
			arg = flag + "=" + filepath.Join(dir, "defaults.yaml")
		case "--metrics-bind-address", "--health-probe-bind-address":
			address := freeAddress(n)
			n.services[strings.TrimPrefix(value, ":")], arg = address, flag+"="+address
		}
		local = append(local, arg)
	}
	return local
}

func freeAddress(n *node) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(n, err)
	must(n, listener.Close())
	return listener.Addr().String()
}
