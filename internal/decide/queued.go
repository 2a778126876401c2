package decide

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// runs notes what a run is doing, and waits for it.
func (p *pass) runs(op *v1alpha1.Operation, run Run) bool {
	op.RunStep, op.Ahead = run.Step, 0
	if run.Step == StepQueued {
		op.Ahead = rounded(run.Ahead)
		p.queued(op)
	}
	if pr := run.Waiting; pr != nil && !background(op.Kind) {
		op.RunStep = StepWaiting
		p.say(waiting, problem.Named(pr.Reason), pr.Message+"; it goes on by itself")
	}
	after := max(p.poll(op.StepStartedAt), problemPoll)
	if run.Stale {
		return p.act(ActStartRun, after)
	}
	return p.look(after)
}

// queued keeps the last failure in sight while another attempt waits for its
// turn: that may take long, and until then nothing has been done about it. An
// attempt that has come further than the last one waits as any other.
func (p *pass) queued(op *v1alpha1.Operation) {
	if background(op.Kind) || op.Target == nil {
		return
	}
	failed := failures(p.st, op.Kind, op.Target.Digest)
	if len(failed) == 0 || op.Step == v1alpha1.StepAfterHook && !failedVerification(failed[0]) {
		return
	}
	attempt := fmt.Sprintf("attempt %d", op.Attempt)
	if op.Kind == v1alpha1.OperationDeploy {
		limit, _ := retryPolicy(p.obj.Spec.Retry, p.obj, 1)
		attempt = attemptOf(int(op.Attempt), limit)
	}
	p.say(failing, problem.Named(failed[0].Reason), fmt.Sprintf("%s (%s waits for its turn: %s)", failed[0].Message, attempt, ahead(op)))
}

// ahead tells the place in the queue.
func ahead(op *v1alpha1.Operation) string {
	switch n := op.Ahead; {
	case n == 0:
		return "it is next"
	case n == 1:
		return "1 run is ahead"
	case n < roundedFrom:
		return fmt.Sprintf("%d runs are ahead", n)
	default:
		return fmt.Sprintf("at least %d runs are ahead", n)
	}
}

// roundedFrom is from where on the place in the queue is not told exactly.
const roundedFrom = 10

// rounded spares writes: with a thousand runs in the queue every end of a run
// would change a thousand objects.
func rounded(n int) int32 {
	unit := 1
	for bound := roundedFrom; n >= bound; bound *= 10 {
		unit = bound
	}
	return int32(min(n/unit*unit, 1_000_000))
}
