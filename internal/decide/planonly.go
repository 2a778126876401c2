package decide

import "awscdk.dev/operator/api/v1alpha1"

// planOnly holds every plan of an object that is not to execute any.
func planOnly(p *pass, op *v1alpha1.Operation) *hold {
	if !p.obj.Spec.PlanOnly {
		return nil
	}
	message := "spec.planOnly is true: nothing is executed; set it to false to execute it"
	if p.changesOf(op) == nil {
		message = "it cannot be made before the failed operation on the stack is cleared away, and spec.planOnly is true: set it to false to have that done"
	}
	return &hold{reason: statePlanOnly, message: message, parks: true}
}

// repairs brings a stack into a state that takes a change set, by an action on
// it, which an object that only plans does not do.
func (p *pass) repairs(op *v1alpha1.Operation, step v1alpha1.OperationStep, action Action) bool {
	if p.obj.Spec.PlanOnly {
		p.passGates(op)
		p.park(op)
		return false
	}
	p.step(step)
	return p.act(action, p.poll(op.StepStartedAt))
}
