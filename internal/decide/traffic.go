package decide

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// The types of resources that share requests out between target groups.
const (
	typeListener     = "AWS::ElasticLoadBalancingV2::Listener"
	typeListenerRule = "AWS::ElasticLoadBalancingV2::ListenerRule"
)

// trafficLook is how often live traffic is looked at while it holds a plan.
const trafficLook = time.Minute

// trafficPatience is how long a plan waits for live traffic to be shown. It is then
// taken as what AWS does not let us see: where the operator reaches CloudFormation
// and nothing else, plans are executed as ever.
const trafficPatience = 5 * time.Minute

// maxTraffic is how many listeners, rules and services are looked at and kept.
const maxTraffic = 10

// maxGroup bounds what names a target group, in bytes. An ARN of one takes less.
const maxGroup = 192

// Weights are the shares of target groups, by ARN, of all requests, in percent. It is
// empty where requests are not forwarded at all.
type Weights map[string]float64

// Forwarder is a listener, or a rule of one, that a plan changes.
type Forwarder struct {
	LogicalID, Type, ARN string
	// Planned is where it would forward to, and Deployed where it does by the
	// template that is deployed; nil when CloudFormation does not show it.
	Planned, Deployed Weights
}

// TrafficQuery asks how live traffic stands.
type TrafficQuery struct {
	Forwarders []Forwarder
	// Services are ECS services whose rollouts are asked for. With Others, so are
	// the other services of the stack.
	Services []v1alpha1.TrafficRollout
	Others   bool
}

// Traffic is how live traffic stands.
type Traffic struct {
	Seen bool
	// Live is where listeners and rules forward to now, by ARN.
	Live map[string]Weights
	// Rollouts are services with a rollout that goes on.
	Rollouts []v1alpha1.TrafficRollout
	// Refused is why it could not be looked at, when AWS does not let us; Managed
	// says that the app has ECS or CodeDeploy move its traffic, as far as is known.
	Refused string
	Managed bool
	// Err is why nothing is known.
	Err error
}

// needTraffic asks for live traffic when a plan stands at the gates, or waits there
// for it.
func needTraffic(obj *v1alpha1.CdkTsStack, n *Needs) {
	st := &obj.Status
	switch op := st.Operation; {
	case !obj.DeletionTimestamp.IsZero() || obj.Spec.Suspend:
	case op != nil:
		n.Traffic = op.Kind == v1alpha1.OperationDeploy && op.Step == v1alpha1.StepPlanning
	case st.Held != nil && heldByTraffic(st):
		n.Traffic, n.Credentials = true, true
	}
}

func heldByTraffic(st *v1alpha1.CdkTsStackStatus) bool {
	return slices.ContainsFunc(st.Gates, func(g v1alpha1.GateStatus) bool { return g.Name == "traffic" })
}

// TrafficToRead is what has to be looked at of live traffic before the gates are
// asked; nothing for a plan that touches no listener, rule or ECS service.
func TrafficToRead(obj *v1alpha1.CdkTsStack, seen Observed) TrafficQuery {
	st := &obj.Status
	if st.Operation == nil {
		return trafficAgain(st.Changes)
	}
	var q TrafficQuery
	if !AtGates(obj, seen) {
		return q
	}
	for _, c := range seen.ChangeSet.Changes {
		switch {
		case c.PhysicalID == "" || c.Action == "Add" || c.Action == "Remove" || c.Action == "Import":
		case c.Type == typeService && len(q.Services) < maxTraffic:
			q.Services = append(q.Services, v1alpha1.TrafficRollout{LogicalID: c.LogicalID, ARN: c.PhysicalID})
		case (c.Type == typeListener || c.Type == typeListenerRule) && len(q.Forwarders) < maxTraffic:
			q.Forwarders = append(q.Forwarders, Forwarder{
				LogicalID: c.LogicalID, Type: c.Type, ARN: c.PhysicalID, Planned: weightsIn(c.After, c.Type), Deployed: weightsIn(c.Before, c.Type),
			})
		}
	}
	q.Others = len(q.Forwarders) > 0
	return q
}

// trafficAgain is what is looked at again while traffic holds a plan.
func trafficAgain(c *v1alpha1.Changes) TrafficQuery {
	var q TrafficQuery
	if c == nil || c.Traffic == nil {
		return q
	}
	q.Services = c.Traffic.Rollouts
	for _, s := range c.Traffic.Shifts {
		f := Forwarder{LogicalID: s.LogicalID, ARN: s.ARN, Type: typeListenerRule}
		if strings.Contains(s.ARN, ":listener/") {
			f.Type = typeListener
		}
		if !s.Unseen {
			f.Planned, f.Deployed = weightsOf(s.Planned), weightsOf(s.Deployed)
		}
		q.Forwarders = append(q.Forwarders, f)
	}
	return q
}

// Share gives the weights of target groups as shares of 100. Groups without any are
// left out: they get no requests.
func Share(weights map[string]float64) Weights {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	out := Weights{}
	for group, w := range weights {
		if w > 0 {
			out[group] = w * 100 / total
		}
	}
	return out
}

// weightsIn is where one side of a listener or a rule forwards to, nil when it is not
// shown.
func weightsIn(side json.RawMessage, resourceType string) Weights {
	type group struct {
		TargetGroupArn any
		Weight         json.RawMessage
	}
	type action struct {
		TargetGroupArn any
		ForwardConfig  struct{ TargetGroups []group }
	}
	var shown struct {
		Properties *struct{ Actions, DefaultActions []action }
	}
	if json.Unmarshal(side, &shown) != nil || shown.Properties == nil {
		return nil
	}
	actions := shown.Properties.Actions
	if resourceType == typeListener {
		actions = shown.Properties.DefaultActions
	}
	found := map[string]float64{}
	for _, a := range actions {
		if len(a.ForwardConfig.TargetGroups) == 0 && a.TargetGroupArn != nil {
			found[fmt.Sprint(a.TargetGroupArn)] = 1
		}
		for _, g := range a.ForwardConfig.TargetGroups {
			found[fmt.Sprint(g.TargetGroupArn)] = shareOf(g.Weight)
		}
	}
	return Share(found)
}

// shareOf reads a weight, which templates write as a number or as text; without one
// it is 1, as for a group alone.
func shareOf(raw json.RawMessage) float64 {
	var n float64
	if len(raw) == 0 || json.Unmarshal([]byte(strings.Trim(string(raw), `"`)), &n) != nil {
		return 1
	}
	return n
}

// equal says whether two shares are the same, as far as whole percents tell.
func (w Weights) equal(other Weights) bool {
	return maps.EqualFunc(w, other, func(a, b float64) bool { return math.Abs(a-b) < 0.6 })
}

// trafficErr is why the gates cannot be asked yet: live traffic is not shown, and that
// passes by itself.
func (p *pass) trafficErr(op *v1alpha1.Operation) error {
	err := p.seen.Traffic.Err
	if err == nil || problem.Of(err).Outlook != problem.Waits || p.now.Sub(op.StepStartedAt.Time) > trafficPatience {
		return nil
	}
	return err
}

// liveTraffic is what was seen of live traffic; what could not be seen for good is
// refused.
func (p *pass) liveTraffic() Traffic {
	t := p.seen.Traffic
	if t.Err == nil {
		return t
	}
	return Traffic{Seen: true, Refused: problem.Of(t.Err).Message, Managed: t.Managed}
}

// trafficOf is what a plan would do to live traffic, as was seen in this pass or, for
// the same plan, before.
func (p *pass) trafficOf(op *v1alpha1.Operation, was *v1alpha1.Changes) *v1alpha1.TrafficStatus {
	seen := p.liveTraffic()
	if !seen.Seen {
		if was != nil && was.Operation == op.ID && was.Digest == p.st.Changes.Digest {
			return was.Traffic
		}
		return nil
	}
	return trafficSeen(TrafficToRead(p.obj, p.seen), seen)
}

// trafficSeen compares what would be with what is; nil for nothing to be told.
func trafficSeen(q TrafficQuery, seen Traffic) *v1alpha1.TrafficStatus {
	t := &v1alpha1.TrafficStatus{Rollouts: seen.Rollouts, Unseen: problem.Cut(seen.Refused, maxRolloutReason)}
	for _, f := range q.Forwarders {
		live, known := seen.Live[f.ARN]
		shift := v1alpha1.TrafficShift{LogicalID: f.LogicalID, ARN: f.ARN, Live: weightsList(live), Planned: weightsList(f.Planned), Deployed: weightsList(f.Deployed)}
		switch {
		case !known && seen.Refused != "" && seen.Managed:
			shift.Unseen = true
		case !known:
			continue
		case f.Planned == nil || f.Deployed == nil:
			// What the plan would set is not shown. That matters where somebody shares out.
			if shift.Unseen = true; len(live) < 2 && !seen.Managed {
				continue
			}
		case live.equal(f.Planned) || live.equal(f.Deployed):
			continue // nothing moves, or it is the app that moves it
		}
		t.Shifts = append(t.Shifts, shift)
	}
	if len(t.Shifts) == 0 && len(t.Rollouts) == 0 && t.Unseen == "" {
		return nil
	}
	return t
}

func weightsList(w Weights) []v1alpha1.TrafficWeight {
	var all []v1alpha1.TrafficWeight
	for _, group := range slices.Sorted(maps.Keys(w)) {
		if len(all) < maxTraffic {
			all = append(all, v1alpha1.TrafficWeight{TargetGroup: problem.CutMiddle(group, maxGroup), Percent: *percent(ptr.To(w[group]))})
		}
	}
	return all
}

func weightsOf(list []v1alpha1.TrafficWeight) Weights {
	out := Weights{}
	for _, w := range list {
		out[w.TargetGroup] = float64(w.Percent)
	}
	return out
}

// ofTraffic says whether an id is one that traffic holds a plan for.
func ofTraffic(t *v1alpha1.TrafficStatus, id string) bool {
	return t != nil && (slices.ContainsFunc(t.Shifts, func(s v1alpha1.TrafficShift) bool { return s.LogicalID == id }) ||
		slices.ContainsFunc(t.Rollouts, func(r v1alpha1.TrafficRollout) bool { return r.LogicalID == id }))
}

// trafficStays holds a plan that would move live traffic although the app did not, or
// that comes into a rollout, until a person has acknowledged just that.
func trafficStays(p *pass, _ *v1alpha1.Operation) *hold {
	c := p.st.Changes
	if c == nil {
		return nil
	}
	if p.st.Operation == nil && p.seen.Traffic.Seen && c.Traffic != nil {
		c.Traffic = trafficSeen(trafficAgain(c), p.seen.Traffic) // it waits, and was looked at again
	}
	if c.Traffic == nil {
		return nil
	}
	ids, wrong := p.acknowledgement(c)
	reason, words, missing := stateRolloutUnderWay, []string(nil), []string(nil)
	for _, s := range c.Traffic.Shifts {
		if !slices.Contains(ids, s.LogicalID) {
			reason, words, missing = stateTrafficWouldShift, append(words, shiftMessage(s, c.Traffic.Unseen)), append(missing, s.LogicalID)
		}
	}
	for _, r := range c.Traffic.Rollouts {
		if !slices.Contains(ids, r.LogicalID) {
			words, missing = append(words, "a rollout of "+r.LogicalID+" is going on"), append(missing, r.LogicalID)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	message := fmt.Sprintf("%s. It goes on when that is over, or acknowledged with %s%s='%s %s'%s", strings.Join(words, "; "), p.annotate(), v1alpha1.AcknowledgeAnnotation,
		c.Digest, strings.Join(append(ids, missing...), " "), wrong)
	return &hold{reason: reason, message: message, parks: true, after: trafficLook}
}

// shiftMessage says what would happen to live traffic.
func shiftMessage(s v1alpha1.TrafficShift, unseen string) string {
	switch {
	case s.Unseen && len(s.Live) == 0:
		return fmt.Sprintf("it changes %s, and where that forwards to now could not be looked at: %s", s.LogicalID, cmp.Or(unseen, "it is not shown"))
	case s.Unseen:
		return fmt.Sprintf("it changes %s, which forwards %s now, and CloudFormation does not show what it would be", s.LogicalID, shares(s.Live))
	}
	return fmt.Sprintf("it would move live traffic: %s forwards %s now, which the template that is deployed does not say (%s), and would forward %s: have the app say what is live, or leave %s as it is",
		s.LogicalID, shares(s.Live), shares(s.Deployed), shares(s.Planned), s.LogicalID)
}

// shares names target groups and what they get.
func shares(list []v1alpha1.TrafficWeight) string {
	if len(list) == 0 {
		return "nothing"
	}
	var words []string
	for _, w := range list {
		words = append(words, fmt.Sprintf("%d %% to %s", w.Percent, groupName(w.TargetGroup)))
	}
	return strings.Join(words, " and ")
}

// groupName is the name in the ARN of a target group.
func groupName(arn string) string {
	_, rest, is := strings.Cut(arn, ":targetgroup/")
	if !is {
		return "a target group that is not made yet"
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// IsListener says whether it is a listener, and otherwise it is a rule of one.
func (f Forwarder) IsListener() bool { return f.Type == typeListener }
