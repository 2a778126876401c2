package job_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/executor/job"
	"awscdk.dev/operator/internal/executor/job/jobtest"
)

// apiServer is the one control plane of this package's tests.
var apiServer *rest.Config

func TestMain(m *testing.M) {
	executortest.Main(time.Now)
	ctrl.SetLogger(logr.Discard())
	os.Exit(tests(m))
}

func tests(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or KUBEBUILDER_ASSETS=$(hack/envtest-assets) go test …")
		return 1
	}
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "..", "config", "crd")}, ErrorIfCRDPathMissing: true}
	env.ControlPlane.GetAPIServer().Configure().Disable("disable-admission-plugins") // it would switch that of service accounts off
	config, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		return 1
	}
	defer func() { _ = env.Stop() }()
	config.QPS = -1
	apiServer = config
	return m.Run()
}

var namespaces atomic.Int64

// world is a namespace of its own with a node, and an executor for it.
type world struct {
	testing.TB
	namespace string
	node      *jobtest.Node
	client    client.Client
	*job.Executor
}

// newWorld makes one; change, if any, changes the options of the executor.
func newWorld(t testing.TB, o jobtest.Options, change ...func(*job.Options)) *world {
	t.Helper()
	w := &world{TB: t, namespace: fmt.Sprintf("runs-%d", namespaces.Add(1))}
	c, err := client.New(apiServer, client.Options{Scheme: jobtest.Scheme()})
	w.must(err)
	w.client = c
	w.must(c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	w.must(c.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "default"}}))
	o.Namespace = w.namespace
	w.node = jobtest.Start(t, apiServer, o)
	w.Executor = w.executor(change...)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// executor makes one more executor for the namespace, as another manager has it.
func (w *world) executor(change ...func(*job.Options)) *job.Executor {
	w.Helper()
	held, err := cache.New(apiServer, cache.Options{
		Scheme: jobtest.Scheme(), ByObject: job.CacheObjects(), DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
	})
	w.must(err)
	live, err := client.New(apiServer, client.Options{Scheme: jobtest.Scheme()})
	w.must(err)
	options := job.Options{
		Client: live, Live: live, Cache: held, Namespaces: []string{w.namespace}, Image: "runner:test", Now: time.Now,
	}
	for _, c := range change {
		c(&options)
	}
	e, err := job.New(options)
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = held.Start(ctx) }()
	w.Cleanup(func() { _ = e.Close(); cancel(); <-ended })
	if !held.WaitForCacheSync(w.Context()) {
		w.Fatal("the cache is not filled")
	}
	return e
}

// processes is a node that carries containers out with this test binary.
func processes(t testing.TB) jobtest.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return jobtest.Options{Command: []string{self}, Environ: []string{"PATH=" + os.Getenv("PATH")}, Grace: 2 * time.Second}
}

func TestJobsKeepTheContract(t *testing.T) {
	executortest.RunContract(t, func(t *testing.T) executor.Executor {
		w := newWorld(t, processes(t))
		return executortest.For(w.Executor, w.namespace, "app", "u1")
	})
}

// letGo makes the file that a script waits for.
func letGo(path string) error { return os.WriteFile(path, nil, 0o600) }
