package decide

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// What a retry is when the spec does not say.
const (
	defaultRetryInterval = 30 * time.Second
	defaultRetryMax      = 15 * time.Minute
)

// retry tries a target that failed again after a pause, until the attempts are
// used up; then the object is stalled until the target changes.
func retry(p *pass) bool {
	if p.awaiting || p.lawless || !p.retries() {
		return false
	}
	failed := failures(p.st, v1alpha1.OperationDeploy, p.st.Target.Digest)
	if len(failed) == 0 {
		return p.redeploy()
	}
	last := failed[0]
	if place, waits := awaited(p.st); waits {
		return p.awaitStack(place.StackName, last)
	}
	if len(Importers(p.st)) > 0 {
		return p.awaitImporters(last)
	}
	if p.verificationEdited(last) {
		begun := p.redeploy()
		if begun {
			p.st.Verification.Digest = verificationDigest(&p.obj.Spec) // once for each edit
		}
		return begun
	}
	if p.tellTakenBack(last) {
		return false
	}
	p.say(failing, problem.Named(last.Reason), last.Message)
	attempts, limit, due := p.nextTry(failed)
	if last.Outcome == v1alpha1.OutcomeRefused || attempts > limit {
		p.verdict.severity = stalled
		p.tellSkipped()
		return false
	}
	if !p.due(due) {
		count := attemptOf(attempts, limit)
		if last.Waited > 0 {
			count = "it does not count as an attempt"
		}
		p.verdict.message += fmt.Sprintf(" (%s; the next at %s)", count, due.UTC().Format(time.RFC3339))
		return false
	}
	return p.redeploy()
}

// redeploy tries the present target again, when what it depends on is ready.
func (p *pass) redeploy() bool {
	return !p.awaitsOthers("") && p.startDeploy(ReasonRetry)
}

// retries says whether a target is wanted that is not deployed, and nothing else is.
func (p *pass) retries() bool {
	return p.st.Target != nil && p.st.Held == nil && MayDeploy(&p.obj.Spec) && !p.reached() && !p.editPending()
}

// nextTry counts the attempts that failed, of those that may, and says when the
// pause after the last is over.
func (p *pass) nextTry(failed []v1alpha1.HistoryEntry) (attempts, limit int, due time.Time) {
	attempts = counted(failed)
	limit, pause := retryPolicy(p.obj.Spec.Retry, p.obj, max(attempts, int(failed[0].Waited)))
	return attempts, limit, failed[0].EndedAt.Add(pause)
}

// recordNextAttempt tells when a target that failed is tried again by itself.
func recordNextAttempt(p *pass) {
	p.st.NextAttempt = nil
	if p.foreground() != nil || p.deleting() || p.obj.Spec.Suspend || !p.retries() {
		return
	}
	failed := failures(p.st, v1alpha1.OperationDeploy, p.st.Target.Digest)
	if len(failed) == 0 || failed[0].Outcome == v1alpha1.OutcomeRefused {
		return
	}
	if _, waits := awaited(p.st); waits {
		return
	}
	if attempts, limit, due := p.nextTry(failed); attempts <= limit {
		p.st.NextAttempt = &v1alpha1.NextAttempt{Number: int32(attempts + 1), Of: int32(limit + 1), At: metav1.NewTime(due.Truncate(time.Second))}
	}
}

func attemptOf(n, limit int) string { return fmt.Sprintf("attempt %d of %d", n, limit+1) }

// reached says whether the target has been brought about.
func (p *pass) reached() bool { return reached(p.st) }

// What was deployed well before another target is wanted again when people go back
// to it, and is not in service before it is deployed again.
func reached(st *v1alpha1.CdkTsStackStatus) bool {
	if st.Deployed == nil || st.Target == nil || st.Deployed.Target.Digest != st.Target.Digest {
		return false
	}
	for _, op := range []*v1alpha1.Operation{st.Operation, st.Held} {
		if op != nil && op.Kind == v1alpha1.OperationDeploy {
			return false
		}
	}
	last := st.LastDeployment
	return last == nil || last.Target != st.Target.Digest || last.Outcome == v1alpha1.OutcomeSucceeded || last.Outcome == v1alpha1.OutcomeUnchanged
}

// editPending says whether the spec, an order or what is read from elsewhere ask
// for another target that could not be taken up yet, since its commit is not
// known.
func (p *pass) editPending() bool {
	return p.inputsMoved(p.st.Target) || p.st.Target.SpecDigest != SpecDigest(&p.obj.Spec) || p.st.Target.Order != p.st.Orders.Current
}

// retryPolicy gives how many retries there are and the pause after n failures.
func retryPolicy(r *v1alpha1.Retry, obj *v1alpha1.CdkTsStack, n int) (limit int, pause time.Duration) {
	limit, first, longest := v1alpha1.DefaultRetryLimit, defaultRetryInterval, defaultRetryMax
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
