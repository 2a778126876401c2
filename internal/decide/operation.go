package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// maxHistory bounds status.history.
const maxHistory = 20

// How long to wait before looking again at what is out of our hands.
const (
	credentialsPoll = 15 * time.Second
	problemPoll     = 5 * time.Second
)

// lacksCredentials speaks for an operation that cannot be followed since its
// credentials are gone; it goes on when they return.
func (p *pass) lacksCredentials() bool {
	if p.seen.Credentials == nil {
		return false
	}
	pr := problem.Of(p.seen.Credentials)
	p.tell(failing, pr)
	return p.look(credentialsPoll)
}

// start begins an operation. Its id is made of its kind, of when it was begun
// and of the object, so that it is unique and fits every name and token that
// is made of it: letters, digits and '-', 63 at most, a letter first.
func (p *pass) start(kind v1alpha1.OperationKind, step v1alpha1.OperationStep, reason string) *v1alpha1.Operation {
	op := &v1alpha1.Operation{
		ID:            operationID(kind, p.obj, p.now.UnixMilli()),
		Kind:          kind,
		Step:          step,
		Reason:        reason,
		StartedAt:     p.metaNow(),
		StepStartedAt: p.metaNow(),
	}
	p.st.Operation, p.st.Progress = op, nil
	if !background(kind) {
		p.verdict = verdict{}
	}
	return op
}

func operationID(kind v1alpha1.OperationKind, obj *v1alpha1.CdkTsStack, millis int64) string {
	return fmt.Sprintf("cdk-%s-%d-%s", kinds[kind].word, millis, identityOf(obj))
}

// identityOf tells the operations of one object from those of all others.
func identityOf(obj *v1alpha1.CdkTsStack) string { return digest(obj.UID, obj.Namespace, obj.Name) }

// RunIsOf says whether a run of that name can be of that object: the name was
// made of who the object is, which nobody else can have.
func RunIsOf(run, namespace, object string, uid types.UID) bool {
	parts := strings.SplitN(run, "-", 5)
	return len(parts) >= 4 && parts[3] == digest(uid, namespace, object)
}

// step moves the operation on.
func (p *pass) step(s v1alpha1.OperationStep) {
	p.st.Operation.Step = s
	p.st.Operation.StepStartedAt = p.metaNow()
}

// end closes the operation in flight and, except for checks, which must not push
// the last good deployment out of it, puts it into the history.
func (p *pass) end(outcome v1alpha1.Outcome, k *problem.Kind, message string) {
	p.close(outcome, k.New("%s", message))
}

// drop closes a check, which leaves nothing in the history.
func (p *pass) drop() { p.st.Operation, p.st.Progress = nil, nil }

func (p *pass) close(outcome v1alpha1.Outcome, pr *problem.Problem) {
	op := p.st.Operation
	p.discard(op)
	p.endRollouts(op)
	p.st.Operation, p.st.Progress = nil, nil
	if background(op.Kind) {
		return
	}
	p.st.Gates = nil
	entry := v1alpha1.HistoryEntry{
		Operation: op.ID,
		Kind:      op.Kind,
		Outcome:   outcome,
		Reason:    pr.Reason,
		Message:   problem.Cut(pr.Message, problem.MaxMessage),
		StartedAt: op.StartedAt,
		EndedAt:   p.metaNow(),
	}
	p.tellStory(&entry, op)
	before := p.st.History
	if pr.Outlook == problem.Waits {
		entry.Waited, before = waits(before, entry)
	}
	p.st.History = append([]v1alpha1.HistoryEntry{entry}, before...)
	p.st.History = p.st.History[:min(len(p.st.History), maxHistory)]
	if op.Kind == v1alpha1.OperationDeploy {
		p.st.LastDeployment = &entry
	}
}

// waits is how many failures in a row are waited out with a new one, and the
// history without those of them that came before the last: an outage may last
// for days, and must not push everything else out.
func waits(history []v1alpha1.HistoryEntry, entry v1alpha1.HistoryEntry) (n int32, kept []v1alpha1.HistoryEntry) {
	waited := func(e v1alpha1.HistoryEntry) bool {
		return e.Waited > 0 && e.Kind == entry.Kind && e.Target == entry.Target
	}
	if len(history) == 0 {
		return 1, nil
	}
	if waited(history[0]) {
		n = history[0].Waited
	}
	return n + 1, history[:1+len(slices.DeleteFunc(history[1:], waited))]
}

// fail ends the operation in flight with a problem: one that stalls is not
// tried again, one that waits does not count.
func (p *pass) fail(pr *problem.Problem) bool {
	outcome := v1alpha1.OutcomeFailed
	if pr.Outlook == problem.Stalls {
		outcome = v1alpha1.OutcomeRefused
	}
	p.close(outcome, pr)
	return false
}

// acted judges an action that failed: what passes by itself is waited for,
// what does not ends the operation. ok is false when it failed.
func (p *pass) acted() (spoke, ok bool) {
	a := p.seen.Acted
	if a == nil || a.Err == nil {
		return false, true
	}
	pr := problem.Of(a.Err)
	if pr.Outlook == problem.Waits {
		return p.waitFor(pr), false
	}
	return p.fail(pr), false
}

// counted is how many of some failures count as attempts.
func counted(failed []v1alpha1.HistoryEntry) int {
	n := 0
	for _, e := range failed {
		if e.Waited == 0 {
			n++
		}
	}
	return n
}

// failures gives the newest entries of the history of one kind and target that
// ended without success, up to the first that succeeded or aimed elsewhere.
func failures(st *v1alpha1.CdkTsStackStatus, kind v1alpha1.OperationKind, target string) []v1alpha1.HistoryEntry {
	var failed []v1alpha1.HistoryEntry
	for _, e := range st.History {
		if e.Kind != kind {
			continue
		}
		if e.Target != target || (e.Outcome != v1alpha1.OutcomeFailed && e.Outcome != v1alpha1.OutcomeRefused) {
			break
		}
		failed = append(failed, e)
	}
	return failed
}
