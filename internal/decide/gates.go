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
	// after is when to look again, 0 for when something changes.
	after time.Duration
	// parks: it may last, so that the deployment is set aside and checks go on.
	parks bool
}

// gates are asked in this order whenever a plan is looked at, and the first
// that waits holds it.
var gates = []gate{
	{"an order is heard before an older plan is executed", orderHeard},
	{"a closed window holds the plan until it opens", windowOpen},
}

// passGates says what holds the plan of an operation, nil when it may be
// executed.
func (p *pass) passGates(op *v1alpha1.Operation) *hold {
	for _, g := range gates {
		if w := g.ask(p, op); w != nil {
			if w.reason != nil {
				p.say(waiting, w.reason, w.message)
			}
			return w
		}
	}
	return nil
}

// orderHeard waits for the look at the repository that a user's order asks
// for: it may want another commit than the plan's.
func orderHeard(p *pass, op *v1alpha1.Operation) *hold {
	if op.Target.Order == p.st.Orders.Current || p.seen.Head.Err != nil {
		return nil
	}
	return &hold{after: p.poll(op.StepStartedAt)}
}
