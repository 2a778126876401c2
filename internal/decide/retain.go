package decide

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
)

// retain lets a deleted object go and leaves its stack. beforeDestroy guards
// the object then, too: with the object goes all that watches the stack.
func (p *pass) retain() bool {
	before, _ := hooksOf(&p.obj.Spec, v1alpha1.OperationDestroy)
	if before.Script == "" || !p.ownsStack() || p.mayGo() {
		return p.letGo(stateStackRetained, p.retainedMessage())
	}
	failed := failures(p.st, v1alpha1.OperationDestroy, p.retainTarget())
	if p.pausesAfter(failed) {
		return true
	}
	op := p.start(v1alpha1.OperationDestroy, v1alpha1.StepBeforeHook, ReasonRetained)
	op.StackID = stackRef(p.obj)
	op.Target = &v1alpha1.Target{Digest: p.retainTarget()}
	op.Attempt = int32(len(failed) + 1)
	return p.enter(v1alpha1.StepBeforeHook)
}

// retaining says whether the operation in flight only asks whether a deleted
// object may go; its stack stays.
func (p *pass) retaining() bool {
	return p.st.Operation != nil && p.st.Operation.Reason == ReasonRetained
}

// followRetention follows the hook that guards the object. What the hook needs
// and what is missing is waited for: a guard that cannot be asked has not
// agreed.
func (p *pass) followRetention(op *v1alpha1.Operation) bool {
	before, _ := hooksOf(&p.obj.Spec, op.Kind)
	switch {
	case MayDestroy(&p.obj.Spec):
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "actions.destroy was set to true")
		return false
	case before.Script == "":
		p.end(v1alpha1.OutcomeSuperseded, stateSuperseded, "beforeDestroy was taken out of the spec")
		return false
	}
	spoke := p.lacksCredentials() || p.followStep(op)
	if spoke && p.action == ActNothing && p.verdict.severity != fine {
		p.verdict.message += "; " + p.withoutGuard()
	}
	return spoke
}

// mayLetGo takes the answer of the hook.
func (p *pass) mayLetGo(op *v1alpha1.Operation, result *RunResult) bool {
	if result.Failure != nil {
		return p.fail(ErrBeforeDestroy.New(
			"the object of the stack %s is kept: %s; %s", stackName(op.StackID), result.Failure.Message, p.withoutGuard()))
	}
	p.end(v1alpha1.OutcomeUnchanged, stateStackRetained, p.retainedMessage())
	return false
}

// mayGo says whether the hook has agreed, and nothing that it was asked about
// has changed since.
func (p *pass) mayGo() bool {
	h := p.st.History
	return len(h) > 0 && h[0].Kind == v1alpha1.OperationDestroy && h[0].Reason == stateStackRetained.Reason && h[0].Target == p.retainTarget()
}

// retainTarget tells the attempts to let the object go apart, also from those
// at a destruction.
func (p *pass) retainTarget() string { return digest(p.destroyTarget(), ReasonRetained) }

// withoutGuard is the way out when the hook cannot agree.
func (p *pass) withoutGuard() string {
	return fmt.Sprintf(
		`to let the object go and keep the stack, take the hook away: kubectl -n %s patch cdk %s --type=merge -p '{"spec":{"lifecycleHooks":{"beforeDestroy":null}}}'`, p.obj.Namespace, p.obj.Name)
}

func (p *pass) retainedMessage() string {
	if !p.ownsStack() {
		return "actions.destroy is false: the object is let go"
	}
	return fmt.Sprintf("actions.destroy is false: the object is let go and the stack %s stays in AWS", stackName(stackRef(p.obj)))
}
