package decide

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
)

// progress counts what the events tell; it never goes back.
func (p *pass) progress(ev Events) {
	if p.st.Progress == nil {
		p.st.Progress = &v1alpha1.Progress{}
	}
	pr := p.st.Progress
	pr.Done = max(pr.Done, int32(ev.Done))
	pr.Current = ev.Current
	if pr.Total > 0 { // a deletion does not say how many there are
		pr.Done = min(pr.Done, pr.Total)
		pr.Percent = pr.Done * 100 / pr.Total
	}
}

// failureMessage tells the first failure that is not a consequence of another.
func failureMessage(plan *v1alpha1.Plan, ev Events) string {
	if ev.RootCause == nil {
		return fmt.Sprintf("%s ended in %s", whatOf(plan), ev.Final)
	}
	return fmt.Sprintf("%s ended in %s: %s", whatOf(plan), ev.Final, describe(plan, ev.RootCause))
}

// whatOf says what the execution of a plan is.
func whatOf(plan *v1alpha1.Plan) string {
	if plan.RevertsDrift {
		return "putting back the drift of " + plan.StackName
	}
	return "the deployment of " + plan.StackName
}

func describe(plan *v1alpha1.Plan, f *Failure) string {
	where := f.LogicalID
	if plan != nil && plan.ConstructPaths[f.LogicalID] != "" {
		where = fmt.Sprintf("%s (%s)", plan.ConstructPaths[f.LogicalID], f.LogicalID)
	}
	return fmt.Sprintf("%s, %s, %s: %s", where, f.ResourceType, f.Status, f.Reason)
}
