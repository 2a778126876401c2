package decide

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// maxHeld is how long a plan may wait and still be executed as it is: over a
// weekend with its holidays. An older one is made again when its gate opens.
const maxHeld = 96 * time.Hour

// park sets a deployment whose plan waits aside, so that checks go on.
func (p *pass) park(op *v1alpha1.Operation) {
	if now := p.metaNow(); op.HeldSince == nil {
		op.HeldSince = &now
	}
	p.st.Held, p.st.Operation, p.st.Progress = op, nil, nil
}

// held keeps a deployment that waits at a gate until it may go on, or is to be
// given up, which followDeploy says: then it is in flight again.
func held(p *pass) bool {
	op := p.st.Held
	if p.st.Operation != nil || !p.heldGoesOn() {
		return false
	}
	p.verdict = verdict{}
	p.st.Operation, p.st.Held, p.st.Gates = op, nil, nil
	op.StepStartedAt = p.metaNow()
	return p.again()
}

// heldGoesOn says whether a deployment that waits has something to do: its gates
// are open, it is given up, or it is to be judged anew. No check may keep it
// waiting then.
func (p *pass) heldGoesOn() bool {
	op := p.st.Held
	switch {
	case op == nil:
		return false
	case p.deleting() || p.superseded(op) != "":
		return true
	}
	if c := p.changesOf(op); c != nil && (c.ProtectDigest != protectDigest(p.obj.Spec.Protect) || p.movedSince(c) || p.policiesMoved(c)) {
		return true
	}
	w := p.passGates(op)
	if w != nil && w.after > 0 {
		p.wakeAt(p.now.Add(w.after))
	}
	return w == nil
}

// movedSince says whether a stack that was looked at, for a check, is another
// than the one that a plan was made for: its change set is of no more use.
func (p *pass) movedSince(c *v1alpha1.Changes) bool {
	s := p.seen.Stack
	return s.Seen && c.StackDigest != "" && c.StackDigest != stackDigest(s)
}

// agedOut says whether a plan has waited for so long that it may no longer tell
// what would happen.
func (p *pass) agedOut(op *v1alpha1.Operation) bool {
	return op.HeldSince != nil && p.now.Sub(op.HeldSince.Time) > maxHeld
}

// outrun says whether a newer commit is to be deployed than that of a plan which
// had to wait.
func (p *pass) outrun(op *v1alpha1.Operation) bool {
	revision, known := p.head()
	return op.HeldSince != nil && known && revision != op.Target.Revision && p.followsHead() && p.relevant(revision) && !p.heldBack(revision)
}
