package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"awscdk.dev/operator/internal/causes"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/httpcheck"
	"awscdk.dev/operator/internal/preflight"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/report"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// collectAt is how much garbage there may be, in per cent of what is in use, before
// it is collected. Nearly all that is in use are the objects, of which few change
// at a time, so that to collect twice as often as Go does by itself costs little
// and saves a quarter of the memory.
const collectAt = 50

// runManager watches CdkTsStacks and deploys them until it is told to stop.
func runManager(_ context.Context, args []string) error {
	s, err := parseSettings(args, os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	log := newLog(s.debug)
	// What runs start has our user id, and must not read every stack's secrets
	// from our memory.
	if err := proc.Hide(); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the Kubernetes API server: %w", err)
	}
	config.QPS, config.Burst = -1, 0 // the API server's own fairness decides
	ctx, again := context.WithCancel(ctrl.SetupSignalHandler())
	defer again()
	asked := list(s.watch)
	found, err := watched(ctx, config, asked, log, again)
	if err != nil {
		return err
	}
	s.watch = strings.Join(found, ",")
	mgr, err := newManager(config, s)
	if err != nil {
		return err
	}
	log.Info("starting", "version", versionString(), "data", s.data)
	needs, err := checkAround(ctx, mgr, preflight.Options{Namespaces: asked, Own: s.leaderNamespace, Now: time.Now, Log: log, LookPath: s.runs.lookPath()})
	if err != nil {
		return err
	}
	r, stop, err := wire(mgr, s, needs, log)
	if err != nil {
		return err
	}
	defer stop()
	go needs.Watch(ctx, r.PreflightChanged)
	return mgr.Start(ctx)
}

// newLog writes structured lines to standard error, and has every library
// write there too.
func newLog(debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})
	ctrl.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler))
	return slog.New(handler)
}

func newManager(config *rest.Config, s settings) (ctrl.Manager, error) {
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: controller.Scheme(),
		Cache:  cache.Options{DefaultTransform: cache.TransformStripManagedFields(), DefaultNamespaces: s.namespaces(), ByObject: s.cached()},
		Metrics: metricsserver.Options{
			BindAddress:   s.metricsAddr,
			ExtraHandlers: map[string]http.Handler{"/metrics/hooks": promhttp.HandlerFor(ctrlmetrics.Registry, promhttp.HandlerOpts{})},
		},
		PprofBindAddress:              s.profileAddr,
		LeaderElection:                s.leaderElect,
		LeaderElectionID:              s.lease(),
		LeaderElectionLabels:          preflight.Watches(list(s.watch)),
		LeaderElectionNamespace:       s.leaderNamespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return mgr, nil
}

// wire introduces the parts to one another; stop closes them.
func wire(mgr ctrl.Manager, s settings, needs *preflight.Preflight, log *slog.Logger) (r *controller.Reconciler, stop func(), err error) {
	gitDefaults, err := s.gitDefaults(mgr.GetAPIReader())
	if err != nil {
		return nil, nil, err
	}
	apiServer, err := kubernetes(mgr.GetConfig())
	if err != nil {
		return nil, nil, err
	}
	hooks, hookSecrets := hookEnv(os.Environ())
	// News may come before there is anybody to tell: runs that are taken over
	// speak at once. The first pass over each object hears of them anyway.
	var listener atomic.Pointer[controller.Reconciler]
	tell := func(news func(*controller.Reconciler)) {
		if r := listener.Load(); r != nil {
			news(r)
		}
	}
	changed := func(k git.Key) { tell(func(r *controller.Reconciler) { r.HeadChanged(k) }) }
	heads := git.NewHeads(git.HeadsOptions{Now: time.Now, Changed: changed})
	asking := newAsking(s, func(names []types.NamespacedName) {
		tell(func(r *controller.Reconciler) { r.EndpointsAnswered(names) })
	})
	runs, err := newExecutor(mgr, s, func(name string) {
		tell(func(r *controller.Reconciler) { r.RunChanged(name) })
	})
	if err != nil {
		heads.Close()
		asking.close()
		return nil, nil, err
	}
	r = controller.New(controller.Options{
		Client:          mgr.GetClient(),
		Live:            mgr.GetAPIReader(),
		Recorder:        mgr.GetEventRecorder("awscdk-operator"),
		Executor:        runs,
		Heads:           heads,
		Endpoints:       asking.endpoints,
		HTTP:            asking.client,
		Probes:          asking.probes,
		AWS:             cloudformation.NewClients(cloudformation.Options{Now: time.Now, Log: log}),
		Causes:          causes.New(causes.Options{Now: time.Now, Log: log}),
		Metrics:         report.NewMetrics(ctrlmetrics.Registry, s.metricsPrefix, time.Now),
		Settings:        s.decide,
		Now:             time.Now,
		Log:             log,
		Account:         s.account,
		GitDefaults:     gitDefaults,
		OwnIdentity:     s.identity,
		PolicyNamespace: s.policyNamespace(),
		BuiltInPolicies: s.builtInPolicies,
		RunsApart:       s.runs.executor == executorJob && s.runs.defaults.ServiceAccountName == "",
		HookEnv:         hooks,
		HookSecrets:     hookSecrets,
		Kubernetes:      apiServer,
		Namespaces:      list(s.watch),
		Preflight:       needs,
		Shard:           s.shard,
		OwnRuns:         s.runs.executor == executorLocal,
	})
	listener.Store(r)
	stop = func() { heads.Close(); asking.close(); _ = runs.Close() }
	return r, stop, errors.Join(r.Register(mgr), receiveWebhooks(mgr, r, s, log), serveHealth(mgr, s.healthAddr, needs.Missing))
}

// asking is how endpoints are asked that objects name.
type asking struct {
	client    *httpcheck.Client
	endpoints *httpcheck.Endpoints
	probes    *httpcheck.Probes[decide.Checkup]
}

func newAsking(s settings, changed func([]types.NamespacedName)) asking {
	client := httpcheck.NewClient(httpcheck.Options{Allowed: s.internalChecks, Now: time.Now})
	return asking{
		client:    client,
		endpoints: httpcheck.NewEndpoints(httpcheck.EndpointsOptions{Now: time.Now, Every: decide.FreezeInterval, Changed: changed, Get: client.Get}),
		probes:    httpcheck.NewProbes[decide.Checkup](httpcheck.ProbesOptions{Changed: changed}),
	}
}

func (a asking) close() {
	a.endpoints.Close()
	a.probes.Close()
}

// dataDir is where runs live unless a flag says otherwise.
func dataDir(getenv func(string) string) string {
	if dir := getenv("AWSCDK_OPERATOR_DATA"); dir != "" {
		return dir
	}
	if os.Getuid() == 0 {
		return "/var/lib/awscdk-operator"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "awscdk-operator")
	}
	return filepath.Join(dir, "awscdk-operator")
}
