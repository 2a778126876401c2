package decide

import (
	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// maxAuthor bounds what the history keeps of the author of a commit, in bytes.
const maxAuthor = 256

// tellStory notes in the history what an operation was about: what was followed,
// who wrote it, why it was started, what it was to change, who let it.
func (p *pass) tellStory(entry *v1alpha1.HistoryEntry, op *v1alpha1.Operation) {
	entry.Trigger, entry.Override, entry.ApprovedBy = op.Reason, op.Override, op.ApprovedBy
	if a := p.st.Approval; a != nil && a.Operation == op.ID {
		entry.ApproveReason = a.Reason
	}
	if op.Target != nil {
		entry.Target, entry.Revision = op.Target.Digest, op.Target.Revision
		entry.Ref = problem.CutMiddle(gitRef(p.obj, op.Target.Revision), maxTag)
	}
	if op.Plan != nil && op.Plan.Commit != nil {
		entry.Author = problem.Cut(op.Plan.Commit.Author, maxAuthor)
	}
	if c := p.changesOf(op); c != nil {
		entry.Changes = c.Summary
		entry.Counts = &v1alpha1.ChangeCounts{
			Add: c.Add, Modify: c.Modify, Replace: c.Replace, Remove: c.Remove, Import: c.Import,
			DataLoss: c.DataLoss, Security: c.Security, Moved: c.Moved,
		}
		if *entry.Counts == (v1alpha1.ChangeCounts{}) {
			entry.Counts = nil
		}
	}
}
