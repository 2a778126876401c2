package decide

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// recordSource notes what was seen of the repository, and the commit that
// waits to be deployed.
func recordSource(p *pass) {
	tracked := Tracked(&p.obj.Spec)
	src := v1alpha1.SourceStatus{Ref: tracked}
	if old := p.st.Source; old != nil && old.Ref == tracked {
		src = *old
	}
	h := p.seen.Head
	switch {
	case p.deleting():
		return
	case pinned(&p.obj.Spec):
		src.Revision, src.Error = tracked, ""
	case h.Err != nil:
		src.Error = problem.Cut(problem.Of(h.Err).Message, problem.MaxMessage)
	case h.Known:
		src.Error, src.Tag = "", problem.Head(h.Tag, maxTag)
		if src.Revision != h.Revision {
			src.Revision, p.st.LastGitSync = h.Revision, v1alpha1.NewTime(p.metaNow())
		}
	}
	src.PendingRevision = p.pendingRevision(src)
	if src.PendingRevision == "" {
		src.Pending = nil
	}
	p.st.Source = &src
	p.recordSourceCondition(src)
}

func (p *pass) recordSourceCondition(src v1alpha1.SourceStatus) {
	switch {
	case src.Error != "":
		p.setCondition(v1alpha1.ConditionSourceAvailable, metav1.ConditionFalse, problem.Of(orNone(p.seen.Head.Err)).Reason, src.Error)
	case src.Revision != "":
		p.setCondition(v1alpha1.ConditionSourceAvailable, metav1.ConditionTrue, stateSeen.Reason, fmt.Sprintf("%s is at revision %s", src.Ref, short(src.Revision)))
	}
}

func (p *pass) pendingRevision(src v1alpha1.SourceStatus) string {
	if p.st.Deployed == nil || p.st.Target == nil || src.Revision == p.st.Target.Revision || src.Revision == src.IrrelevantRevision {
		return ""
	}
	return src.Revision
}

func orNone(err error) error {
	if err == nil {
		return errSourceUnavailable
	}
	return err
}

// pendingNews tells of a commit that is seen and not deployed.
func pendingNews(p *pass, s *v1alpha1.SourceStatus) string {
	news := fmt.Sprintf("commit %s of %s", short(s.PendingRevision), s.Ref)
	if s.Pending != nil && s.Pending.Hash == s.PendingRevision {
		news += fmt.Sprintf(" (%q by %s)", s.Pending.Subject, s.Pending.Author)
	}
	switch {
	case !AutoRedeploy(&p.obj.Spec):
		return news + " is pending: set actions.autoRedeploy or request a deployment"
	case s.InspectError != "" && s.InspectedRevision == s.PendingRevision:
		return news + " could not be read, which is tried again: " + s.InspectError
	}
	return news + " is looked at before it is deployed"
}

// sourceUnknown says what is known of a repository whose commit is not.
func (p *pass) sourceUnknown() {
	h := p.seen.Head
	if h.Err != nil {
		pr := problem.Of(h.Err)
		p.tell(failing, pr)
		p.wakeAt(later(h.RetryAt, p.now.Add(p.patience(pr.Reason))))
		return
	}
	p.wakeAt(p.now.Add(2 * time.Second)) // should the news of it get lost
	p.say(waiting, stateLookingAtSource, "looking at "+Tracked(&p.obj.Spec))
}

// head gives the commit to deploy when it is known freshly enough for the
// user's last order.
func (p *pass) head() (revision string, ok bool) {
	if pinned(&p.obj.Spec) {
		return p.obj.Spec.Source.Git.Ref, true
	}
	h := p.seen.Head
	if !h.Known || h.Err != nil || h.Revision == "" {
		return "", false
	}
	if at := p.st.Orders.At; at != nil && h.SeenAt.Before(at.Time) {
		return "", false
	}
	return h.Revision, true
}
