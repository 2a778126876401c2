package cloudformation

import (
	"fmt"
	"testing"
	"time"
)

// 150 stacks of one account look once a minute; another one is busy all the time.
// None waits long for its turn, and the busy one gets what is left.
func TestStacksOfOneAccountShareItFairly(t *testing.T) {
	const stacks, perLook, perBusyPass = 150, 3, 5
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	b := newBucket(DefaultRate, DefaultBurst, func() time.Time { return now })
	pass := func(who string, requests int) (wait time.Duration) {
		turn := &turn{who: who, granted: map[*bucket]bool{}}
		for range requests {
			if b.admit(turn) != nil {
				return turn.wait
			}
		}
		return 0
	}
	due, wanted := make([]time.Time, stacks), make([]time.Time, stacks)
	for i := range due {
		due[i] = now.Add(time.Duration(i) * time.Minute / stacks)
		wanted[i] = due[i]
	}
	var longest time.Duration
	looks, busyDue, busy := 0, now, 0
	for end := now.Add(10 * time.Minute); now.Before(end); now = now.Add(50 * time.Millisecond) {
		if !now.Before(busyDue) {
			wait := pass("busy", perBusyPass)
			busyDue = now.Add(wait)
			if wait == 0 {
				busy++
			}
		}
		for i := range due {
			if now.Before(due[i]) {
				continue
			}
			if wait := pass(fmt.Sprint("stack-", i), perLook); wait > 0 {
				due[i] = now.Add(wait)
				continue
			}
			longest = max(longest, now.Sub(wanted[i]))
			looks++
			wanted[i] = wanted[i].Add(time.Minute)
			due[i] = wanted[i]
		}
	}
	if longest > 20*time.Second || looks < stacks*9 {
		t.Errorf("a stack waited %s for its turn, and there were %d looks of %d", longest, looks, stacks*10)
	}
	if left := int(DefaultRate)*600 - stacks*10*perLook; busy < left/perBusyPass/2 {
		t.Errorf("the busy stack had %d passes, and %d requests were left for it", busy, left)
	}
}
