package decide

import (
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
)

// rivalry refuses to deploy a stack that another object deploys: each would
// undo what the other does, and the first to be deleted would take it along.
// It counts as no attempt, since it ends with the other object.
func (p *pass) rivalry(op *v1alpha1.Operation) bool {
	if p.st.StackID == op.StackID && Claim(p.st) == v1alpha1.ClaimMade {
		p.claim("", "") // it is not ours to delete
	}
	return p.fail(errStackOfAnother.New("%s", p.rivalMessage(op.Plan.StackName)))
}

func (p *pass) rivalMessage(stack string) string {
	rival := p.seen.Rival
	if rival.Leaving {
		return fmt.Sprintf("the stack %s is deployed by the CdkTsStack %s, which is being deleted: this object goes on by itself when that is gone", stack, rival.Name)
	}
	return fmt.Sprintf(
		"the stack %s is deployed by the CdkTsStack %s already: this object goes on by itself when that one is deleted (if its actions.destroy is false, the stack stays and is taken over, otherwise it is deleted and made again); or delete this object, or give it another stackName, region or account", stack, rival.Name)
}

// awaited is the place of the stack that an object was refused since another
// object deploys it, and that it still wants; ok is false when it waits for none.
func awaited(st *v1alpha1.CdkTsStackStatus) (place Place, ok bool) {
	if st.Target == nil || reached(st) {
		return Place{}, false
	}
	failed := failures(st, v1alpha1.OperationDeploy, st.Target.Digest)
	if len(failed) == 0 || failed[0].Reason != errStackOfAnother.Reason {
		return Place{}, false
	}
	return planned(st.Plan)
}

// awaitStack waits for the end of the object that has the stack, and then
// builds again: the plan may be old by then. Nobody polls: the other object's
// deletion, or the loss of its claim, wakes this one.
func (p *pass) awaitStack(stack string, last v1alpha1.HistoryEntry) bool {
	switch rival := p.seen.Rival; {
	case rival.Err != nil:
		return p.unseen(rival.Err)
	case !rival.Seen:
		p.say(stalled, errStackOfAnother, last.Message)
		if p.st.Operation == nil {
			p.wakeAt(p.now) // this pass was about something else
		}
		return false
	case rival.Name == "":
		return p.startDeploy(ReasonRetry)
	case rival.Leaving:
		p.say(waiting, errStackOfAnother, p.rivalMessage(stack))
	default:
		p.say(stalled, errStackOfAnother, p.rivalMessage(stack))
	}
	return false
}
