package decide

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// orderAgain is after how long an order that AWS has refused is tried again, at
// least; it takes as long as it has waited already.
const orderAgain = 15 * time.Second

// pauseLook is how often a rollout that waits for a person is looked at: an answer
// given here wakes its object.
const pauseLook = time.Minute

// ApprovesPauses says whether approvals given here continue pauses.
func ApprovesPauses(spec *v1alpha1.CdkTsStackSpec) bool {
	return spec.Rollouts == nil || ptr.Deref(spec.Rollouts.ApprovePauses, true)
}

// notePause notes the pause that a rollout has reached, and how it ended.
func (p *pass) notePause(r *v1alpha1.RolloutStatus, seen Rollout) {
	for _, h := range seen.Hooks {
		if !h.Awaits || seen.State != v1alpha1.RolloutInProgress {
			continue
		}
		r.State = v1alpha1.RolloutPaused
		if r.Pause == nil || r.Pause.HookID != h.ID {
			r.Pause = &v1alpha1.RolloutPause{Digest: digest(seen.Deployment, h.ID), HookID: h.ID, Stage: r.Stage, Since: p.metaNow(), TimeoutAction: h.TimeoutAction}
			if !h.ExpiresAt.IsZero() {
				r.Pause.ExpiresAt = ptr.To(metav1.NewTime(h.ExpiresAt))
			}
		}
		return
	}
	if r.Pause == nil || r.Pause.Answer != "" {
		return
	}
	o := r.Order
	ours := o != nil && (o.Digest == r.Pause.Digest || o.Action == v1alpha1.RolloutRollBack)
	switch {
	case p.timedOut(r, seen):
		r.Pause.Answer = v1alpha1.PauseTimedOut
	case ours && o.Action == v1alpha1.RolloutRollBack:
		r.Pause.Answer, r.Pause.By = v1alpha1.PauseRolledBack, o.By
	case ours:
		r.Pause.Answer, r.Pause.By = v1alpha1.PauseContinued, o.By
	case seen.Automatic:
		return // it ended without an answer
	case r.State == v1alpha1.RolloutRollingBack || r.State == v1alpha1.RolloutRolledBack:
		r.Pause.Answer = v1alpha1.PauseRolledBack
	default:
		r.Pause.Answer = v1alpha1.PauseContinued
	}
	if ours && o.AcceptedAt == nil {
		now := p.metaNow() // a manager that was killed could not note it
		o.AcceptedAt, o.Error = &now, ""
	}
}

// timedOut says whether the pause that a rollout was at ended since nobody
// answered it.
func (p *pass) timedOut(r *v1alpha1.RolloutStatus, seen Rollout) bool {
	for _, h := range seen.Hooks {
		if h.ID == r.Pause.HookID {
			return h.TimedOut
		}
	}
	return false
}

// followRollouts goes on with a deployment while CloudFormation is at work: it takes
// up what people order for its rollouts, says which of them wait for a person, and
// otherwise looks again.
func (p *pass) followRollouts(op *v1alpha1.Operation) bool {
	var waits []string
	after := p.poll(op.StepStartedAt)
	for i := range p.st.Rollouts {
		r := &p.st.Rollouts[i]
		if r.Operation != op.ID || !rolling(r.State) {
			continue
		}
		p.takeRolloutOrder(r)
		if r.State == v1alpha1.RolloutPaused {
			waits = append(waits, p.pauseMessage(r))
		}
	}
	if len(waits) > 0 {
		p.say(waiting, stateRolloutPaused, strings.Join(waits, "; "))
		after = p.pausePoll()
	}
	r, due := p.orderDue()
	switch {
	case r != nil && !p.told:
		return p.act(ActAnswerRollout, after)
	case r != nil:
		after = time.Nanosecond // what was taken up after the first action of this pass
	case !due.IsZero():
		p.wakeAt(due)
		after = min(after, p.after)
	}
	return p.look(after)
}

// pausePoll is how long to wait before looking again while a rollout is paused: a
// quarter of the time that the one which has paused or was answered last has waited.
func (p *pass) pausePoll() time.Duration {
	age := time.Duration(math.MaxInt64)
	for _, r := range p.st.Rollouts {
		if r.State != v1alpha1.RolloutPaused {
			continue
		}
		age = min(age, p.now.Sub(r.Pause.Since.Time))
		if r.Order != nil && r.Order.Digest == r.Pause.Digest {
			age = min(age, p.now.Sub(r.Order.At.Time))
		}
	}
	return min(max(age/4, 200*time.Millisecond), pauseLook)
}

// takeRolloutOrder takes up the annotation that names a rollout or its pause, once.
// An abortion is stronger than an approval.
func (p *pass) takeRolloutOrder(r *v1alpha1.RolloutStatus) {
	notes := p.obj.Annotations
	abort, approve := strings.TrimSpace(notes[v1alpha1.AbortAnnotation]), strings.TrimSpace(notes[v1alpha1.ApproveAnnotation])
	paused := r.State == v1alpha1.RolloutPaused
	named := ""
	switch {
	case r.State == v1alpha1.RolloutRollingBack:
		return
	case names(abort, r.Digest):
		named = r.Digest
	case paused && names(abort, r.Pause.Digest):
		named = r.Pause.Digest
	}
	action := v1alpha1.RolloutRollBack
	if named == "" {
		if !paused || !ApprovesPauses(&p.obj.Spec) || !names(approve, r.Pause.Digest) {
			return
		}
		action, named = v1alpha1.RolloutContinue, r.Pause.Digest
	}
	if o := r.Order; o != nil && o.Action == action && o.Digest == named {
		return
	}
	r.Order = &v1alpha1.RolloutOrder{
		Action: action, Digest: named, At: p.metaNow(),
		By:     cmp.Or(problem.Head(notes[v1alpha1.ApprovedByAnnotation], maxApprover), "unknown"),
		Reason: problem.Head(notes[v1alpha1.ApproveReasonAnnotation], maxReason),
	}
}

// orderDue is the first rollout with an order that AWS has still to be told, or when
// the next one is due.
func (p *pass) orderDue() (*v1alpha1.RolloutStatus, time.Time) {
	var next time.Time
	for i := range p.st.Rollouts {
		r := &p.st.Rollouts[i]
		if !ordered(r) {
			continue
		}
		due := p.now
		if o := r.Order; o.TriedAt != nil {
			due = o.TriedAt.Add(max(orderAgain, o.TriedAt.Sub(o.At.Time)))
		} else if o.AcceptedAt != nil {
			due = o.AcceptedAt.Add(lag) // AWS took it, and nothing of it is to be seen
		}
		if !due.After(p.now) {
			return r, time.Time{}
		}
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return nil, next
}

// ordered says whether a rollout has an order that is still to be carried out.
func ordered(r *v1alpha1.RolloutStatus) bool {
	if r.Order == nil {
		return false
	}
	if r.Order.Action == v1alpha1.RolloutContinue {
		return r.State == v1alpha1.RolloutPaused && r.Order.Digest == r.Pause.Digest
	}
	return r.State == v1alpha1.RolloutPaused || r.State == v1alpha1.RolloutInProgress
}

// RolloutToAnswer is the rollout that ActAnswerRollout is about, nil for none.
func RolloutToAnswer(obj *v1alpha1.CdkTsStack, now time.Time) *v1alpha1.RolloutStatus {
	p := &pass{obj: obj, st: obj.Status.DeepCopy(), now: now}
	r, _ := p.orderDue()
	return r
}

// rolloutAnswered notes what AWS said to an order. It ends no deployment: the
// rollout is followed all the same.
func (p *pass) rolloutAnswered(a *Acted) {
	r, _ := p.orderDue()
	if r == nil {
		return
	}
	now := p.metaNow()
	if a.Err == nil {
		r.Order.AcceptedAt, r.Order.TriedAt, r.Order.Error = &now, nil, ""
		return
	}
	r.Order.TriedAt, r.Order.Error = &now, problem.Cut(problem.Of(a.Err).Message, maxRolloutReason)
}

// pauseMessage says what a paused rollout waits for, and how it is answered.
func (p *pass) pauseMessage(r *v1alpha1.RolloutStatus) string {
	at := fmt.Sprintf("%s is paused at %s: ", rolloutName(r), r.Pause.Stage)
	end := ""
	if r.Pause.ExpiresAt != nil {
		end = fmt.Sprintf("; without an answer ECS takes the action %s at %s", cmp.Or(r.Pause.TimeoutAction, "ROLLBACK"), r.Pause.ExpiresAt.UTC().Format(time.RFC3339))
	}
	switch o := r.Order; {
	case ordered(r) && o.Error != "":
		return at + fmt.Sprintf("%s has answered it, and AWS refuses that: %s", o.By, o.Error) + end
	case ordered(r):
		return at + fmt.Sprintf("%s has answered it, and AWS is told", o.By)
	case !ApprovesPauses(&p.obj.Spec):
		return at + fmt.Sprintf("answer it in AWS with aws ecs continue-service-deployment --action CONTINUE --service-deployment-arn %s --hook-id %s", r.Deployment, r.Pause.HookID) + end
	}
	wrong := ""
	if given := strings.TrimSpace(p.obj.Annotations[v1alpha1.ApproveAnnotation]); given != "" && !p.approvedPlan(given) {
		wrong = fmt.Sprintf(" (the approval that was given, %s, is of something else)", problem.Cut(given, shortestDigest+3))
	}
	if given := strings.TrimSpace(p.obj.Annotations[v1alpha1.AbortAnnotation]); given != "" {
		wrong += fmt.Sprintf(" (what was to be aborted, %s, is something else)", problem.Cut(given, shortestDigest+3))
	}
	return at + fmt.Sprintf("continue it with %s%s=%s, or roll it back with %s%s=%s%s", p.annotate(), v1alpha1.ApproveAnnotation, r.Pause.Digest,
		p.annotate(), v1alpha1.AbortAnnotation, r.Pause.Digest, wrong) + end
}

// approvedPlan says whether a digest is that of the plan that is being executed,
// whose approval stays where it was given.
func (p *pass) approvedPlan(given string) bool {
	return p.st.Changes != nil && names(given, p.st.Changes.Digest)
}

// rolloutFailure is the failure of a deployment whose rollout a person has rolled
// back, or nobody has approved: it is not begun again by itself. Otherwise it is an
// ordinary failure.
func (p *pass) rolloutFailure(op *v1alpha1.Operation, message string) *problem.Problem {
	for i := range p.st.Rollouts {
		r := &p.st.Rollouts[i]
		switch pause, o := r.Pause, r.Order; {
		case r.Operation != op.ID:
		case o != nil && o.Action == v1alpha1.RolloutRollBack && (o.AcceptedAt != nil || r.State == v1alpha1.RolloutRollingBack || r.State == v1alpha1.RolloutRolledBack):
			why := ""
			if o.Reason != "" {
				why = " (" + o.Reason + ")"
			}
			return errRolloutAborted.New("%s aborted %s%s, and %s; request a deployment when it may be tried again", o.By, rolloutName(r), why, message)
		case pause == nil:
		case pause.Answer == v1alpha1.PauseRolledBack:
			return errRolloutAborted.New("%s was rolled back in AWS at its pause, and %s; request a deployment when it may be tried again", rolloutName(r), message)
		case pause.Answer == v1alpha1.PauseTimedOut && pause.TimeoutAction != "CONTINUE":
			return errRolloutNotApproved.New("nobody answered the pause of %s in time, ECS rolled it back, and %s; request a deployment to try it again", rolloutName(r), message)
		}
	}
	return errDeploymentFailed.New("%s", message)
}
