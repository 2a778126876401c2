package decide

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

const (
	// shortestDigest is how much of a digest names a plan.
	shortestDigest = 8
	// approvalLasts is how long an approval holds unless the spec says otherwise.
	approvalLasts = 24 * time.Hour
	maxApprover   = 256
	maxReason     = 512
)

// approved holds a plan until a person has approved it, by its digest.
func approved(p *pass, op *v1alpha1.Operation) *hold {
	c := p.changesOf(op)
	if c == nil || !p.needsApproval(op, c) {
		return nil
	}
	given := strings.TrimSpace(p.obj.Annotations[v1alpha1.ApproveAnnotation])
	if a := p.st.Approval; a != nil && a.Digest == c.Digest {
		if used := a.Operation != "" && a.Operation != op.ID; used && given != "" {
			return p.awaits(fmt.Sprintf("its approval was used for an earlier deployment: %s%s- and approve it again", p.annotate(), v1alpha1.ApproveAnnotation))
		} else if !used && p.now.Before(a.ExpiresAt.Time) {
			op.ApprovedBy = a.By
			p.wakeAt(a.ExpiresAt.Time)
			return nil
		}
		if given != "" {
			return p.awaits(fmt.Sprintf("its approval ended at %s: %s%s- and approve it again", a.ExpiresAt.UTC().Format(time.RFC3339), p.annotate(), v1alpha1.ApproveAnnotation))
		}
		p.st.Approval = nil
	}
	switch {
	case names(given, c.Digest):
		return p.approve(op, c)
	case given == "":
		return p.awaits(fmt.Sprintf("it needs an approval: %s%s=%s", p.annotate(), v1alpha1.ApproveAnnotation, c.Digest))
	}
	return p.awaits(fmt.Sprintf("the approval that was given is of another plan (%s): look at status.changes, then %s%s=%s", problem.Cut(given, shortestDigest+3), p.annotate(), v1alpha1.ApproveAnnotation, c.Digest))
}

func (p *pass) awaits(message string) *hold {
	return &hold{reason: stateApprovalPending, message: message, parks: true}
}

// approve takes an approval up.
func (p *pass) approve(op *v1alpha1.Operation, c *v1alpha1.Changes) *hold {
	lasts := approvalLasts
	if d := p.obj.Spec.Approval.ExpiresAfter; d != nil {
		lasts = d.Duration
	}
	p.st.Approval = &v1alpha1.ApprovalStatus{
		Digest:    c.Digest,
		By:        cmp.Or(problem.Head(p.obj.Annotations[v1alpha1.ApprovedByAnnotation], maxApprover), "unknown"),
		Reason:    problem.Head(p.obj.Annotations[v1alpha1.ApproveReasonAnnotation], maxReason),
		At:        p.metaNow(),
		ExpiresAt: metav1.NewTime(p.now.Add(lasts)),
	}
	op.ApprovedBy = p.st.Approval.By
	p.wakeAt(p.st.Approval.ExpiresAt.Time)
	return nil
}

// names says whether a text names a digest.
func names(text, digest string) bool {
	return len(text) >= shortestDigest && strings.HasPrefix(digest, text)
}

func (p *pass) needsApproval(op *v1alpha1.Operation, c *v1alpha1.Changes) bool {
	if p.obj.Spec.Approval == nil {
		return false
	}
	switch p.obj.Spec.Approval.Required {
	case v1alpha1.ApprovalNever:
		return false
	case v1alpha1.ApprovalOnDestructive:
		return c.Remove+c.Replace > 0 || c.Unseen
	case v1alpha1.ApprovalOnNewCommit:
		return p.st.Deployed != nil && p.st.Deployed.Target.Revision != op.Target.Revision
	}
	return true
}

// recordApproval tells whether a person is waited for.
func recordApproval(p *pass) {
	message := ""
	for _, g := range p.st.Gates {
		if g.Reason == stateApprovalPending.Reason || g.Reason == stateChangesRefused.Reason || g.Reason == stateTrafficWouldShift.Reason {
			message = g.Message
			break
		}
	}
	if op := p.foreground(); message == "" && op != nil && p.verdict.reason == stateRolloutPaused.Reason {
		message = p.verdict.message
	}
	p.setPresent(v1alpha1.ConditionApprovalPending, message != "", stateApprovalPending.Reason, message)
}
