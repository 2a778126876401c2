package report

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// maxValueNames bounds the names under which the hooks of one object report
// numbers. A name that is made of a date or a commit would else be a new series
// in each run, for ever.
const maxValueNames = 50

// valueNames are the names that an object's hooks have reported, the one that
// was reported last at the end.
type valueNames []string

// touch notes that a name was reported, and gives those that have to go for it.
func (v valueNames) touch(name string) (kept valueNames, dropped []string) {
	kept = append(slices.DeleteFunc(v, func(old string) bool { return old == name }), name)
	over := max(0, len(kept)-maxValueNames)
	return slices.Clone(kept[over:]), slices.Clone(kept[:over])
}

// reported shows a number that a hook has reported: the two that the
// production dashboard names under their own names, any other by a label.
func (m *Metrics) reported(object types.NamespacedName, l prometheus.Labels, name string, value float64) {
	switch name {
	case "health_check_response_time_ms":
		m.healthTime.With(l).Set(value)
	case "security_compliance_score":
		m.compliance.With(l).Set(min(max(value, 0), 100))
	default:
		m.mu.Lock()
		kept, dropped := m.values[object].touch(name)
		m.values[object] = kept
		m.mu.Unlock()
		values := m.hookValue.MustCurryWith(l)
		for _, old := range dropped {
			values.DeleteLabelValues(old)
		}
		values.WithLabelValues(name).Set(value)
	}
}
