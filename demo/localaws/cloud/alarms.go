package cloud

import (
	"slices"
	"time"
)

// AlarmType is that of alarms of metrics.
const AlarmType = "AWS::CloudWatch::Alarm"

// IsAlarmState says whether alarms can be in a state.
func IsAlarmState(state string) bool {
	return slices.Contains([]string{"OK", "ALARM", "INSUFFICIENT_DATA"}, state)
}

// SetAlarm says what state an alarm is in from a moment on, and why. Nothing is
// measured here, so it stays in it.
func (r *Resource) SetAlarm(state, reason, data string, now time.Time) {
	if r.Attrs["StateValue"] != state {
		r.Attrs["StateTransitionedTimestamp"] = now
	}
	r.Attrs["StateValue"], r.Attrs["StateReason"], r.Attrs["StateUpdatedTimestamp"] = state, reason, now
	if delete(r.Attrs, "StateReasonData"); data != "" {
		r.Attrs["StateReasonData"] = data
	}
}
