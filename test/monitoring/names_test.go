package monitoring_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/receiver"
	"awscdk.dev/operator/internal/report"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// described keeps what is registered: the names and labels of metrics.
type described struct {
	prometheus.Registerer
	metrics map[string][]string
}

var descString = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)

func (d *described) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		descs := make(chan *prometheus.Desc)
		go func() { defer close(descs); c.Describe(descs) }()
		for desc := range descs {
			m := descString.FindStringSubmatch(desc.String())
			if m == nil {
				panic("client_golang writes descriptions in another way: " + desc.String())
			}
			labels := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
			slices.Sort(labels)
			d.metrics[m[1]] = labels
		}
	}
}

// managers are the metrics that the manager registers, with their labels.
func managers() map[string][]string {
	d := &described{Registerer: prometheus.NewRegistry(), metrics: map[string][]string{}}
	report.NewMetrics(d, "", time.Now)
	receiver.NewMetrics(d, "")
	return d.metrics
}

// What stands in for the manager must not be another thing than the manager.
func TestTheExporterHasTheNamesAndLabelsOfTheManager(t *testing.T) {
	e := &exporter{registry: prometheus.NewRegistry()}
	e.stacks()
	for _, step := range e.steps {
		step()
	}
	receiver.NewMetrics(e.registry, "")
	families, err := e.registry.Gather()
	must(t, err)
	served := map[string][]string{}
	for _, family := range families {
		var labels []string
		for _, l := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		served[family.GetName()] = labels
	}
	if diff := cmp.Diff(managers(), served); diff != "" {
		t.Errorf("metrics (-manager +exporter):\n%s", diff)
	}
}

func TestEveryMetricOfTheManagerIsDocumented(t *testing.T) {
	reference := read(t, "docs/reference/metrics.md")
	for name := range managers() {
		if !strings.Contains(reference, "| `"+name+"` |") {
			t.Errorf("docs/reference/metrics.md has no row for %s", name)
		}
	}
}
