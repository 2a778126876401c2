package report

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// figure is a metric that every object has one series of.
type figure int

const (
	passes figure = iota
	driftChecks
	driftStatus
	driftUnknown
	driftsDetected
	gitPending
	gitChanges
	ready
	stalled
	// driftFrequency is counted at each scrape: it falls by itself when nothing
	// happens any more.
	driftFrequency
	figures
)

// described are the figures: the name, led by the prefix unless it is said to be
// a name of its own, and what it tells.
var described = [figures]struct {
	kind       prometheus.ValueType
	own        bool
	name, help string
}{
	passes:         {prometheus.CounterValue, false, "passes_total", "How often the operator went over the object."},
	driftChecks:    {prometheus.CounterValue, false, "drift_checks_total", "Drift checks that ended, well or not."},
	driftStatus:    {prometheus.GaugeValue, false, "drift_status", "1 when the last drift check found drift, else 0."},
	driftUnknown:   {prometheus.GaugeValue, false, "drift_unknown", "1 when the last drift check gave no answer, or not for all resources, else 0."},
	driftsDetected: {prometheus.CounterValue, false, "drifts_detected_total", "Drift checks that found drift."},
	gitPending:     {prometheus.GaugeValue, false, "git_sync_pending", "1 when a commit was seen and not deployed, else 0."},
	gitChanges:     {prometheus.CounterValue, false, "git_changes_detected_total", "New commits that were seen."},
	ready:          {prometheus.GaugeValue, false, "ready", "1 when the stack is deployed as its spec says, else 0."},
	stalled:        {prometheus.GaugeValue, false, "stalled", "1 when nothing more is tried until the spec, the revision or an order changes, else 0."},
	driftFrequency: {prometheus.GaugeValue, true, "drift_detection_frequency", "Drift checks that ended within the last hour."},
}

// frequencyWindow is what a frequency is counted over.
const frequencyWindow = time.Hour

// numbers are the figures of all objects. With thousands of objects a series of
// its own for each costs more memory than the objects, so they are made at the
// scrape.
type numbers struct {
	descs [figures]*prometheus.Desc
	now   func() time.Time

	mu      sync.Mutex
	objects map[types.NamespacedName]*ofObject
}

// ofObject is what is counted of one object.
type ofObject struct {
	// labels are the values of the labels, in their order. An object whose labels
	// change is forgotten, and begins anew.
	labels []string
	values [figures]float64
	// recorded: all figures are told, and not the passes alone.
	recorded bool
	// checks are when drift checks ended; frequent says that they are counted.
	checks   []time.Time
	frequent bool
}

func newNumbers(prefix string, now func() time.Time) *numbers {
	n := &numbers{now: now, objects: map[types.NamespacedName]*ofObject{}}
	for f, d := range described {
		name := d.name
		if !d.own {
			name = prefix + "_" + name
		}
		n.descs[f] = prometheus.NewDesc(name, d.help, labels, nil)
	}
	return n
}

// with changes what is counted of an object.
func (n *numbers) with(name types.NamespacedName, l prometheus.Labels, change func(*ofObject)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	o := n.objects[name]
	if o == nil {
		o = &ofObject{}
		for _, label := range labels {
			o.labels = append(o.labels, l[label])
		}
		n.objects[name] = o
	}
	change(o)
}

// checked notes whether a drift check ended.
func (o *ofObject) checked(ended bool, now time.Time) {
	if ended {
		o.checks = append(o.checks, now)
	}
	o.drop(now)
	o.frequent = true
}

// drop forgets the checks that are older than the window.
func (o *ofObject) drop(now time.Time) {
	o.checks = slices.DeleteFunc(o.checks, func(t time.Time) bool { return now.Sub(t) > frequencyWindow })
}

func (n *numbers) forget(name types.NamespacedName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.objects, name)
}

// Describe implements prometheus.Collector.
func (n *numbers) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range n.descs {
		descs <- d
	}
}

// Collect implements prometheus.Collector. The reader may be slow, and nobody waits
// for it.
func (n *numbers) Collect(metrics chan<- prometheus.Metric) {
	for _, o := range n.copies() {
		for f := range figures {
			switch {
			case f == driftFrequency && !o.frequent, f != passes && f != driftFrequency && !o.recorded:
				continue
			}
			metrics <- prometheus.MustNewConstMetric(n.descs[f], described[f].kind, o.values[f], o.labels...)
		}
	}
}

func (n *numbers) copies() []ofObject {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]ofObject, 0, len(n.objects))
	for _, o := range n.objects {
		o.drop(n.now())
		o.values[driftFrequency] = float64(len(o.checks))
		c := *o
		c.checks = nil
		all = append(all, c)
	}
	return all
}
