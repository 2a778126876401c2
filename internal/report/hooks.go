package report

import (
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
)

// hooksEnded are the hooks whose last run is another than before.
func hooksEnded(before, after *v1alpha1.CdkTsStack) []v1alpha1.HookStatus {
	type key struct{ name, operation string }
	was := map[key]bool{}
	for _, h := range before.Status.Hooks {
		was[key{h.Name, h.Operation}] = true
	}
	var ended []v1alpha1.HookStatus
	for _, h := range after.Status.Hooks {
		if !was[key{h.Name, h.Operation}] {
			ended = append(ended, h)
		}
	}
	return ended
}

// hookEvents tells how hooks ended. The start of one that was too quick to be
// seen running is told with its end.
func hookEvents(before, after *v1alpha1.CdkTsStack) []Event {
	var all []Event
	for _, h := range hooksEnded(before, after) {
		if running(before) != h.Name && ran(h) {
			all = append(all, hookStart(h.Name))
		}
		took := time.Duration(h.DurationMS) * time.Millisecond
		if h.Succeeded {
			all = append(all, Event{Reason: "LifecycleHookSuccess", Action: "Hook", Note: fmt.Sprintf("%s succeeded after %s", h.Name, took)})
			continue
		}
		all = append(all, Event{Warning: true, Reason: "LifecycleHookFailure", Action: "Hook", Note: fmt.Sprintf("%s failed after %s: %s", h.Name, took, h.Message)})
	}
	return all
}

// ran says whether a hook that ended had begun: one whose run could not be
// brought to it has neither an exit code nor a duration.
func ran(h v1alpha1.HookStatus) bool { return h.Succeeded || h.ExitCode != nil || h.DurationMS > 0 }

func hookStarts(before, after *v1alpha1.CdkTsStack) []Event {
	name := running(after)
	if name == "" || name == running(before) {
		return nil
	}
	return []Event{hookStart(name)}
}

func hookStart(name string) Event {
	return Event{Reason: "LifecycleHookStart", Action: "Hook", Note: "Running " + name}
}

// running names the hook that an object shows as running, "" for none: its
// run may still wait for its turn, or check out and install before it.
func running(obj *v1alpha1.CdkTsStack) string {
	op := obj.Status.Operation
	if op == nil {
		return ""
	}
	if hook := decide.HookAt(&obj.Spec, op); hook.Script != "" && hook.Name == op.RunStep {
		return hook.Name
	}
	return ""
}
