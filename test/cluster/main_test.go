// Package cluster proves that the operator works where its users have it: on a cluster, with every part
// of Kubernetes real, the operator installed with Helm and every build in a pod. `make e2e-cluster` runs
// it; docs/development.md says what that needs. Without it every test here is skipped.
package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"awscdk.dev/operator/test/cluster/enclave"
	"awscdk.dev/operator/test/cluster/kube"
	"awscdk.dev/operator/test/cluster/npmcache"
)

// What hack/e2e-cluster tells the tests.
const (
	// binaries names the folder of Kubernetes' programs.
	binaries = "E2E_CLUSTER_BINARIES"
	// npmRegistry is the address of an npm registry, npmFolder a folder for what it has.
	npmRegistry = "E2E_CLUSTER_NPM"
	npmFolder   = "E2E_CLUSTER_NPM_CACHE"
	// images names a folder of archives with our images.
	images = "E2E_CLUSTER_IMAGES"
	// logs names a folder for what the cluster's parts say.
	logs = "E2E_CLUSTER_LOGS"
)

// The images that are tried.
const (
	managerRepository = "ghcr.io/awscdk-operator/awscdk-operator"
	runnerRepository  = "ghcr.io/awscdk-operator/awscdk-operator-runner"
	imageTag          = "e2e"
	runnerImage       = runnerRepository + ":" + imageTag
)

// npmSocket is where the enclave finds the npm registry, npmPort where pods do.
const (
	npmSocket = "npm.sock"
	npmPort   = "4873"
)

// cluster is the one that all tests share.
var cluster *kube.Cluster

func TestMain(m *testing.M) {
	if os.Getenv(binaries) == "" {
		os.Exit(m.Run())
	}
	os.Exit(enclave.Main(outside, func() int { return within(m) }))
}

// outside serves packages of npm: of all that the tests need, they alone are not on this machine.
func outside(dir string) (func(), error) {
	listener, err := enclave.Listen(dir, npmSocket)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: npmcache.New(os.Getenv(npmRegistry), os.Getenv(npmFolder)), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	stop := func() { _ = server.Close() }
	if os.Getenv(keep) == "" {
		return stop, nil
	}
	shut, err := openAPI(dir)
	return func() { stop(); shut() }, err
}

// within starts the cluster and runs the tests.
func within(m *testing.M) int {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var err error
	cluster, err = kube.Start(ctx, kube.Options{
		Dir: filepath.Join(enclave.Dir(), "cluster"), Binaries: os.Getenv(binaries),
		Pause: filepath.Join(os.Getenv(binaries), "pause"), Progress: os.Stderr,
	})
	defer keepLogs()
	if err == nil {
		err = enclave.Relay(npmPort, npmSocket)
	}
	if err == nil {
		err = importImages(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintf(os.Stderr, "%6.1f s  a cluster is up\n", time.Since(began).Seconds())
	code := m.Run()
	if os.Getenv(keep) != "" {
		if err := stay(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return code
}

func needsCluster(t *testing.T) {
	t.Helper()
	if os.Getenv(binaries) == "" {
		t.Skip("needs a cluster: make e2e-cluster")
	}
}

// importImages gives the node our images.
func importImages(ctx context.Context) error {
	began := time.Now()
	archives, err := filepath.Glob(filepath.Join(os.Getenv(images), "*.tar"))
	if err != nil {
		return err
	}
	for _, path := range archives {
		archive, err := os.Open(path)
		if err != nil {
			return err
		}
		err = cluster.Import(ctx, archive)
		_ = archive.Close()
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%6.1f s  our images are on the node\n", time.Since(began).Seconds())
	return nil
}

// keepLogs copies what the cluster's parts said to where it is there afterwards.
func keepLogs() {
	folder := os.Getenv(logs)
	if folder == "" {
		return
	}
	err := os.RemoveAll(folder)
	if err == nil {
		err = os.CopyFS(folder, os.DirFS(cluster.Logs()))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "keep the logs:", err)
	}
}
