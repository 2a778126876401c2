package controlplane

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/ttlafterfinished"
)

const (
	// workers is how many objects each controller handles at once: plenty for a demo.
	workers = 2
	// gcSync is how often the garbage collector learns of new resource types. Upstream's 30 s would
	// make the first objects of a new CRD wait that long for their owner's deletion.
	gcSync = 2 * time.Second
	// namespaceResync is upstream's default.
	namespaceResync = 5 * time.Minute
)

// controllers collects the loops to run; each is one upstream controller.
type controllers struct {
	config    *rest.Config
	client    kubernetes.Interface
	metadata  metadata.Interface
	informers informers.SharedInformerFactory
	loops     []func(context.Context)
}

// startControllers runs the controllers until stop is called, and returns when their informers
// have seen every object.
func startControllers(ctx context.Context, config *rest.Config) (stop func(context.Context) error, err error) {
	config = rest.AddUserAgent(rest.CopyConfig(config), "controllers")
	// Namespace deletion lists every resource type; client-side limits would only slow it down.
	config.QPS = -1
	c := &controllers{config: config}
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.metadata, err = metadata.NewForConfig(config); err != nil {
		return nil, err
	}
	c.informers = informers.NewSharedInformerFactory(c.client, 0)

	runCtx, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), klog.Background()))
	informersStarted := make(chan struct{})
	if err := c.add(runCtx, informersStarted); err != nil {
		cancel()
		return nil, err
	}
	c.informers.Start(runCtx.Done())
	close(informersStarted)
	stop = c.run(runCtx, cancel)
	for kind, synced := range c.informers.WaitForCacheSync(ctx.Done()) {
		if !synced {
			_ = stop(ctx)
			return nil, fmt.Errorf("list %s: %w", kind, ctx.Err())
		}
	}
	return stop, nil
}

// run starts every loop and returns the function that ends them and waits.
func (c *controllers) run(ctx context.Context, cancel context.CancelFunc) func(context.Context) error {
	var running sync.WaitGroup
	for _, loop := range c.loops {
		running.Go(func() { loop(ctx) })
	}
	ended := make(chan struct{})
	go func() {
		running.Wait()
		c.informers.Shutdown()
		close(ended)
	}()
	return func(ctx context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("stop controllers: %w", ctx.Err())
		}
	}
}

func (c *controllers) add(ctx context.Context, informersStarted <-chan struct{}) error {
	jobs, err := job.NewController(ctx, c.client, c.informers.Core().V1().Pods(), c.informers.Batch().V1().Jobs(), nil, nil)
	if err != nil {
		return fmt.Errorf("job: %w", err)
	}
	accounts, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), c.informers.Core().V1().ServiceAccounts(),
		c.informers.Core().V1().Namespaces(), c.client, serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return fmt.Errorf("service account: %w", err)
	}
	namespaces := namespace.NewNamespaceController(ctx, c.client, c.metadata, c.client.Discovery().ServerPreferredNamespacedResources,
		c.informers.Core().V1().Namespaces(), namespaceResync, corev1.FinalizerKubernetes)
	ttl := ttlafterfinished.New(ctx, c.informers.Batch().V1().Jobs(), c.client)
	c.loops = append(c.loops,
		func(ctx context.Context) { jobs.Run(ctx, workers) },
		func(ctx context.Context) { accounts.Run(ctx, workers) },
		func(ctx context.Context) { namespaces.Run(ctx, workers) },
		func(ctx context.Context) { ttl.Run(ctx, workers) },
	)
	return c.addGarbageCollector(ctx, informersStarted)
}

func (c *controllers) addGarbageCollector(ctx context.Context, informersStarted <-chan struct{}) error {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.client.Discovery()))
	all := informerfactory.NewInformerFactory(c.informers, metadatainformer.NewSharedInformerFactory(c.metadata, 0))
	collector, err := garbagecollector.NewGarbageCollector(ctx, c.client, c.metadata, mapper,
		garbagecollector.DefaultIgnoredResources(), all, informersStarted)
	if err != nil {
		return fmt.Errorf("garbage collection: %w", err)
	}
	c.loops = append(c.loops,
		func(ctx context.Context) { collector.Run(ctx, workers, gcSync) },
		func(ctx context.Context) { collector.Sync(ctx, c.client.Discovery(), gcSync) },
	)
	return nil
}
