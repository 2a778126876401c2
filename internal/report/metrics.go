package report

import (
	"maps"
	"slices"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// DefaultPrefix leads the names of the metrics of the earlier operator.
const DefaultPrefix = "cdktsstack"

var labels = []string{"namespace", "resource_name", "aws_region", "stack_name"}

// Metrics are the numbers that users' dashboards and alerts are made of. Every
// one carries the labels namespace, resource_name, aws_region and stack_name.
type Metrics struct {
	numbers                                 *numbers
	hooks                                   *prometheus.CounterVec
	healthTime, compliance, hookValue       *prometheus.GaugeVec
	gateWaiting                             *prometheus.GaugeVec
	checkHealthy, checkTime                 *prometheus.GaugeVec
	deployments, runSteps, steps, hookTimes *prometheus.HistogramVec

	now func() time.Time

	mu     sync.Mutex
	series map[types.NamespacedName]prometheus.Labels
	values map[types.NamespacedName]valueNames
}

// NewMetrics registers the metrics; prefix is METRICS_PREFIX, "" for the
// default one, now the clock.
func NewMetrics(registry prometheus.Registerer, prefix string, now func() time.Time) *Metrics {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	histogram := func(name, help string, buckets []float64, more ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, append(more, labels...))
	}
	// Each bucket is a series for each object and each step of it.
	fine, coarse := prometheus.ExponentialBuckets(0.5, 2, 14), prometheus.ExponentialBuckets(0.5, 4, 7)
	m := &Metrics{
		numbers:     newNumbers(prefix, now),
		deployments: histogram("deployment_duration_seconds", "Deployments from their start to their end, by outcome.", fine, "outcome"),
		runSteps:    histogram(prefix+"_run_step_duration_seconds", "Steps of runs: Cloning, Installing, Synthesizing, Publishing, Inspecting and the hooks by name.", coarse, "step"),
		steps:       histogram(prefix+"_step_duration_seconds", "Steps of operations: Building, Planning, Executing, Deleting, Detecting and so on.", coarse, "step"),
		gateWaiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: prefix, Name: "gate_waiting", Help: "1 while a plan waits at the gate, else 0."}, append([]string{"gate"}, labels...)),
		hooks:       prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: prefix, Name: "hooks_total", Help: "Lifecycle hooks that ended, by outcome."}, append([]string{"hook", "outcome"}, labels...)),
		hookTimes:   histogram(prefix+"_hook_duration_seconds", "How long lifecycle hooks ran.", coarse, "hook"),
		hookValue:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: prefix, Name: "hook_value", Help: "Numbers that hooks reported in CDK_METRICS_FILE, by name."}, append([]string{"name"}, labels...)),
		healthTime:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "health_check_response_time_ms", Help: "Response time of the last health check, of the first http check or as a hook reported it, in milliseconds."}, labels),
		compliance:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "security_compliance_score", Help: "Security compliance that a hook reported last, 0 to 100."}, labels),

		checkHealthy: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: prefix, Name: "check_healthy", Help: "1 while the check of spec.verification is healthy, else 0."}, append([]string{"check"}, labels...)),
		checkTime:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: prefix, Name: "check_response_time_ms", Help: "How long the answers of an http check took when it was last healthy or too slow, by quantile, in milliseconds."}, append([]string{"check", "quantile"}, labels...)),

		now:    now,
		series: map[types.NamespacedName]prometheus.Labels{},
		values: map[types.NamespacedName]valueNames{},
	}
	for _, v := range m.vectors() {
		registry.MustRegister(v)
	}
	registry.MustRegister(m.numbers)
	return m
}

// Passed counts a pass over an object. One that makes many is busy with
// something that does not come to an end.
func (m *Metrics) Passed(obj *v1alpha1.CdkTsStack) {
	l := m.labelsOf(obj)
	m.numbers.with(nameOf(obj), l, func(o *ofObject) { o.values[passes]++ })
}

// Record counts what changed between two saved states. The series of an
// object are there from its first pass on, at 0, so that rates and alerts
// work from the first event.
func (m *Metrics) Record(before, after *v1alpha1.CdkTsStack, seen decide.Observed) {
	l := m.labelsOf(after)
	st := &after.Status
	m.numbers.with(nameOf(after), l, func(o *ofObject) {
		o.recorded = true
		o.values[driftStatus] = number(st.DriftDetected)
		o.values[driftUnknown] = number(isDriftUnknown(st))
		o.values[gitPending] = number(st.Source != nil && st.Source.PendingRevision != "")
		o.values[ready] = number(isReady(st))
		o.values[stalled] = number(meta.IsStatusConditionTrue(st.Conditions, v1alpha1.ConditionStalled))
		checked := checkEnded(before, after)
		o.values[driftChecks] += number(checked)
		o.values[driftsDetected] += number(checked && st.DriftDetected && st.Drift.Error == "")
		o.values[gitChanges] += number(revisionMoved(before, after))
		if o.frequent = false; decide.MayCheckDrift(&after.Spec) {
			o.checked(checked, m.now())
		}
	})
	for _, e := range newEntries(before, after) {
		if e.Kind == v1alpha1.OperationDeploy {
			m.deployments.MustCurryWith(l).WithLabelValues(string(e.Outcome)).Observe(e.EndedAt.Sub(e.StartedAt.Time).Seconds())
		}
	}
	m.recordGates(l, before, after)
	m.recordChecks(l, before, after, seen)
	m.recordStep(l, before, after)
	m.recordHooks(l, before, after, seen)
	m.recordRun(l, before, after, seen)
}

// recordStep notes how long a step of an operation took when it is over.
func (m *Metrics) recordStep(l prometheus.Labels, before, after *v1alpha1.CdkTsStack) {
	was, is := before.Status.Operation, after.Status.Operation
	if was == nil || (is != nil && is.ID == was.ID && is.Step == was.Step) {
		return
	}
	took := m.now().Sub(was.StepStartedAt.Time)
	m.steps.MustCurryWith(l).WithLabelValues(string(was.Step)).Observe(max(took.Seconds(), 0))
}

// recordHooks counts hooks that ended, and shows what they reported.
func (m *Metrics) recordHooks(l prometheus.Labels, before, after *v1alpha1.CdkTsStack, seen decide.Observed) {
	for _, h := range hooksEnded(before, after) {
		outcome := v1alpha1.OutcomeSucceeded
		if !h.Succeeded {
			outcome = v1alpha1.OutcomeFailed
		}
		m.hooks.MustCurryWith(l).WithLabelValues(h.Name, string(outcome)).Inc()
		m.hookTimes.MustCurryWith(l).WithLabelValues(h.Name).Observe(float64(h.DurationMS) / 1000)
	}
	if seen.Run.Result == nil {
		return
	}
	for _, h := range seen.Run.Result.Hooks {
		for _, name := range slices.Sorted(maps.Keys(h.Values)) {
			m.reported(types.NamespacedName{Namespace: after.Namespace, Name: after.Name}, l, name, h.Values[name])
		}
	}
}

// recordRun notes how long the steps of a run took, once, when its result is
// taken.
func (m *Metrics) recordRun(l prometheus.Labels, before, after *v1alpha1.CdkTsStack, seen decide.Observed) {
	was, is := before.Status.Operation, after.Status.Operation
	if was == nil || !decide.Runs(was) || seen.Run.Result == nil {
		return
	}
	if is != nil && is.ID == was.ID && is.Step == was.Step {
		return
	}
	for _, step := range seen.Run.Result.Steps {
		m.runSteps.MustCurryWith(l).WithLabelValues(step.Name).Observe(step.Duration.Seconds())
	}
}

// labelsOf gives the object's labels, and drops its old series when they
// changed: a name that is created again may be another stack.
func (m *Metrics) labelsOf(obj *v1alpha1.CdkTsStack) prometheus.Labels {
	name := nameOf(obj)
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.series[name]
	if old != nil && old["stack_name"] == obj.Spec.StackName && old["aws_region"] == obj.Spec.AWSRegion {
		return old
	}
	if old != nil {
		m.drop(name)
	}
	l := prometheus.Labels{
		"namespace":     obj.Namespace,
		"resource_name": obj.Name,
		"aws_region":    obj.Spec.AWSRegion,
		"stack_name":    obj.Spec.StackName,
	}
	m.series[name] = l
	return l
}

// Forget drops the series of an object that is gone.
func (m *Metrics) Forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.series[name] != nil {
		m.drop(name)
		delete(m.series, name)
	}
}

// drop deletes the series of an object. The caller holds mu.
func (m *Metrics) drop(name types.NamespacedName) {
	delete(m.values, name)
	match := prometheus.Labels{"namespace": name.Namespace, "resource_name": name.Name}
	for _, v := range m.vectors() {
		v.DeletePartialMatch(match)
	}
	m.numbers.forget(name)
}

// vector is a metric with labels.
type vector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

func (m *Metrics) vectors() []vector {
	return []vector{
		m.hooks, m.gateWaiting, m.checkHealthy, m.checkTime, m.healthTime, m.compliance, m.hookValue, m.deployments, m.runSteps, m.steps, m.hookTimes,
	}
}

// isDriftUnknown says whether it is not known if all of the stack is as its
// template says.
func isDriftUnknown(st *v1alpha1.CdkTsStackStatus) bool {
	return meta.IsStatusConditionPresentAndEqual(st.Conditions, v1alpha1.ConditionDrifted, metav1.ConditionUnknown) ||
		(st.Drift != nil && len(st.Drift.Unchecked) > 0)
}

func nameOf(obj *v1alpha1.CdkTsStack) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
