package decide

import (
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

const (
	// maxStuck bounds the resources that are kept of a rollback that is stuck.
	maxStuck = 50
	// maxSkip bounds what is read of an order to skip some, in bytes.
	maxSkip = 4096
	// ReasonSkip is for a rollback that goes on without some resources.
	ReasonSkip = "SkipOrdered"
)

// noteStuck notes the resources that a rollback is stuck at.
func (p *pass) noteStuck(ev Events) {
	since := p.metaNow()
	if s := p.st.Stuck; s != nil {
		since = s.Since
	}
	p.st.Stuck = &v1alpha1.StuckRollback{Resources: ev.Stuck[:min(len(ev.Stuck), maxStuck)], Since: since}
}

// howToSkip names the resources that a rollback is stuck at, and the ways on.
func (p *pass) howToSkip() string {
	s := p.st.Stuck
	if s == nil || len(s.Resources) == 0 {
		return ""
	}
	ids := strings.Join(s.Resources, ",")
	return fmt.Sprintf(". The rollback is stuck at %s: fix the cause and request a deployment (%s), which lets the rollback go on first; or have it go on without them, which leaves them as they are, so that they no longer match the template: %s%s=%s",
		strings.Join(s.Resources, ", "), p.orderCommand(), p.annotate(), v1alpha1.SkipResourcesAnnotation, ids)
}

// skipStuck has a rollback that is stuck go on without the resources that a person
// names: once for each value of the annotation, and only without those that it is
// stuck at.
func skipStuck(p *pass) bool {
	order := problem.Head(p.obj.Annotations[v1alpha1.SkipResourcesAnnotation], maxSkip)
	if order == p.st.Orders.SkipResources || p.deleting() {
		return false
	}
	p.st.Orders.SkipResources = order
	ids := strings.FieldsFunc(order, func(r rune) bool { return r == ',' || r == ' ' })
	s := p.st.Stuck
	if len(ids) == 0 || s == nil {
		return false
	}
	for _, id := range ids {
		if !slices.Contains(s.Resources, id) {
			s.Refused = problem.Cut(fmt.Sprintf("%s names %q, and the rollback is stuck at %s only: nothing was skipped", v1alpha1.SkipResourcesAnnotation, problem.Cut(id, 200), strings.Join(s.Resources, ", ")), maxNote)
			return false
		}
	}
	s.Refused = ""
	slices.Sort(ids)
	op := p.start(v1alpha1.OperationRollback, v1alpha1.StepUnwedging, ReasonSkip)
	op.Skip, op.StackID, op.Plan = slices.Compact(ids), p.st.StackID, PlanOf(p.obj).DeepCopy()
	if p.st.Target != nil {
		op.Target = p.st.Target.DeepCopy()
	}
	return p.act(ActContinueRollback, p.poll(op.StepStartedAt))
}

// skipped ends a rollback that has gone on without some resources.
func (p *pass) skipped(op *v1alpha1.Operation) bool {
	p.st.Stuck = nil
	p.end(v1alpha1.OutcomeSucceeded, stateSkipped, fmt.Sprintf("the rollback of %s went on without %s, which no longer match the template: the next drift check names them", op.Plan.StackName, strings.Join(op.Skip, ", ")))
	return false
}

// tellSkipped says, of a target whose rollback was stuck, that it has gone on or
// that it was not let.
func (p *pass) tellSkipped() {
	newest := p.st.History[0]
	if newest.Reason == stateSkipped.Reason && newest.Outcome == v1alpha1.OutcomeSucceeded {
		p.say(stalled, stateSkipped, fmt.Sprintf("%s. To go on, request a deployment: %s", newest.Message, p.orderCommand()))
		return
	}
	if s := p.st.Stuck; s != nil && s.Refused != "" {
		p.verdict.message = fmt.Sprintf("%s. Before that, %s", s.Refused, p.verdict.message)
	}
}
