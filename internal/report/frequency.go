package report

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// window is what a frequency is counted over.
const window = time.Hour

// frequency is a gauge that counts how often something happened to an object
// within the last hour, as of the scrape: it falls by itself when nothing
// happens any more.
type frequency struct {
	desc *prometheus.Desc
	now  func() time.Time

	mu   sync.Mutex
	seen map[types.NamespacedName]*happenings
}

type happenings struct {
	labels []string
	at     []time.Time
}

func newFrequency(name, help string, now func() time.Time) *frequency {
	return &frequency{desc: prometheus.NewDesc(name, help, labels, nil), now: now, seen: map[types.NamespacedName]*happenings{}}
}

// note has the object counted, and that it happened again if it did.
func (f *frequency) note(l prometheus.Labels, happened bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := types.NamespacedName{Namespace: l["namespace"], Name: l["resource_name"]}
	h := f.seen[name]
	if h == nil {
		h = &happenings{}
		f.seen[name] = h
	}
	h.labels = h.labels[:0]
	for _, label := range labels {
		h.labels = append(h.labels, l[label])
	}
	if happened {
		h.at = append(h.at, f.now())
	}
	h.drop(f.now())
}

// drop forgets what is older than the window.
func (h *happenings) drop(now time.Time) {
	h.at = slices.DeleteFunc(h.at, func(t time.Time) bool { return now.Sub(t) > window })
}

func (f *frequency) forget(name types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.seen, name)
}

// Describe implements prometheus.Collector.
func (f *frequency) Describe(descs chan<- *prometheus.Desc) { descs <- f.desc }

// Collect implements prometheus.Collector.
func (f *frequency) Collect(metrics chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.seen {
		h.drop(f.now())
		metrics <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, float64(len(h.at)), h.labels...)
	}
}
