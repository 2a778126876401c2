package decide

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// notAsDeployed says what is wrong with a stack that no deployment leaves like
// that, or nil. A rollback that is complete has brought back what was deployed.
func (p *pass) notAsDeployed(s Stack) *problem.Problem {
	switch {
	case !s.Exists:
		return errStackMissing.New("the stack %s was deleted, and not by this object: to have it made again, order a deployment (%s); if it is to stay deleted, delete this object",
			stackName(p.st.StackID), p.orderCommand())
	case updatable(s.Status):
		return nil
	}
	pr := unusable(s)
	pr.Message += fmt.Sprintf(". A deployment is ordered by: %s", p.orderCommand())
	return pr
}

// orderCommand orders a deployment of the object.
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
	p.st.Drift, p.st.DriftDetected = &v1alpha1.DriftStatus{AttemptedAt: &now}, false
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
