package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// maxSeries and usualSeries are what docs/reference/metrics.md promises.
const (
	maxSeries   = 500
	usualSeries = 100
)

// seriesOf counts the series of an object: a histogram has one for each bucket,
// one for what is beyond, a sum and a count.
func seriesOf(t *testing.T, r *prometheus.Registry, name string) (n int, values []string) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range metric.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["resource_name"] != name {
				continue
			}
			if n++; metric.GetHistogram() != nil {
				n += len(metric.GetHistogram().GetBucket()) + 2
			}
			if strings.HasSuffix(f.GetName(), "hook_value") {
				values = append(values, labels["name"])
			}
		}
	}
	return n, values
}

// life records steps, hooks and outcomes of an object, each once.
type life struct {
	metrics *Metrics
	obj     *v1alpha1.CdkTsStack
	n       int
}

func newLife(r *prometheus.Registry) *life {
	obj := &v1alpha1.CdkTsStack{}
	obj.Namespace, obj.Name = "production", "web"
	return &life{metrics: NewMetrics(r, "", func() time.Time { return time.Unix(0, 0) }), obj: obj}
}

func (l *life) step(kind v1alpha1.OperationKind, step v1alpha1.OperationStep, result decide.RunResult) {
	l.n++
	before, after := l.obj.DeepCopy(), l.obj.DeepCopy()
	before.Status.Operation = &v1alpha1.Operation{ID: fmt.Sprint(l.n), Kind: kind, Step: step, Target: &v1alpha1.Target{}}
	for _, h := range result.Hooks {
		after.Status.Hooks = append(after.Status.Hooks, v1alpha1.HookStatus{Name: h.Name, Operation: fmt.Sprint(l.n), Succeeded: h.Succeeded})
	}
	l.metrics.Passed(after)
	l.metrics.Record(before, after, decide.Observed{Run: decide.Run{Result: &result}})
}

func (l *life) ended(outcome v1alpha1.Outcome) {
	l.n++
	after := l.obj.DeepCopy()
	after.Status.History = []v1alpha1.HistoryEntry{{Operation: fmt.Sprint(l.n), Kind: v1alpha1.OperationDeploy, Outcome: outcome, EndedAt: metav1.Unix(1, 0)}}
	l.metrics.Record(l.obj.DeepCopy(), after, decide.Observed{})
}

var allHooks = []string{
	decide.BeforeDeploy, decide.AfterDeploy, decide.BeforeDestroy, decide.AfterDestroy,
	decide.BeforeDriftDetection, decide.AfterDriftDetection, decide.BeforeGitSync, decide.AfterGitSync,
}

func TestTheSeriesOfAnObjectAreBounded(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := newLife(registry)
	steps := []v1alpha1.OperationStep{
		v1alpha1.StepBuilding, v1alpha1.StepPlanning, v1alpha1.StepClearing, v1alpha1.StepUnwedging, v1alpha1.StepExecuting,
		v1alpha1.StepDeleting, v1alpha1.StepDetecting, v1alpha1.StepInspecting, v1alpha1.StepBeforeHook, v1alpha1.StepAfterHook,
	}
	for _, step := range steps {
		l.step(v1alpha1.OperationDeploy, step, decide.RunResult{})
	}
	for _, outcome := range []v1alpha1.Outcome{v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeUnchanged, v1alpha1.OutcomeFailed, v1alpha1.OutcomeRefused, v1alpha1.OutcomeSuperseded} {
		l.ended(outcome)
	}
	for _, step := range append([]string{"Starting", "Cloning", "Installing", "Synthesizing", "Publishing", "Inspecting"}, allHooks...) {
		l.step(v1alpha1.OperationDeploy, v1alpha1.StepBuilding, decide.RunResult{Steps: []decide.RunStep{{Name: step}}})
	}
	// A name that is made of a commit, in each of a thousand runs; and one that
	// stays.
	for i := range 1000 {
		hook := decide.HookResult{Name: allHooks[i%8], Succeeded: i%16 < 8, Values: map[string]float64{
			fmt.Sprintf("size_%d", i): 1, "certificate_days_left": 30, "health_check_response_time_ms": 1, "security_compliance_score": 1,
		}}
		l.step(v1alpha1.OperationDeploy, v1alpha1.StepBuilding, decide.RunResult{Hooks: []decide.HookResult{hook}})
	}
	n, values := seriesOf(t, registry, "web")
	if n >= maxSeries {
		t.Errorf("%d series, and fewer than %d are promised", n, maxSeries)
	}
	joined := strings.Join(values, " ")
	if len(values) != maxValueNames || !strings.Contains(joined, "certificate_days_left") || !strings.Contains(joined, "size_999") {
		t.Errorf("%d values: %s", len(values), joined)
	}
	l.metrics.Forget(types.NamespacedName{Namespace: "production", Name: "web"})
	if n, _ := seriesOf(t, registry, "web"); n != 0 {
		t.Errorf("%d series are left of an object that is gone", n)
	}
}

func TestAnOrdinaryObjectHasAboutAHundredSeries(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := newLife(registry)
	for _, step := range []v1alpha1.OperationStep{v1alpha1.StepPlanning, v1alpha1.StepExecuting, v1alpha1.StepDetecting} {
		l.step(v1alpha1.OperationDeploy, step, decide.RunResult{})
	}
	l.step(v1alpha1.OperationDeploy, v1alpha1.StepBuilding, decide.RunResult{Steps: []decide.RunStep{{Name: "Cloning"}, {Name: "Installing"}, {Name: "Synthesizing"}, {Name: "Publishing"}}})
	l.ended(v1alpha1.OutcomeSucceeded)
	if n, _ := seriesOf(t, registry, "web"); n < usualSeries-20 || n > usualSeries+20 {
		t.Errorf("%d series, and about %d are promised", n, usualSeries)
	}
}
