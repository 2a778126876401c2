package controller_test

import (
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/utils/ptr"
)

// TestAManagerKilledWhileARolloutPausesAnswersOnce: each answer of a person reaches
// AWS once, whenever the manager is killed.
func TestAManagerKilledWhileARolloutPausesAnswersOnce(t *testing.T) {
	for name, kill := range map[string]string{
		"after the intent was saved and before it was acted on": "after=1",
		"after it was acted on and before that was saved":       "before=2",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.commit(service("1", "/", blueGreen()))
			obj := w.stack("web")
			obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
			w.create(obj)
			deaths := w.dieUntil(kill, func() bool { return ready(w.get("web")) })

			w.commit(service("2", "/", pausing()))
			paused := func() bool { return because("RolloutPaused")(w.get("web")) }
			deaths += w.dieUntil(kill, paused)
			w.order("web", v1alpha1.ApproveAnnotation, w.paused("web").Pause.Digest)
			deaths += w.dieUntil(kill, func() bool { return ready(w.get("web")) && len(w.get("web").Status.History) == 2 })
			w.onlyOnce("ContinueServiceDeployment", 1)
			if r := w.get("web").Status.Rollouts[0]; r.Pause.Answer != v1alpha1.PauseContinued || r.Pause.By != "ada" || r.State != v1alpha1.RolloutSucceeded {
				t.Errorf("the rollout ended as %+v of %+v", r, r.Pause)
			}

			w.commit(service("3", "/", pausing()))
			deaths += w.dieUntil(kill, paused)
			w.order("web", v1alpha1.AbortAnnotation, w.paused("web").Pause.Digest)
			deaths += w.dieUntil(kill, func() bool { return because("RolloutAborted")(w.get("web")) })
			w.onlyOnce("ContinueServiceDeployment", 2)
			w.onlyOnce("ExecuteChangeSet", 3)
			if deaths < 10 {
				t.Errorf("the manager died %d times only", deaths)
			}
		})
	}
}
