package report

import (
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
)

func TestALongNoteIsCutAtACharacter(t *testing.T) {
	recorder := events.NewFakeRecorder(10)
	r := Reporter{Recorder: recorder, Metrics: NewMetrics(prometheus.NewRegistry(), "test", time.Now), Log: slog.New(slog.DiscardHandler)}
	for _, lead := range []string{"", "a", "aa", "aaa"} {
		before, after := &v1alpha1.CdkTsStack{}, &v1alpha1.CdkTsStack{}
		after.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "SecretNotFound", Message: lead + strings.Repeat("🚀", 400),
		}}
		r.Report(before, after, decide.Observed{})
		if got := <-recorder.Events; !utf8.ValidString(got) || len(got) > maxNote+len("Warning SecretNotFound ") || len(got) < maxNote {
			t.Errorf("the event has %d bytes, whole characters: %t", len(got), utf8.ValidString(got))
		}
	}
}
