package decide

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// The types of resources that an update may roll out in steps.
const (
	typeService = "AWS::ECS::Service"
	typeAlias   = "AWS::Lambda::Alias"
	typeTaskSet = "AWS::ECS::TaskSet"
)

// rolloutKinds are the kinds of rollout by the type of the resource. Task sets are
// updated by the transform AWS::CodeDeployBlueGreen only.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/blue-green.html
var rolloutKinds = map[string]v1alpha1.RolloutKind{
	typeService: v1alpha1.RolloutECS, typeAlias: v1alpha1.RolloutLambda, typeTaskSet: v1alpha1.RolloutCodeDeploy,
}

// RollsOut says whether an update of a resource of that type may take its time in
// steps that are worth to be told.
func RollsOut(resourceType string) bool { return rolloutKinds[resourceType] != "" }

// The bounds of what is kept of rollouts.
const (
	maxRollouts      = 10
	maxRolloutReason = 1024
	maxRolloutAlarms = 10
)

// RollingResource is a resource that CloudFormation works on, and that may be rolled
// out.
type RollingResource struct {
	LogicalID, Type, PhysicalID string
	// StackID is the ARN of its stack, which may be a nested one.
	StackID string
}

// RolloutQuery asks for the rollout of one resource.
type RolloutQuery struct {
	RollingResource
	Kind v1alpha1.RolloutKind
	// Deployment is the one that is known of it, "" while none is.
	Deployment string
	// Since is when the stack's operation began: older rollouts are not of it.
	Since time.Time
}

// Rollout is one rollout, as AWS shows it.
type Rollout struct {
	RolloutQuery
	// Seen is false when there is none, or none yet.
	Seen bool
	// State, Strategy and Stage are as in RolloutStatus; Reason is why it is being
	// rolled back.
	State           v1alpha1.RolloutState
	Strategy, Stage string
	Reason          string
	// Weight and TestWeight of the new revision, in percent; nil when not told.
	Weight, TestWeight *float64
	// Stays is how long it stays at its stage by its configuration, 0 when that is
	// not known.
	Stays          time.Duration
	Alarms, Firing []string
	// Automatic: it is rolled back by an alarm or by ECS's circuit breaker, and not
	// by a person.
	Automatic bool
	Hooks     []RolloutHook
	Err       error
}

// RolloutHook is a PAUSE hook that a rollout has reached.
type RolloutHook struct {
	ID string
	// Awaits is true while it waits, TimedOut when nobody has answered it.
	Awaits, TimedOut bool
	ExpiresAt        time.Time
	TimeoutAction    string
}

// RolloutsToRead are the rollouts to look at: of what CloudFormation works on, and
// those whose end was not seen. What cannot be looked at is not asked for again.
func RolloutsToRead(obj *v1alpha1.CdkTsStack, ev Events) []RolloutQuery {
	op := obj.Status.Operation
	if op == nil {
		return nil
	}
	var all []RolloutQuery
	known := map[string]bool{}
	for _, r := range obj.Status.Rollouts {
		if r.Operation != op.ID {
			continue
		}
		if r.State == v1alpha1.RolloutUnknown {
			known[r.Name] = true
			continue
		}
		if rolling(r.State) {
			known[r.Name] = true
			all = append(all, RolloutQuery{
				RollingResource: RollingResource{LogicalID: r.Service, PhysicalID: r.Name}, Kind: r.Kind, Deployment: r.Deployment, Since: op.StepStartedAt.Time,
			})
		}
	}
	for _, r := range ev.Rolling {
		if kind := rolloutKinds[r.Type]; r.PhysicalID != "" && !known[r.PhysicalID] && len(all) < maxRollouts {
			all = append(all, RolloutQuery{RollingResource: r, Kind: kind, Since: op.StepStartedAt.Time})
		}
	}
	return all
}

// rolling says whether a rollout is still going on.
func rolling(s v1alpha1.RolloutState) bool {
	return s == v1alpha1.RolloutInProgress || s == v1alpha1.RolloutPaused || s == v1alpha1.RolloutRollingBack
}

// noteRollouts takes in what was seen of the rollouts of an operation. Those of the
// operation before are forgotten.
func (p *pass) noteRollouts(op *v1alpha1.Operation) {
	list := slices.DeleteFunc(slices.Clone(p.st.Rollouts), func(r v1alpha1.RolloutStatus) bool { return r.Operation != op.ID })
	for _, seen := range p.seen.Rollouts {
		if !seen.Seen && seen.Err == nil {
			continue
		}
		i := slices.IndexFunc(list, func(r v1alpha1.RolloutStatus) bool {
			return r.Name == seen.PhysicalID && (r.Deployment == seen.Deployment || r.Deployment == "")
		})
		if i < 0 && seen.Err != nil {
			i = slices.IndexFunc(list, func(r v1alpha1.RolloutStatus) bool { return r.Name == seen.PhysicalID })
		}
		if i < 0 && seen.Err != nil && problem.Of(seen.Err).Outlook == problem.Waits && p.now.Sub(seen.Since) < trafficPatience {
			continue
		}
		if i < 0 {
			list = append(list, v1alpha1.RolloutStatus{Service: problem.CutMiddle(seen.LogicalID, 255), Kind: seen.Kind, Name: seen.PhysicalID, Operation: op.ID})
			i = len(list) - 1
		}
		p.noteRollout(&list[i], seen)
	}
	slices.SortStableFunc(list, func(a, b v1alpha1.RolloutStatus) int { return cmp.Compare(urgency(a.State), urgency(b.State)) })
	if p.st.Rollouts = list[:min(len(list), maxRollouts)]; len(list) == 0 {
		p.st.Rollouts = nil
	}
}

// urgency orders rollouts: those that wait for a person first, those that are over
// last.
func urgency(s v1alpha1.RolloutState) int {
	switch s {
	case v1alpha1.RolloutPaused:
		return 0
	case v1alpha1.RolloutRollingBack:
		return 1
	case v1alpha1.RolloutInProgress:
		return 2
	case v1alpha1.RolloutUnknown:
		return 3
	}
	return 4
}

// noteRollout brings one rollout up to date.
func (p *pass) noteRollout(r *v1alpha1.RolloutStatus, seen Rollout) {
	if pr := problem.Of(seen.Err); seen.Err != nil {
		if pr.Outlook == problem.Waits && (r.Deployment != "" || p.now.Sub(seen.Since) < trafficPatience) {
			return // what is known of it stands
		}
		r.State, r.Reason = v1alpha1.RolloutUnknown, problem.Cut(pr.Message, maxRolloutReason)
		r.WaitsFor, r.Until = "", nil
		return
	}
	r.Deployment, r.Strategy = seen.Deployment, problem.Cut(seen.Strategy, 255)
	if seen.Deployment != "" {
		r.Digest = digest(seen.Deployment)
	}
	if now := p.metaNow(); r.Stage != seen.Stage || r.StageSince == nil {
		r.Stage, r.StageSince = seen.Stage, &now
	}
	r.State, r.Weight, r.TestWeight = seen.State, percent(seen.Weight), percent(seen.TestWeight)
	r.Alarms, r.Firing = few(seen.Alarms), few(seen.Firing)
	r.Reason = problem.Cut(seen.Reason, maxRolloutReason)
	p.notePause(r, seen)
	r.WaitsFor, r.Until = waitsFor(r, seen)
}

func percent(share *float64) *int32 {
	if share == nil {
		return nil
	}
	whole := int32(math.Round(*share))
	return &whole
}

func few(all []string) []string {
	kept := slices.Sorted(slices.Values(all))
	if len(kept) == 0 {
		return nil
	}
	size := 0
	for i := range kept {
		if size += len(kept[i]); size > maxRolloutReason || i >= maxRolloutAlarms {
			return kept[:i]
		}
	}
	return kept
}

// waitsFor says what a rollout waits for, and until when as far as is known.
func waitsFor(r *v1alpha1.RolloutStatus, seen Rollout) (what string, until *metav1.Time) {
	switch {
	case r.Kind == v1alpha1.RolloutCodeDeploy:
		return "the transform AWS::CodeDeployBlueGreen, which is not followed: ECS's own blue/green deployments replace it", nil
	case r.State == v1alpha1.RolloutPaused:
		return "a person, at a pause", r.Pause.ExpiresAt
	case r.State != v1alpha1.RolloutInProgress || seen.Stays <= 0:
		return "", nil
	}
	end := metav1.NewTime(r.StageSince.Add(seen.Stays))
	return fmt.Sprintf("the time of %s, %s", cmp.Or(r.Stage, r.Strategy), seen.Stays), &end
}

// endRollouts forgets, with an operation that ends, the rollouts whose end was not
// seen: what was last seen of them is no longer true.
func (p *pass) endRollouts(op *v1alpha1.Operation) {
	p.st.Rollouts = slices.DeleteFunc(slices.Clone(p.st.Rollouts), func(r v1alpha1.RolloutStatus) bool {
		return r.Operation == op.ID && rolling(r.State)
	})
	if len(p.st.Rollouts) == 0 {
		p.st.Rollouts = nil
	}
}

// rolloutName names a rollout for people.
func rolloutName(r *v1alpha1.RolloutStatus) string {
	return fmt.Sprintf("the rollout of %s (%s)", r.Service, cmp.Or(r.Strategy, string(r.Kind)))
}
