package decide

import (
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// gate stands between a finished plan and its execution. It is a question with
// the reason that it waits for; it fails nothing and spends no attempt.
type gate struct {
	name string
	// ask gives what the plan waits for, nil to let it through.
	ask func(*pass, *v1alpha1.Operation) *hold
}

// hold is what a gate waits for.
type hold struct {
	// reason and message tell people, nil for what passes in a moment.
	reason  *problem.Kind
	message string
	// after is when to look again.
	after time.Duration
}

// gates are asked in this order whenever a plan is looked at, and the first
// that waits ends the pass.
var gates = []gate{
	{"an order is heard before an older plan is executed", orderHeard},
}

// passGates says whether the plan may be executed; if not, the pass has spoken.
func (p *pass) passGates(op *v1alpha1.Operation) bool {
	for _, g := range gates {
		if w := g.ask(p, op); w != nil {
			if w.reason != nil {
				p.say(waiting, w.reason, w.message)
			}
			p.look(w.after)
			return false
		}
	}
	return true
}

// orderHeard waits for the look at the repository that a user's order asks
// for: it may want another commit than the plan's.
func orderHeard(p *pass, op *v1alpha1.Operation) *hold {
	if op.Target.Order == p.st.Orders.Current || p.seen.Head.Err != nil {
		return nil
	}
	return &hold{after: p.poll(op.StepStartedAt)}
}
