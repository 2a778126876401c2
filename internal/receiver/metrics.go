package receiver

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count requests by provider and outcome.
type Metrics struct {
	requests *prometheus.CounterVec
}

// NewMetrics registers the metrics of the receiver; prefix is METRICS_PREFIX,
// "" for the default one. All series of the providers are there from the
// start, at 0.
func NewMetrics(registry prometheus.Registerer, prefix string) *Metrics {
	if prefix == "" {
		prefix = "cdktsstack"
	}
	m := &Metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: prefix,
		Name:      "webhook_requests_total",
		Help:      "Requests to the webhook receiver, by provider and outcome.",
	}, []string{"provider", "outcome"})}
	registry.MustRegister(m.requests)
	for _, provider := range slices.Sorted(maps.Keys(providers)) {
		for _, outcome := range outcomes {
			m.requests.WithLabelValues(provider, outcome)
		}
	}
	m.requests.WithLabelValues("none", noSuchPath.outcome)
	return m
}

func (m *Metrics) count(provider, outcome string) {
	m.requests.WithLabelValues(provider, outcome).Inc()
}
