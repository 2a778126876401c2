package decide

import (
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// maxAuthor bounds what the history keeps of the author of a commit, in bytes.
const maxAuthor = 256

// tellStory notes in the history what an operation was about: what was followed,
// who wrote it, why it was started, what it was to change, who let it.
func (p *pass) tellStory(entry *v1alpha1.HistoryEntry, op *v1alpha1.Operation) {
	entry.Trigger, entry.Override, entry.ApprovedBy, entry.FreezeErrors = op.Reason, op.Override, op.ApprovedBy, op.FreezeErrors
	if a := p.st.Approval; a != nil && a.Operation == op.ID {
		entry.ApproveReason = a.Reason
	}
	if op.Target != nil {
		entry.Target, entry.Revision = op.Target.Digest, op.Target.Revision
		entry.Ref = problem.CutMiddle(gitRef(p.obj, op.Target.Revision), maxTag)
		if o := p.st.Orders; o != nil && o.Current != "" && o.Current == op.Target.Order && !reverts(op) {
			entry.OrderedBy = o.By
		}
	}
	if op.Plan != nil && op.Plan.Commit != nil {
		entry.Author = problem.Cut(op.Plan.Commit.Author, maxAuthor)
	}
	if c := p.changesOf(op); c != nil {
		entry.Changes = c.Summary
		if c.ChangeCounts != (v1alpha1.ChangeCounts{}) {
			counts := c.ChangeCounts
			entry.Counts = &counts
		}
	}
}

// orderedBy is who gave the order of the annotation restartedAt, "" when nothing
// says so, or what does is of another order.
func (p *pass) orderedBy() string {
	name, of := strings.CutPrefix(p.obj.Annotations[v1alpha1.OrderedByAnnotation], p.obj.Annotations[v1alpha1.RestartedAtAnnotation]+" ")
	if !of {
		return ""
	}
	return problem.Head(name, maxApprover)
}
