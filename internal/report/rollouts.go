package report

import (
	"cmp"
	"fmt"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
)

// rolloutEvents tells of what people care about in rollouts: that one cannot be looked
// at, what was answered to a pause, and that one was rolled back. That one is paused is
// told with the reason that it waits for.
func rolloutEvents(before, after *v1alpha1.CdkTsStack) []Event {
	var all []Event
	for _, is := range after.Status.Rollouts {
		was := v1alpha1.RolloutStatus{}
		if i := slices.IndexFunc(before.Status.Rollouts, func(r v1alpha1.RolloutStatus) bool { return sameRollout(r, is) }); i >= 0 {
			was = before.Status.Rollouts[i]
		}
		name := fmt.Sprintf("the rollout of %s (%s)", is.Service, cmp.Or(is.Strategy, string(is.Kind)))
		if e := pauseEnded(was, is, name); e != nil {
			all = append(all, *e)
		}
		if refusal(is.Order) != "" && refusal(was.Order) == "" {
			all = append(all, rolloutEvent(true, "RolloutNotAnswered", "AWS does not take the order of %s for %s: %s", is.Order.By, name, is.Order.Error))
		}
		if was.State == is.State {
			continue
		}
		switch is.State {
		case v1alpha1.RolloutUnknown:
			all = append(all, rolloutEvent(true, "RolloutNotSeen", "%s cannot be followed, and goes on: %s", name, is.Reason))
		case v1alpha1.RolloutRolledBack, v1alpha1.RolloutFailed:
			all = append(all, rolloutEvent(true, "RolloutRolledBack", "%s was rolled back at %s: %s", name, cmp.Or(is.Stage, "its beginning"), cmp.Or(is.Reason, "AWS does not say why")))
		}
	}
	return append(all, trafficNotSeen(before, after)...)
}

func sameRollout(r, other v1alpha1.RolloutStatus) bool {
	return r.Name == other.Name && r.Operation == other.Operation && (r.Deployment == other.Deployment || r.Deployment == "")
}

func refusal(o *v1alpha1.RolloutOrder) string {
	if o == nil {
		return ""
	}
	return o.Error
}

// pauseEnded tells how a pause ended.
func pauseEnded(was, is v1alpha1.RolloutStatus, name string) *Event {
	if is.Pause == nil || is.Pause.Answer == "" || was.Pause != nil && was.Pause.HookID == is.Pause.HookID && was.Pause.Answer != "" {
		return nil
	}
	by := cmp.Or(is.Pause.By, "somebody in AWS")
	var e Event
	switch is.Pause.Answer {
	case v1alpha1.PauseContinued:
		e = rolloutEvent(false, "RolloutContinued", "%s continued %s at %s", by, name, is.Pause.Stage)
	case v1alpha1.PauseTimedOut:
		e = rolloutEvent(true, "RolloutPauseTimedOut", "nobody answered the pause of %s at %s in time: ECS took the action %s", name, is.Pause.Stage, cmp.Or(is.Pause.TimeoutAction, "ROLLBACK"))
	default:
		e = rolloutEvent(true, "RolloutAborted", "%s rolled %s back at %s", by, name, is.Pause.Stage)
	}
	return &e
}

// trafficNotSeen tells once for a plan that live traffic could not be looked at.
func trafficNotSeen(before, after *v1alpha1.CdkTsStack) []Event {
	unseen := func(obj *v1alpha1.CdkTsStack) string {
		if c := obj.Status.Changes; c != nil && c.Traffic != nil {
			return c.Traffic.Unseen
		}
		return ""
	}
	if text := unseen(after); text != "" && unseen(before) == "" {
		return []Event{rolloutEvent(true, "TrafficNotSeen", "the plan changes what load balancers forward to or an ECS service, and how live traffic stands could not be looked at: %s", text)}
	}
	return nil
}

func rolloutEvent(warning bool, reason, format string, args ...any) Event {
	return Event{Warning: warning, Reason: reason, Action: "Deploy", Note: fmt.Sprintf(format, args...)}
}

// recordRollouts shows which rollouts of an object wait for a person.
func (m *Metrics) recordRollouts(l prometheus.Labels, before, after *v1alpha1.CdkTsStack) {
	paused := m.rolloutPaused.MustCurryWith(l)
	for _, r := range before.Status.Rollouts {
		paused.WithLabelValues(r.Service).Set(0)
	}
	for _, r := range after.Status.Rollouts {
		if r.State == v1alpha1.RolloutPaused {
			paused.WithLabelValues(r.Service).Set(1)
		}
	}
}
