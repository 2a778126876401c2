// Package controlplane runs a real Kubernetes control plane inside this process: etcd, the
// upstream kube-apiserver and the upstream job, garbage-collection, namespace, service-account and
// ttl-after-finished controllers. It needs no container, no image and no root, and listens on
// loopback only.
//
// There is no scheduler and no kubelet: objects behave as on any cluster, pods stay pending.
// The API server keeps process-wide state (feature gates, logging), so a process runs one control
// plane at a time; starting another after Stop works, on the same data too.
package controlplane

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// readyTimeout bounds the wait for /readyz; a slow two-core machine needs about 3 s of it.
const readyTimeout = 90 * time.Second

// Options say where a control plane keeps its data and writes its logs.
type Options struct {
	// Dir holds etcd's data, keys and the kubeconfig file. It is created when missing; a control
	// plane started on the Dir of an earlier one has the same objects.
	Dir string
	// Log receives what etcd, the API server and the controllers have to say; nil discards it.
	Log io.Writer
}

// ControlPlane is a running control plane. Stop it before the process ends, or the last writes
// may be lost.
type ControlPlane struct {
	kubeconfig string
	config     *rest.Config
	stop       []func(context.Context) error
	failed     chan error
}

// Start runs a control plane and returns once its API answers /readyz and its controllers have
// seen every object. It runs until Stop; the context bounds the start only. When it fails, whatever
// had been started is stopped again.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the control plane's folder: %w", err)
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	if err := logTo(options.Log); err != nil {
		return nil, fmt.Errorf("direct the logs: %w", err)
	}

	plane := &ControlPlane{failed: make(chan error, 1)}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := plane.start(ctx, dir, options.Log); err != nil {
		return nil, errors.Join(err, plane.Stop(context.WithoutCancel(ctx)))
	}
	return plane, nil
}

func (p *ControlPlane) start(ctx context.Context, dir string, log io.Writer) error {
	identity, err := loadIdentity(filepath.Join(dir, "pki"))
	if err != nil {
		return fmt.Errorf("prepare keys: %w", err)
	}
	socket, stopEtcd, err := startEtcd(ctx, filepath.Join(dir, "etcd"), log)
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	p.stop = append(p.stop, stopEtcd)

	server, err := startAPIServer(ctx, identity, socket, p.fail)
	if err != nil {
		return fmt.Errorf("start the API server: %w", err)
	}
	p.stop = append(p.stop, server.stop)

	p.kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := server.writeKubeconfig(p.kubeconfig, identity.token); err != nil {
		return fmt.Errorf("write %s: %w", p.kubeconfig, err)
	}
	if p.config, err = clientcmd.BuildConfigFromFlags("", p.kubeconfig); err != nil {
		return fmt.Errorf("read %s: %w", p.kubeconfig, err)
	}
	if err := server.waitReady(ctx, p.config, p.failed); err != nil {
		return fmt.Errorf("wait for the API server: %w", err)
	}
	stopControllers, err := startControllers(ctx, p.config)
	if err != nil {
		return fmt.Errorf("start controllers: %w", err)
	}
	p.stop = append(p.stop, stopControllers)
	return nil
}

// fail records the error that ended the API server, once.
func (p *ControlPlane) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// Kubeconfig is the path of a kubeconfig file (mode 0600) with the rights of an administrator.
func (p *ControlPlane) Kubeconfig() string { return p.kubeconfig }

// Config returns a client configuration with the rights of an administrator, the caller's to change.
func (p *ControlPlane) Config() *rest.Config { return rest.CopyConfig(p.config) }

// Failed yields the error of an API server that ended without being asked to.
func (p *ControlPlane) Failed() <-chan error { return p.failed }

// Stop ends the controllers, the API server and etcd, in this order, and returns when they are
// gone or the context is over. Calling it again does nothing.
func (p *ControlPlane) Stop(ctx context.Context) error {
	var errs []error
	for len(p.stop) > 0 {
		last := len(p.stop) - 1
		errs = append(errs, p.stop[last](ctx))
		p.stop = p.stop[:last]
	}
	return errors.Join(errs...)
}

// logTo sends what Kubernetes' own code logs to one writer, errors too: by default they would go
// to standard error besides.
func logTo(log io.Writer) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	klog.LogToStderr(false)
	klog.SetOutput(log)
	return flags.Set("stderrthreshold", "FATAL")
}

// privateDir makes a folder that only its owner can enter.
func privateDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return os.Chmod(path, 0o700)
}
