package controller

import (
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// DefaultPrefix leads the names of the metrics of the earlier operator.
const DefaultPrefix = "cdktsstack"

var labels = []string{"namespace", "resource_name", "aws_region", "stack_name"}

// Metrics are the numbers that users' dashboards and alerts are made of. Every
// one carries the labels namespace, resource_name, aws_region and stack_name.
type Metrics struct {
	driftChecks, driftsDetected, gitChanges *prometheus.CounterVec
	driftStatus, gitPending, ready          *prometheus.GaugeVec
	deployments                             *prometheus.HistogramVec
	steps                                   *prometheus.HistogramVec

	mu     sync.Mutex
	series map[types.NamespacedName]prometheus.Labels
}

// NewMetrics registers the metrics; prefix is METRICS_PREFIX, "" for the
// default one.
func NewMetrics(registry prometheus.Registerer, prefix string) *Metrics {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: prefix, Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: prefix, Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, more ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.5, 2, 14)}, append(more, labels...))
	}
	m := &Metrics{
		driftChecks:    counter("drift_checks_total", "Drift checks that ended, well or not."),
		driftStatus:    gauge("drift_status", "1 when the last drift check found drift, else 0."),
		driftsDetected: counter("drifts_detected_total", "Drift checks that found drift."),
		gitPending:     gauge("git_sync_pending", "1 when a commit was seen and not deployed, else 0."),
		gitChanges:     counter("git_changes_detected_total", "New commits that were seen."),
		ready:          gauge("ready", "1 when the stack is deployed as its spec says, else 0."),
		deployments:    histogram("deployment_duration_seconds", "Deployments from their start to their end, by outcome.", "outcome"),
		steps:          histogram(prefix+"_run_step_duration_seconds", "Steps of runs: Cloning, Installing, Synthesizing, Publishing.", "step"),
		series:         map[types.NamespacedName]prometheus.Labels{},
	}
	registry.MustRegister(m.driftChecks, m.driftStatus, m.driftsDetected, m.gitPending, m.gitChanges, m.ready, m.deployments, m.steps)
	return m
}

// record counts what changed between two saved states. The series of an
// object are there from its first pass on, at 0, so that rates and alerts
// work from the first event.
func (m *Metrics) record(before, after *v1alpha1.CdkTsStack, seen decide.Observed) {
	l := m.labelsOf(after)
	st := &after.Status
	m.driftStatus.With(l).Set(number(st.DriftDetected))
	m.gitPending.With(l).Set(number(st.Source != nil && st.Source.PendingRevision != ""))
	m.ready.With(l).Set(number(isReady(st)))
	m.driftChecks.With(l).Add(number(checkEnded(before, after)))
	m.driftsDetected.With(l).Add(number(checkEnded(before, after) && st.DriftDetected && st.Drift.Error == ""))
	m.gitChanges.With(l).Add(number(revisionMoved(before, after)))
	for _, e := range newEntries(before, after) {
		if e.Kind == v1alpha1.OperationDeploy {
			m.deployments.MustCurryWith(l).WithLabelValues(string(e.Outcome)).Observe(e.EndedAt.Sub(e.StartedAt.Time).Seconds())
		}
	}
	m.recordRun(l, before, after, seen)
}

// recordRun notes how long the steps of a run took, once, when its result is
// taken.
func (m *Metrics) recordRun(l prometheus.Labels, before, after *v1alpha1.CdkTsStack, seen decide.Observed) {
	was, is := before.Status.Operation, after.Status.Operation
	if was == nil || was.Step != v1alpha1.StepBuilding || seen.Run.Result == nil {
		return
	}
	if is != nil && is.ID == was.ID && is.Step == was.Step {
		return
	}
	for _, step := range seen.Run.Result.Steps {
		m.steps.MustCurryWith(l).WithLabelValues(step.Name).Observe(step.Duration.Seconds())
	}
}

// labelsOf gives the object's labels, and drops its old series when they
// changed: a name that is created again may be another stack.
func (m *Metrics) labelsOf(obj *v1alpha1.CdkTsStack) prometheus.Labels {
	name := types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name}
	l := prometheus.Labels{
		"namespace":     obj.Namespace,
		"resource_name": obj.Name,
		"aws_region":    obj.Spec.AWSRegion,
		"stack_name":    obj.Spec.StackName,
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.series[name]; old != nil && (old["stack_name"] != l["stack_name"] || old["aws_region"] != l["aws_region"]) {
		m.drop(name)
	}
	m.series[name] = l
	return l
}

// forget drops the series of an object that is gone.
func (m *Metrics) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.series[name] != nil {
		m.drop(name)
		delete(m.series, name)
	}
}

// drop deletes the series of an object. The caller holds mu.
func (m *Metrics) drop(name types.NamespacedName) {
	match := prometheus.Labels{"namespace": name.Namespace, "resource_name": name.Name}
	for _, v := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.driftChecks, m.driftStatus, m.driftsDetected, m.gitPending, m.gitChanges, m.ready, m.deployments, m.steps} {
		v.DeletePartialMatch(match)
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
