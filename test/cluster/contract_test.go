package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/executor/job"
	"awscdk.dev/operator/internal/executor/job/jobtest"
	"awscdk.dev/operator/test/cluster/kube"
	"awscdk.dev/operator/test/e2e/rig"
)

// scriptedImage holds the program that carries out the scripts of executortest.
const scriptedImage = "e2e.awscdk.dev/scripted:1"

// contract checks on real pods what every executor promises. No operator is installed yet: it would take
// these runs for its own.
func (w *world) contract() {
	w.kubectl("apply", "--server-side", "-f", filepath.Join(rig.Root(w.T), "config", "crd"))
	// Right after the definition was made, its conditions are null, which `kubectl wait` takes for an error.
	w.eventually("CdkTsStacks are served", func(context.Context) bool {
		_, err := w.Kubectl(w.T, "get", "cdktsstacks", "--all-namespaces")
		return err == nil
	})
	program, err := os.ReadFile(filepath.Join(os.Getenv(binaries), "scripted"))
	if err != nil {
		w.Fatal(err)
	}
	archive, err := kube.Archive(scriptedImage, map[string][]byte{job.Program[1:]: program}, job.Program)
	if err != nil {
		w.Fatal(err)
	}
	if err := cluster.Import(w.Context(), bytes.NewReader(archive)); err != nil {
		w.Fatal(err)
	}
	n := 0
	executortest.RunContract(w.T, func(t *testing.T) executor.Executor {
		n++
		return w.in(t).executor(fmt.Sprint("contract-", n))
	})
}

// executor makes one for a namespace of its own, with an object that the runs are of.
func (w *world) executor(namespace string) executor.Executor {
	w.Helper()
	w.namespace(namespace)
	w.Cleanup(func() {
		_, _ = w.output(context.Background(), "delete", "namespace", namespace, "--wait=false")
	})
	object := rig.Stack(namespace, "app", "App", "https://git.example/app.git", ".")
	w.Create(w.T, object)
	held, err := cache.New(cluster.Config, cache.Options{
		Scheme: jobtest.Scheme(), ByObject: job.CacheObjects(), DefaultNamespaces: map[string]cache.Config{namespace: {}},
	})
	if err != nil {
		w.Fatal(err)
	}
	live, err := client.New(cluster.Config, client.Options{Scheme: jobtest.Scheme()})
	if err != nil {
		w.Fatal(err)
	}
	e, err := job.New(job.Options{
		Client: live, Live: live, Cache: held, Namespaces: []string{namespace}, Image: scriptedImage, PullPolicy: "Never", Now: time.Now,
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = held.Start(ctx) }()
	w.Cleanup(func() { _ = e.Close(); cancel(); <-ended })
	if !held.WaitForCacheSync(w.Context()) {
		w.Fatal("the cache is not filled")
	}
	return executortest.For(e, namespace, object.Name, string(object.UID))
}
