package decide

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// FreezeInterval is how often an endpoint of spec.freeze is asked while a plan
// waits, and how old an answer may be that an execution is decided on.
const FreezeInterval = 30 * time.Second

const (
	// askAnew is after how long what keeps an endpoint from being asked is
	// looked at again, such as a missing Secret.
	askAnew = time.Minute
	// frozenPoll is a look at a frozen plan in case that news got lost.
	frozenPoll = 5 * time.Minute
	// maxFreezeErrors bounds what is kept of errors that let a plan through, in
	// bytes.
	maxFreezeErrors = 512
)

// standsAtGates says whether an object has a plan that is about to be executed.
func standsAtGates(obj *v1alpha1.CdkTsStack) bool {
	if !obj.DeletionTimestamp.IsZero() || obj.Spec.Suspend {
		return false
	}
	op := obj.Status.Operation
	return obj.Status.Held != nil || op != nil && (op.Kind == v1alpha1.OperationDeploy || reverts(op)) &&
		(op.Step == v1alpha1.StepPlanning || op.Step == v1alpha1.StepExecuting && op.AcceptedAt == nil)
}

// notFrozen holds a plan while one of the endpoints of spec.freeze says so, or
// while one gives no answer and its onError is Block.
func notFrozen(p *pass, op *v1alpha1.Operation) *hold {
	var closed *hold
	var unknown bool
	for _, f := range p.obj.Spec.Freeze {
		w := p.frozen(f)
		switch {
		case w == nil:
			unknown = unknown || !p.heardNow(p.seen.Freezes[f.Name])
		case closed == nil:
			closed = w
		default:
			closed.message += "; " + w.message
			closed.after = min(closed.after, w.after)
			closed.yields = closed.yields && w.yields
		}
	}
	if unknown {
		closed = ptr.To(ptr.Deref(closed, hold{}))
		closed.unknown, closed.after = true, p.poll(op.StepStartedAt)
	}
	return closed
}

// frozen is what one freeze holds a plan for, nil for nothing, as far as is known.
func (p *pass) frozen(f v1alpha1.Freeze) *hold {
	seen := p.seen.Freezes[f.Name]
	ours, is := errors.AsType[*problem.Problem](seen.Err)
	switch {
	case is:
		return &hold{
			reason: problem.Named(ours.Reason), message: fmt.Sprintf("the freeze %q cannot be asked: %s", f.Name, ours.Message),
			parks: true, yields: ours.Reason != problem.InvalidSpec.Reason, after: askAnew,
		}
	case seen.Err != nil && f.OnError != v1alpha1.FreezeAllows:
		return &hold{
			reason: stateFreezeUnknown, message: fmt.Sprintf("the freeze %q gives no answer, and its onError is Block: %s; it is asked again every %s", f.Name, seen.Err, FreezeInterval),
			parks: true, yields: true, after: askAnew,
		}
	case seen.Known && seen.Err == nil && seen.Frozen:
		return &hold{
			reason: stateFrozen, message: fmt.Sprintf("the freeze %q is on: %s; it is asked again every %s", f.Name, whyFrozen(f, seen), FreezeInterval),
			parks: true, yields: true, after: frozenPoll,
		}
	}
	return nil
}

// whyFrozen is what people are told of an answer that holds a plan.
func whyFrozen(f v1alpha1.Freeze, seen Freeze) string {
	if seen.Why != "" {
		return fmt.Sprintf("%s (%s)", seen.Why, hostOf(f.HTTP.URL))
	}
	return fmt.Sprintf("deployWhen is false for what %s answers", hostOf(f.HTTP.URL))
}

// heardNow says whether an answer is new enough for an execution.
func (p *pass) heardNow(seen Freeze) bool {
	return seen.Known && p.now.Sub(seen.SeenAt) <= FreezeInterval
}

// noteFreezeErrors notes with an operation which freezes gave no answer and let
// its plan through.
func (p *pass) noteFreezeErrors(op *v1alpha1.Operation) {
	var all []string
	for _, f := range p.obj.Spec.Freeze {
		if err := p.seen.Freezes[f.Name].Err; err != nil {
			all = append(all, fmt.Sprintf("%s: %s", f.Name, err))
		}
	}
	op.FreezeErrors = problem.Cut(strings.Join(all, "; "), maxFreezeErrors)
}

// hostOf is the host of an address, without what else is in it.
func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}
