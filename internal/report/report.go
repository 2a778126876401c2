// Package report tells people and monitoring what became of an object: events
// and metrics, derived from its status before and after and from nothing else,
// so that nothing is told that was not saved.
package report

import (
	"log/slog"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
)

// maxNote is the API server's bound for the note of an event, in bytes.
const maxNote = 1000

// Reporter tells events to a recorder, to the log and to metrics.
type Reporter struct {
	Recorder events.EventRecorder
	Metrics  *Metrics
	Log      *slog.Logger
}

// Report tells what changed between two saved states; seen is what was
// observed in the pass between them.
func (r Reporter) Report(before, after *v1alpha1.CdkTsStack, seen decide.Observed) {
	for _, e := range Between(before, after) {
		r.Send(after, e)
	}
	r.Metrics.Record(before, after, seen)
}

// Send sends one event, cut to what the API server takes, and logs it.
func (r Reporter) Send(obj *v1alpha1.CdkTsStack, e Event) {
	kind := corev1.EventTypeNormal
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(obj, nil, kind, e.Reason, e.Action, "%s", problem.Cut(e.Note, maxNote))
	r.Log.Info("event", "namespace", obj.Namespace, "name", obj.Name, "reason", e.Reason, "note", e.Note)
}

func isReady(st *v1alpha1.CdkTsStackStatus) bool {
	return meta.IsStatusConditionTrue(st.Conditions, v1alpha1.ConditionReady)
}
