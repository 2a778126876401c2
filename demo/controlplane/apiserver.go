package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// apiServer is one run of kube-apiserver in this process.
type apiServer struct {
	url    string
	caFile string
	cancel context.CancelFunc
	done   chan struct{}
}

// startAPIServer starts kube-apiserver on a free loopback port. It returns before the server is
// ready; ended is called with the reason if it ends without being stopped.
func startAPIServer(ctx context.Context, id *identity, etcdAddress string, ended func(error)) (*apiServer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	// The server outlives the start, so its context is not the caller's.
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	// Given back when the server ends: a name that the process still holds would refuse a restart.
	informers, err := cache.NewInformerName("kube-apiserver")
	if err != nil {
		cancel()
		return nil, errors.Join(err, listener.Close())
	}
	options, err := apiServerOptions(runCtx, id, etcdAddress, listener, informers)
	if err != nil {
		cancel()
		informers.Release()
		return nil, errors.Join(err, listener.Close())
	}
	server := &apiServer{
		url:    "https://" + listener.Addr().String(),
		caFile: filepath.Join(id.dir, "apiserver.crt"),
		cancel: cancel,
		done:   make(chan struct{}),
	}
	go func() {
		defer close(server.done)
		defer informers.Release()
		// Not the cobra command: that one installs a signal handler which can exist only once.
		err := app.Run(runCtx, options)
		if runCtx.Err() == nil {
			ended(fmt.Errorf("the API server ended: %w", err))
		}
	}()
	return server, nil
}

func apiServerOptions(ctx context.Context, id *identity, etcdAddress string, listener net.Listener, informers *cache.InformerName) (apiserveroptions.CompletedOptions, error) {
	var none apiserveroptions.CompletedOptions
	options := apiserveroptions.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range options.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(apiServerFlags(id, etcdAddress)); err != nil {
		return none, fmt.Errorf("parse flags: %w", err)
	}
	options.InformerName = informers
	options.SecureServing.Listener = listener
	options.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	options.SecureServing.ExternalAddress = net.IPv4(127, 0, 0, 1)

	if err := options.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return none, fmt.Errorf("set feature gates: %w", err)
	}
	completed, err := options.Complete(ctx)
	if err != nil {
		return none, fmt.Errorf("complete options: %w", err)
	}
	return completed, errors.Join(completed.Validate()...)
}

func apiServerFlags(id *identity, etcdAddress string) []string {
	return []string{
		"--bind-address=127.0.0.1",
		"--cert-dir=" + id.dir,
		"--etcd-servers=" + etcdAddress,
		"--token-auth-file=" + id.tokenFile,
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + id.serviceAccountKey,
		"--service-account-signing-key-file=" + id.serviceAccountKey,
		"--service-cluster-ip-range=10.96.0.0/16",
		// Nothing routes to the service address, and a loopback address may not be an endpoint.
		"--endpoint-reconciler-type=none",
		// One user, one machine: fairness between clients only costs memory and start-up time.
		"--enable-priority-and-fairness=false",
		"--v=0",
	}
}

// waitReady returns nil once /readyz answers, and the reason when the server ends instead.
func (s *apiServer) waitReady(ctx context.Context, config *rest.Config, failed <-chan error) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ready := func(ctx context.Context) (bool, error) {
		select {
		case err := <-failed:
			return false, err
		default:
		}
		var status int
		client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status)
		return status == http.StatusOK, nil
	}
	return wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, ready)
}

// writeKubeconfig writes a kubeconfig file that only its owner can read.
func (s *apiServer) writeKubeconfig(path, token string) error {
	ca, err := os.ReadFile(s.caFile)
	if err != nil {
		return fmt.Errorf("read the server's certificate: %w", err)
	}
	const name = "awscdk-operator-demo"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: s.url, CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: "default"}
	config.CurrentContext = name
	return clientcmd.WriteToFile(*config, path)
}

// stop ends the server gracefully and waits for it.
func (s *apiServer) stop(ctx context.Context) error {
	s.cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the API server: %w", ctx.Err())
	}
}
