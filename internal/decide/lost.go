package decide

import (
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// notAsDeployed says what is wrong with a stack that no deployment leaves like
// that, or nil. A rollback that is complete has brought back what was deployed.
func (p *pass) notAsDeployed(s Stack) *problem.Problem {
	switch {
	case !s.Exists:
		return errStackMissing.New("the stack %s was deleted, and not by this object: to have it made again, request a deployment (%s); if it is to stay deleted, delete this object",
			stackName(p.st.StackID), p.orderCommand())
	case p.updatedByOthers(s):
		return errStackChanged.New("the stack %s was updated at %s, and not by this object: its template is not the one that was deployed at revision %s. To have that deployed again, request a deployment: %s",
			s.Name, s.UpdatedAt.UTC().Format(time.RFC3339), short(p.st.Deployed.Target.Revision), p.orderCommand())
	case updatable(s.Status):
		return nil
	}
	pr := unusable(s)
	pr.Message += fmt.Sprintf(". To request a deployment: %s", p.orderCommand())
	return pr
}

// Updated says whether a stack was updated since this object last executed
// something on it: then its template tells whether it is still what was deployed.
func Updated(obj *v1alpha1.CdkTsStack, s Stack) bool {
	d := obj.Status.Deployed
	return d != nil && d.Plan.TemplateDigest != "" && updatable(s.Status) && s.UpdatedAt.After(lastExecution(&obj.Status))
}

// updatedByOthers says whether the template of a stack is none of this
// object's: neither that of the last good deployment nor that of the last plan,
// which may be in place and have failed its verification.
func (p *pass) updatedByOthers(s Stack) bool {
	if s.Template == "" || !Updated(p.obj, s) || s.Template == p.st.Deployed.Plan.TemplateDigest {
		return false
	}
	return p.st.Plan == nil || s.Template != p.st.Plan.TemplateDigest
}

// orderCommand requests a deployment of the object.
func (p *pass) orderCommand() string {
	return fmt.Sprintf(`kubectl -n %s annotate cdk %s %s="$(date)" --overwrite`, p.obj.Namespace, p.obj.Name, v1alpha1.RestartedAtAnnotation)
}

// lose ends a drift check that found the stack gone or broken. Of its drift
// nothing is known then.
func (p *pass) lose(pr *problem.Problem, s Stack) bool {
	now := p.metaNow()
	since := now
	if was := p.st.StackProblem; was != nil && was.Reason == pr.Reason {
		since = was.Since
	}
	status := s.Status
	if !s.Exists {
		status = ""
	}
	p.st.StackProblem = &v1alpha1.StackProblem{
		Reason: pr.Reason, Message: problem.Cut(pr.Message, problem.MaxMessage), StackStatus: status, Since: since,
	}
	p.answered()
	p.st.Drift, p.st.DriftDetected = &v1alpha1.DriftStatus{AttemptedAt: &now, Unmatched: p.stillUnmatched(), RulesDigest: rulesDigest(&p.obj.Spec)}, false
	p.drop()
	return false
}

// tellLost says that what was deployed is not so any more, unless something is
// being done or was to be done about it. Nothing is, without being asked:
// somebody may have meant it.
func (p *pass) tellLost() {
	lost := p.st.StackProblem
	if lost == nil || p.foreground() != nil || p.deleting() || !p.reached() || p.editPending() || p.verdict.severity >= waiting {
		return
	}
	p.say(stalled, problem.Named(lost.Reason), lost.Message)
}
