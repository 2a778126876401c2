package decide

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/cockroachdb/datadriven"
)

// rollingSeen reads rolling=ID and type=, of what CloudFormation works on.
func rollingSeen(d *datadriven.TestData) []RollingResource {
	id := text(d, "rolling")
	if id == "" {
		return nil
	}
	kind := text(d, "type")
	if kind == "" {
		kind = typeService
	}
	return []RollingResource{{LogicalID: id, Type: kind, PhysicalID: serviceARN(id), StackID: arn}}
}

func serviceARN(id string) string { return "arn:aws:ecs:us-east-1:111122223333:service/apps/" + id }

// seeRollout reads a rollout: service=, strategy=, stage=, state=, weight=, why=, alarms=,
// firing=, stays=, and the pause: hook=, awaits or timedOut, expires= from now, timeout=.
func (s *story) seeRollout(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	id := text(d, "service")
	r := Rollout{Seen: text(d, "state") != "", State: v1alpha1.RolloutState(text(d, "state")), Strategy: text(d, "strategy"), Stage: text(d, "stage"), Reason: text(d, "why"), Err: problemArg(d)}
	r.LogicalID, r.PhysicalID, r.Kind, r.Deployment = id, serviceARN(id), v1alpha1.RolloutECS, "arn:aws:ecs:us-east-1:111122223333:service-deployment/apps/"+id+"/1"
	if kind := text(d, "kind"); kind != "" {
		r.Kind = v1alpha1.RolloutKind(kind)
	}
	if weight := text(d, "weight"); weight != "" {
		n, err := strconv.ParseFloat(weight, 64)
		if err != nil {
			t.Fatal(err)
		}
		r.Weight = &n
	}
	r.Since = s.now
	r.Stays, _ = time.ParseDuration(text(d, "stays"))
	for _, alarms := range []struct {
		name string
		to   *[]string
	}{{"alarms", &r.Alarms}, {"firing", &r.Firing}} {
		if v := text(d, alarms.name); v != "" {
			*alarms.to = strings.Split(v, ",")
		}
	}
	r.Automatic = len(r.Firing) > 0
	if hook := text(d, "hook"); hook != "" {
		h := RolloutHook{ID: hook, Awaits: d.HasArg("awaits"), TimedOut: d.HasArg("timedOut"), TimeoutAction: text(d, "timeout")}
		if span, err := time.ParseDuration(text(d, "expires")); err == nil {
			h.ExpiresAt = s.now.Add(span)
		}
		r.Hooks = []RolloutHook{h}
	}
	s.world.Rollouts = slices.DeleteFunc(s.world.Rollouts, func(have Rollout) bool { return have.PhysicalID == r.PhysicalID })
	s.world.Rollouts = append(s.world.Rollouts, r)
}

// seeTraffic reads refused=, managed, err=, and below the command lines such as
//
//	live ARN GROUP=WEIGHT...
//	rollout ID
func (s *story) seeTraffic(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	err := problemArg(d)
	seen := Traffic{Seen: err == nil, Live: map[string]Weights{}, Refused: text(d, "refused"), Managed: d.HasArg("managed"), Err: err}
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		switch words[0] {
		case "live":
			weights := map[string]float64{}
			for _, pair := range words[2:] {
				group, weight, _ := strings.Cut(pair, "=")
				n, err := strconv.ParseFloat(weight, 64)
				if err != nil {
					t.Fatal(err)
				}
				weights["arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/"+group+"/1"] = n
			}
			seen.Live["arn:aws:elasticloadbalancing:us-east-1:111122223333:listener-rule/app/web/1/2/"+words[1]] = Share(weights)
		case "rollout":
			seen.Rollouts = append(seen.Rollouts, v1alpha1.TrafficRollout{LogicalID: words[1], ARN: serviceARN(words[1])})
		}
	}
	s.world.Traffic = seen
}

// observeRollouts shows what is asked for of rollouts and traffic, as the controller
// does, and says what that was.
func (s *story) observeRollouts(n Needs, seen *Observed) (asked []string) {
	if n.Rollouts {
		queries := RolloutsToRead(s.obj, seen.Events)
		for _, q := range queries {
			if i := slices.IndexFunc(s.world.Rollouts, func(r Rollout) bool { return r.PhysicalID == q.PhysicalID }); i >= 0 {
				seen.Rollouts = append(seen.Rollouts, s.world.Rollouts[i])
			}
		}
		if len(queries) > 0 {
			asked = append(asked, "rollouts")
		}
	}
	if !n.Traffic || s.obj.Status.Operation != nil && !AtGates(s.obj, *seen) {
		return asked
	}
	if q := TrafficToRead(s.obj, *seen); len(q.Forwarders)+len(q.Services) > 0 {
		seen.Traffic, asked = s.world.Traffic, append(asked, "traffic")
	} else {
		seen.Traffic = Traffic{Seen: true}
	}
	return asked
}
