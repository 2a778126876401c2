package verification

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
)

// Group is a target group with the states of its targets, in the words of AWS:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
type Group struct {
	// Name is what people call it: its logical id, or the output with its ARN.
	Name    string
	Targets []Target
}

// Target is what a load balancer says of a target.
type Target struct{ ID, State, Reason, Description string }

// States and reasons of targets that are not counted.
const (
	stateHealthy   = "healthy"
	stateDraining  = "draining"
	stateUnused    = "unused"
	stateNoAnswer  = "unavailable"
	reasonNoChecks = "Target.HealthCheckDisabled"
	reasonNotInUse = "Target.NotInUse"
)

// TargetGroups judges target groups. Of those that are asked since they are the
// stack's (named is false), one without a target in use does not count while
// another has some.
func TargetGroups(c *v1alpha1.TargetGroupsCheck, groups []Group, named bool) Verdict {
	if len(groups) == 0 {
		return Verdict{Result: v1alpha1.CheckUnknown, Message: "the stack has no target group: name some in targetGroups.fromOutputs, or take the check out of spec.verification"}
	}
	if !named && slices.ContainsFunc(groups, Group.used) {
		groups = slices.DeleteFunc(slices.Clone(groups), func(g Group) bool { return !g.used() })
	}
	least := int(ptr.Deref(c.MinHealthyPercent, v1alpha1.DefaultMinHealthyPercent))
	var measured, wrong []string
	for _, g := range groups {
		text, problem := g.judge(least)
		measured = append(measured, text)
		if problem != "" {
			wrong = append(wrong, problem)
		}
	}
	if len(wrong) > 0 {
		return unhealthy(strings.Join(measured, ", "), strings.Join(wrong, "; "))
	}
	return healthy("%s", strings.Join(measured, ", "))
}

// used says whether a group has a target that gets requests.
func (g Group) used() bool {
	return slices.ContainsFunc(g.Targets, func(t Target) bool {
		return t.State != stateDraining && !(t.State == stateUnused && t.Reason == reasonNotInUse)
	})
}

// judge counts the targets of a group, and says what is wrong, "" for nothing.
// The text of a problem names the first target that is not healthy by its reason,
// since the numbers change while targets come and go.
func (g Group) judge(least int) (measured, problem string) {
	well, counted := 0, 0
	var first *Target
	for i, t := range g.Targets {
		switch {
		case t.State == stateDraining, t.State == stateNoAnswer && t.Reason == reasonNoChecks:
			continue
		case t.State == stateHealthy:
			well++
		case first == nil:
			first = &g.Targets[i]
		}
		counted++
	}
	measured = fmt.Sprintf("%s: %d of %d healthy", g.Name, well, counted)
	switch {
	case counted == 0 && len(g.Targets) > 0 && slices.ContainsFunc(g.Targets, func(t Target) bool { return t.Reason == reasonNoChecks }):
		return g.Name + ": its health checks are off", ""
	case counted == 0:
		return measured, fmt.Sprintf("the target group %s has no target", g.Name)
	case well*100 < least*counted:
		return measured, fmt.Sprintf("in the target group %s less than %d %% of the targets are healthy: one is %s", g.Name, least, first.why())
	}
	return measured, ""
}

func (t Target) why() string {
	text := t.State
	if t.Reason != "" {
		text += " (" + t.Reason + ")"
	}
	if t.Description != "" {
		text += ": " + t.Description
	}
	return text
}

// Certificate judges when the certificate of what was asked, which is trusted,
// ends.
func Certificate(c *v1alpha1.CertificateCheck, asked string, ends, now time.Time) Verdict {
	least := int(ptr.Deref(c.MinDaysLeft, v1alpha1.DefaultMinDaysLeft))
	measured := fmt.Sprintf("valid until %s", ends.UTC().Format(time.DateOnly))
	if left := int(ends.Sub(now) / (24 * time.Hour)); left < least {
		return unhealthy(measured, fmt.Sprintf("the certificate of %s is valid until %s, which is less than %d days: renew it", asked, ends.UTC().Format(time.DateOnly), least))
	}
	return healthy("%s", measured)
}

// Alarm is an alarm of CloudWatch.
type Alarm struct {
	Name, State, Reason string
	// Changed is when its state last changed.
	Changed time.Time
}

// stateAlarm is that of an alarm which fires.
const stateAlarm = "ALARM"

// Alarms judges alarms; missing are those that do not exist.
func Alarms(all []Alarm, missing []string) Verdict {
	var firing []Alarm
	for _, a := range all {
		if a.State == stateAlarm {
			firing = append(firing, a)
		}
	}
	measured := fmt.Sprintf("%d of %d alarms in ALARM", len(firing), len(all))
	switch {
	case len(firing) > 0:
		measured += ": " + firing[0].Reason
		message := fmt.Sprintf("the alarm %s is in ALARM", firing[0].Name)
		if more := len(firing) - 1; more > 0 {
			message += fmt.Sprintf(", and %d more are", more)
		}
		return unhealthy(measured, message)
	case len(missing) > 0:
		return Verdict{Result: v1alpha1.CheckUnknown, Measured: measured, Message: fmt.Sprintf(
			"there is no alarm %s in the account and region of the stack: correct alarms.names, or create it", strings.Join(missing, ", "))}
	case len(all) == 0:
		return Verdict{Result: v1alpha1.CheckUnknown, Message: "the stack has no alarm: name some in alarms.names, or take the check out of spec.verification"}
	}
	return healthy("%s", measured)
}

// LastChange is when the last of some alarms changed.
func LastChange(all []Alarm) (at time.Time) {
	for _, a := range all {
		if a.Changed.After(at) {
			at = a.Changed
		}
	}
	return at
}
