package monitoring_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/receiver"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var stackLabels = []string{"namespace", "resource_name", "aws_region", "stack_name"}

// exporter serves the metrics of docs/reference/metrics.md as an operator with
// two busy stacks would. Each scrape finds that something has happened.
type exporter struct {
	registry *prometheus.Registry
	steps    []func()
}

// serve returns host:port of an exporter that runs until the test ends.
func serve(t *testing.T) string {
	e := &exporter{registry: prometheus.NewRegistry()}
	e.stacks()
	e.runtime()
	handler := promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, step := range e.steps {
			step()
		}
		handler.ServeHTTP(w, r)
	}))
	var err error
	if server.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// each calls f for both stacks, with the values of more labels in front.
func (e *exporter) each(f func(labels prometheus.Labels)) {
	for _, l := range []prometheus.Labels{
		{"namespace": "production", "resource_name": "web", "aws_region": "eu-west-1", "stack_name": "Web"},
		{"namespace": "staging", "resource_name": "api", "aws_region": "us-east-1", "stack_name": "Api"},
	} {
		f(l)
	}
}

func (e *exporter) gauge(name string, value float64, more ...string) {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: name}, append(names(more), stackLabels...))
	e.registry.MustRegister(g)
	e.each(func(l prometheus.Labels) { g.MustCurryWith(l).WithLabelValues(values(more)...).Set(value) })
}

func (e *exporter) counter(name string, more ...[]string) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: name}, append(names(first(more)), stackLabels...))
	e.registry.MustRegister(c)
	e.steps = append(e.steps, func() {
		e.each(func(l prometheus.Labels) {
			for _, m := range orNone(more) {
				c.MustCurryWith(l).WithLabelValues(values(m)...).Inc()
			}
		})
	})
}

func (e *exporter) histogram(name string, more ...[]string) {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: name, Buckets: prometheus.ExponentialBuckets(0.5, 2, 14)},
		append(names(first(more)), stackLabels...))
	e.registry.MustRegister(h)
	e.steps = append(e.steps, func() {
		e.each(func(l prometheus.Labels) {
			for i, m := range orNone(more) {
				h.MustCurryWith(l).WithLabelValues(values(m)...).Observe(float64(3 * (i + 1)))
			}
		})
	})
}

// stacks are the metrics that have the four labels of a stack.
func (e *exporter) stacks() {
	e.gauge("cdktsstack_ready", 1)
	e.gauge("cdktsstack_stalled", 0)
	e.gauge("cdktsstack_drift_status", 0)
	e.gauge("cdktsstack_drift_unknown", 0)
	e.gauge("cdktsstack_git_sync_pending", 0)
	e.gauge("drift_detection_frequency", 6)
	e.gauge("health_check_response_time_ms", 120)
	e.gauge("security_compliance_score", 95)
	e.gauge("cdktsstack_hook_value", 30, "name", "certificate_days_left")
	e.gauge("cdktsstack_gate_waiting", 0, "gate", "window")
	e.gauge("cdktsstack_check_healthy", 1, "check", "site")
	e.gauge("cdktsstack_check_response_time_ms", 120, "check", "site", "quantile", "0.5")
	e.gauge("cdktsstack_drift_ignored", 2)
	e.gauge("cdktsstack_drifted_resources", 0, "severity", "High")
	e.gauge("cdktsstack_rollout_paused", 0, "service", "Service")
	e.counter("cdktsstack_rollbacks_total", []string{"cause", "Unhealthy", "outcome", "RolledBack"})
	e.counter("cdktsstack_passes_total")
	e.counter("cdktsstack_drift_checks_total")
	e.counter("cdktsstack_drifts_detected_total")
	e.counter("cdktsstack_git_changes_detected_total")
	e.counter("cdktsstack_hooks_total",
		[]string{"hook", "beforeDeploy", "outcome", "Succeeded"}, []string{"hook", "afterDeploy", "outcome", "Succeeded"}, []string{"hook", "afterDriftDetection", "outcome", "Failed"})
	e.histogram("cdktsstack_hook_duration_seconds", []string{"hook", "beforeDeploy"}, []string{"hook", "afterDeploy"})
	e.histogram("deployment_duration_seconds", []string{"outcome", "Succeeded"}, []string{"outcome", "Unchanged"}, []string{"outcome", "Superseded"})
	e.histogram("cdktsstack_run_step_duration_seconds",
		[]string{"step", "Cloning"}, []string{"step", "Installing"}, []string{"step", "Synthesizing"}, []string{"step", "Publishing"}, []string{"step", "beforeDeploy"})
	e.histogram("cdktsstack_step_duration_seconds",
		[]string{"step", "RunningBeforeHook"}, []string{"step", "Building"}, []string{"step", "Planning"}, []string{"step", "Executing"}, []string{"step", "RunningAfterHook"}, []string{"step", "Detecting"})
}

// runtime are the receiver's metrics, which are the real ones, and those of
// controller-runtime, client-go and the process.
func (e *exporter) runtime() {
	receiver.NewMetrics(e.registry, "")
	e.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name string, labels prometheus.Labels) {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: name, ConstLabels: labels})
		e.registry.MustRegister(c)
		e.steps = append(e.steps, c.Inc)
	}
	histogram := func(name string, labels prometheus.Labels) {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: name, ConstLabels: labels})
		e.registry.MustRegister(h)
		e.steps = append(e.steps, func() { h.Observe(0.01) })
	}
	controller := prometheus.Labels{"controller": "cdktsstack"}
	queue := prometheus.Labels{"controller": "cdktsstack", "name": "cdktsstack"}
	counter("controller_runtime_reconcile_total", prometheus.Labels{"controller": "cdktsstack", "result": "requeue_after"})
	counter("controller_runtime_reconcile_errors_total", controller)
	histogram("controller_runtime_reconcile_time_seconds", controller)
	histogram("workqueue_queue_duration_seconds", queue)
	counter("rest_client_requests_total", prometheus.Labels{"code": "200", "method": "GET", "host": "10.0.0.1"})
	e.registry.MustRegister(
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "workqueue_depth", Help: "depth", ConstLabels: queue}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "controller_runtime_active_workers", Help: "workers", ConstLabels: controller}),
	)
}

// names and values take a list of name, value, name, value … apart.
func names(pairs []string) []string  { return every2nd(pairs, 0) }
func values(pairs []string) []string { return every2nd(pairs, 1) }

func every2nd(pairs []string, from int) []string {
	var out []string
	for i := from; i < len(pairs); i += 2 {
		out = append(out, pairs[i])
	}
	return out
}

func first(lists [][]string) []string { return orNone(lists)[0] }

func orNone(lists [][]string) [][]string {
	if len(lists) == 0 {
		return [][]string{nil}
	}
	return lists
}
