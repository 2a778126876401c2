package decide

import (
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// What a retry is when the spec does not say.
const (
	defaultRetries       = 5
	defaultRetryInterval = 30 * time.Second
	defaultRetryMax      = 15 * time.Minute
)

// retry tries a target that failed again after a pause, until the attempts are
// used up; then the object is stalled until the target changes.
func retry(p *pass) bool {
	t := p.st.Target
	if t == nil || p.st.Held != nil || p.lawless || !MayDeploy(&p.obj.Spec) || p.reached() || p.editPending() {
		return false
	}
	failed := failures(p.st, v1alpha1.OperationDeploy, t.Digest)
	if len(failed) == 0 {
		return p.startDeploy(ReasonRetry)
	}
	last := failed[0]
	if place, waits := awaited(p.st); waits {
		return p.awaitStack(place.StackName, last)
	}
	p.say(failing, problem.Named(last.Reason), last.Message)
	attempts := counted(failed)
	limit, pause := retryPolicy(p.obj.Spec.Retry, p.obj, max(attempts, int(last.Waited)))
	if last.Outcome == v1alpha1.OutcomeRefused || attempts > limit {
		p.verdict.severity = stalled
		return false
	}
	if due := last.EndedAt.Add(pause); !p.due(due) {
		count := attemptOf(attempts, limit)
		if last.Waited > 0 {
			count = "it does not count as an attempt"
		}
		p.verdict.message += fmt.Sprintf(" (%s; the next at %s)", count, due.UTC().Format(time.RFC3339))
		return false
	}
	return p.startDeploy(ReasonRetry)
}

func attemptOf(n, limit int) string { return fmt.Sprintf("attempt %d of %d", n, limit+1) }

// reached says whether the target has been brought about.
func (p *pass) reached() bool { return reached(p.st) }

func reached(st *v1alpha1.CdkTsStackStatus) bool {
	return st.Deployed != nil && st.Target != nil && st.Deployed.Target.Digest == st.Target.Digest
}

// editPending says whether the spec or an order ask for another target that
// could not be taken up yet, since its commit is not known.
func (p *pass) editPending() bool {
	return p.st.Target.SpecDigest != SpecDigest(&p.obj.Spec) || p.st.Target.Order != p.st.Orders.Current
}

// retryPolicy gives how many retries there are and the pause after n failures.
func retryPolicy(r *v1alpha1.Retry, obj *v1alpha1.CdkTsStack, n int) (limit int, pause time.Duration) {
	limit, first, longest := defaultRetries, defaultRetryInterval, defaultRetryMax
	if r != nil && r.Limit != nil {
		limit = int(*r.Limit)
	}
	if r != nil && r.Interval != nil {
		first = r.Interval.Duration
	}
	if r != nil && r.MaxInterval != nil {
		longest = r.MaxInterval.Duration
	}
	return limit, backoff(first, longest, n, string(obj.UID))
}
