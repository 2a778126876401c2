package decide_test

import (
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
)

// background is what AWS is asked outside of passes. A question takes three seconds
// and ten calls, and is asked once while its answer is wanted.
type background struct {
	question map[string]string
	began    map[string]time.Time
	// found is what there is to find, and by who changed what has drifted.
	found []v1alpha1.Cause
	by    map[string]v1alpha1.ResourceWriter
}

const answerTakes = 3 * time.Second

// ask says whether the answer to a question is there.
func (b *background) ask(h *hour, kind, question string) bool {
	if b.question == nil {
		b.question, b.began = map[string]string{}, map[string]time.Time{}
	}
	if b.question[kind] != question {
		b.question[kind], b.began[kind] = question, h.now
		h.calls += 10
	}
	return h.now.Sub(b.began[kind]) >= answerTakes
}

func (b *background) observe(h *hour, n decide.Needs, seen *decide.Observed) {
	if n.Causes {
		c := h.obj.Status.Causes
		seen.Causes = decide.Causes{Asked: true, Operation: c.Operation, Look: c.Looks, TrailMayTell: len(b.found) == 0, Details: v1alpha1.CauseDetails{Causes: b.found}}
		seen.Causes.Known = b.ask(h, "causes", fmt.Sprint(c.Operation, c.Looks))
	} else {
		delete(b.question, "causes")
	}
	if n.Writers {
		w := h.obj.Status.Drift.Writers
		seen.Writers = decide.Writers{Asked: true, Digest: w.Digest, Look: w.Looks, By: b.by}
		seen.Writers.Known = b.ask(h, "writers", fmt.Sprint(w.Digest, w.Looks))
	} else {
		delete(b.question, "writers")
	}
}

// answers are when the questions in flight are answered.
func (b *background) answers(now time.Time) []time.Time {
	var all []time.Time
	for kind := range b.question {
		if at := b.began[kind].Add(answerTakes); at.After(now) {
			all = append(all, at)
		}
	}
	return all
}

var allSources = []v1alpha1.CauseSource{v1alpha1.CauseHooks, v1alpha1.CauseCloudTrail, v1alpha1.CauseLogs, v1alpha1.CauseTasks}
