package decide

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// checkGit takes up what was seen of the repository when there is more to it
// than a new revision: hooks that surround the check, paths that decide
// whether a commit counts, or a commit that waits and that people want to know
// about. The look itself is shared by all stacks of the repository and costs
// no run; this does, so it is made once for a commit. What a user ordered or
// edited does not wait for it.
func checkGit(p *pass) bool {
	if p.st.Target == nil || p.editPending() || pinned(&p.obj.Spec) || p.obj.Spec.Source.SourceRef != nil {
		return false
	}
	head, known := p.head()
	if !p.mustRead(head, known) && !p.gitHooksDue(head, known) {
		return false
	}
	if was := p.obj.Status.Operation; was != nil && !background(was.Kind) {
		p.wakeAt(p.now.Add(time.Second)) // how that ended is told first
		return false
	}
	op := p.start(v1alpha1.OperationGitSync, v1alpha1.StepInspecting, ReasonScheduled)
	op.Revision = head
	if before, _ := hooksOf(&p.obj.Spec, op.Kind); before.Script != "" {
		return p.enter(v1alpha1.StepBeforeHook)
	}
	return p.readCommit(op)
}

// pinned says whether the spec names a commit, so that there is nothing to
// look at.
func pinned(spec *v1alpha1.CdkTsStackSpec) bool {
	src := spec.Source
	return src.SourceRef == nil && src.Git.Semver == "" && commitHash.MatchString(src.Git.Ref)
}

// Tracked names what is followed, for people: a ref, a range of versions or a
// Flux source.
func Tracked(spec *v1alpha1.CdkTsStackSpec) string {
	switch src := spec.Source; {
	case src.SourceRef != nil:
		return src.SourceRef.Kind + "/" + src.SourceRef.Name
	case src.Git.Semver != "":
		return "semver " + src.Git.Semver
	}
	return spec.Source.Git.Ref
}

// Followed are the globs of the paths whose changes count: what the spec says
// or, where it says nothing, what the build of the present deployment read.
// Both are empty when every commit counts. While the target is not reached,
// what its build would read is not known: a commit that fixes it must count. A
// new version is one whatever it changes, and of Flux there are no commits.
func Followed(spec *v1alpha1.CdkTsStackSpec, st *v1alpha1.CdkTsStackStatus) (include, ignore []string) {
	git := spec.Source.Git
	switch {
	case spec.Source.SourceRef != nil:
		return nil, nil
	case len(git.Include) == 0 && git.Semver == "" && reached(st):
		return st.Deployed.Plan.Inputs, git.Ignore
	}
	return git.Include, git.Ignore
}

// filtered says whether paths decide what counts as a change.
func (p *pass) filtered() bool {
	include, ignore := Followed(&p.obj.Spec, p.st)
	return len(include) > 0 || len(ignore) > 0
}

// mustRead says whether the commit at the head has to be read.
func (p *pass) mustRead(head string, known bool) bool {
	src := p.st.Source
	switch {
	case !known || head == p.st.Target.Revision || p.st.Deployed == nil:
		return false
	case !p.filtered() && p.followsHead():
		return false // it is deployed whatever it says
	case src == nil || src.InspectedRevision != head:
		return true
	case src.IrrelevantRevision == head || (src.Pending != nil && src.Pending.Hash == head):
		return false
	}
	return p.gitDue() || p.rereadDue()
}

// reread is how long a commit that could not be read is left alone, if the next
// check does not come before.
const reread = time.Minute

func (p *pass) rereadDue() bool {
	last := p.st.LastGitSync
	return last == nil || p.due(last.Add(reread))
}

// gitHooksDue says whether a check with hooks around it is due: in time, or
// since there is news.
func (p *pass) gitHooksDue(head string, known bool) bool {
	before, after := hooksOf(&p.obj.Spec, v1alpha1.OperationGitSync)
	if before.Script == "" && after.Script == "" {
		return false
	}
	news := known && head != p.st.Target.Revision && (p.st.Source == nil || p.st.Source.InspectedRevision != head)
	return news || p.gitDue()
}

// gitDue says whether the next scheduled check since the last one is due, and
// otherwise asks to be woken for it.
func (p *pass) gitDue() bool {
	every := schedule(p.obj, p.cfg, p.now)
	if every == nil {
		return false
	}
	last := p.st.LastGitSync
	if last == nil {
		return true
	}
	due := every.Next(last.Time.Time)
	return !due.IsZero() && p.due(due)
}

// readCommit has the commit at the head read, if it needs to be, and goes on
// to what comes after the check.
func (p *pass) readCommit(op *v1alpha1.Operation) bool {
	head, known := p.head()
	if !known {
		return p.leaveGitSync(op)
	}
	op.Revision = head
	if !p.mustRead(head, known) {
		return p.leaveGitSync(op)
	}
	return p.enter(v1alpha1.StepInspecting)
}

// followGitSync goes through the steps of a check. Nothing that its hooks do
// changes what was seen.
func followGitSync(p *pass, op *v1alpha1.Operation) bool {
	if p.deleting() || p.editPending() || p.edited() || p.heldGoesOn() {
		p.drop()
		return false
	}
	return p.followStep(op)
}

func beforeGitSync(p *pass, op *v1alpha1.Operation) bool {
	return p.runEnded(op) == nil || p.readCommit(op)
}

func inspected(p *pass, op *v1alpha1.Operation) bool {
	result := p.runEnded(op)
	if result == nil {
		return true
	}
	p.takeInspection(op, result)
	return p.leaveGitSync(op)
}

func afterGitSync(p *pass, op *v1alpha1.Operation) bool {
	return p.runEnded(op) == nil || p.endGitSync(op)
}

// takeInspection notes what was read. A commit that could not be read is
// tried again at the next check; until then it does not count.
func (p *pass) takeInspection(op *v1alpha1.Operation, result *RunResult) {
	src := p.sourceStatus()
	src.InspectedRevision, src.Pending, src.IrrelevantRevision = op.Revision, nil, ""
	switch {
	case result.Inspection == nil && result.Failure != nil:
		src.InspectError = problem.Cut(result.Failure.Message, problem.MaxMessage)
		return
	case result.Inspection == nil:
		return
	}
	src.InspectError = ""
	if !result.Inspection.Touched {
		src.IrrelevantRevision = op.Revision
		return
	}
	commit := result.Inspection.Commit
	src.Pending = &commit
}

func (p *pass) sourceStatus() *v1alpha1.SourceStatus {
	if p.st.Source == nil {
		p.st.Source = &v1alpha1.SourceStatus{Ref: Tracked(&p.obj.Spec)}
	}
	return p.st.Source
}

// leaveGitSync goes on to the hook after the check, or ends it.
func (p *pass) leaveGitSync(op *v1alpha1.Operation) bool {
	if _, after := hooksOf(&p.obj.Spec, op.Kind); after.Script != "" {
		return p.enter(v1alpha1.StepAfterHook)
	}
	return p.endGitSync(op)
}

func (p *pass) endGitSync(op *v1alpha1.Operation) bool {
	if op.Revision != "" {
		p.sourceStatus().InspectedRevision = op.Revision
	}
	p.st.LastGitSync = v1alpha1.NewTime(p.metaNow())
	p.drop()
	return false
}

// relevant says whether a commit counts as a change: without paths to follow
// every one does, else one that was read and touches them.
func (p *pass) relevant(revision string) bool {
	if !p.filtered() || p.st.Deployed == nil {
		return true
	}
	src := p.st.Source
	return src != nil && src.Pending != nil && src.Pending.Hash == revision
}
