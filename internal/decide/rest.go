package decide

import (
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/freeze"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/windows"
)

// suspended starts nothing. A deleted object is not let go either: deleting
// its stack is an operation like any other.
func suspended(p *pass) bool {
	if !p.obj.Spec.Suspend {
		return false
	}
	p.say(paused, stateSuspended, "suspended: set spec.suspend to false to go on")
	return wait(p)
}

// adopt takes over an object that the earlier operator deployed: as it
// stands, without building or deploying anything. What is ordered or edited
// later is a new target as usual.
func adopt(p *pass) bool {
	if !p.adoptable() {
		p.nameAdopted()
		return p.findAdopted()
	}
	revision, _ := p.head() // it is named later when it is not known yet
	p.st.Target = newTarget(revision, SpecDigest(&p.obj.Spec), "", p.seen.Inputs.Digest)
	p.st.Deployed = &v1alpha1.Deployment{
		Target:     *p.st.Target,
		Generation: p.obj.Generation,
		Plan:       v1alpha1.Plan{StackName: p.obj.Spec.StackName},
		At:         p.metaNow(),
	}
	return p.again()
}

// nameAdopted notes the commit that counts as deployed of an object that was
// adopted while its repository could not be read.
func (p *pass) nameAdopted() {
	d := p.st.Deployed
	if d == nil || d.Target.Revision != "" || p.st.LastDeployment != nil {
		return
	}
	if revision, ok := p.head(); ok {
		target := newTarget(revision, d.Target.SpecDigest, d.Target.Order, d.Target.Inputs)
		d.Target, p.st.Target = *target, target.DeepCopy()
	}
}

// adoptable says whether an object was deployed by the earlier operator and is
// still to be taken over.
func (p *pass) adoptable() bool {
	old := p.obj.Status
	if p.st.Target != nil || old.LastDeploy == nil {
		return false
	}
	switch old.Phase {
	case v1alpha1.PhaseSucceeded, v1alpha1.PhaseDriftChecking, v1alpha1.PhaseGitSyncChecking: // it checks what it has deployed only
		return true
	}
	return false
}

// awaitsARN says whether an object was adopted by the name of its stack. One
// that this operator deployed is known by its ARN: who has the name now may be
// another.
func awaitsARN(st *v1alpha1.CdkTsStackStatus) bool {
	return st.Deployed != nil && st.StackID == "" && st.LastDeployment == nil
}

// findAdopted notes the ARN of an adopted stack, by which it is watched from
// then on.
func (p *pass) findAdopted() bool {
	if awaitsARN(p.st) && p.seen.Stack.Exists && !strangersByName(p.st, p.seen.Stack) {
		p.claim(p.seen.Stack.ID, v1alpha1.ClaimDeployed)
		p.noteOutputs(p.seen.Stack)
	}
	return false
}

// refuseSpec stops a spec that the schema could not refuse.
func refuseSpec(p *pass) bool {
	_, err := Context(p.obj.Spec.CDKContext)
	if size := jsonSize(p.obj.Spec); err == nil && size > maxSpec {
		err = fmt.Errorf("the spec takes %d KiB and may take %d KiB, so that the object's status can be saved beside it: put long scripts into the repository and call them from the hooks", kib(size), kib(maxSpec))
	}
	if err == nil {
		err = readsItself(&p.obj.Spec)
	}
	if w := p.obj.Spec.Windows; err == nil && w != nil {
		_, err = windows.Parse(w)
	}
	if err == nil {
		err = freeze.Validate(p.obj.Spec.Freeze)
	}
	if err == nil {
		err = refuseVerification(&p.obj.Spec)
	}
	if err == nil {
		return p.refuseCycle()
	}
	p.say(stalled, problem.InvalidSpec, err.Error())
	return true
}

// notAllowed says that deployments are switched off.
func (p *pass) notAllowed() {
	switch {
	case p.st.Deployed == nil:
		p.say(paused, stateDeployDisabled, "actions.deploy is false: nothing is deployed")
	case p.editPending() || !p.reached():
		p.say(paused, stateDeployDisabled, "actions.deploy is false: what was edited or ordered is not deployed")
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// wait is the end of every pass that has nothing to do: it asks to be woken
// for the next look at the repository.
func wait(p *pass) bool {
	every := schedule(p.obj, p.cfg, p.now)
	if every == nil || pinned(&p.obj.Spec) {
		return true
	}
	if next := every.Next(p.now); !next.IsZero() {
		p.wakeAt(next.Add(share(spread(every, next, 1, 10, 30*time.Second), jitter(string(p.obj.UID), 1))))
	}
	return true
}
