package decide

import (
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// gate stands between a finished plan and its execution. It is a question with
// the reason that it waits for; it fails nothing and spends no attempt.
type gate struct {
	// name is what status.gates calls it, rule what it is there for.
	name, rule string
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
	// yields: an emergency opens it, for one target.
	yields bool
	// unknown: some of what it waits for is being looked at. What was said of it
	// before stands, and the others are asked meanwhile.
	unknown bool
}

// gates are asked in this order whenever a plan is looked at. All of them are
// asked, so that people hear at once of everything that a plan waits for; the
// first that waits gives the reason.
var gates = []gate{
	{"dependencies", "a plan is executed while what it depends on is ready", dependenciesReady},
	{"order", "an order is heard before an older plan is executed", orderHeard},
	{"planOnly", "an object that only plans executes nothing", planOnly},
	{"window", "a closed window holds the plan until it opens", windowOpen},
	{"freeze", "an endpoint that says so holds the plan, such as during an incident", notFrozen},
	{"policies", "a plan that breaks a rule of a policy waits until it, or the rule, is changed", lawful},
	{"limits", "what a plan removes or replaces beyond the limits is acknowledged", acknowledged},
	{"approval", "a plan that needs it is approved", approved},
	{"traffic", "a plan that would move live traffic by accident, or meets a rollout, waits for that to be acknowledged", trafficStays},
}

// passGates says what holds the plan of an operation, nil when it may be
// executed.
func (p *pass) passGates(op *v1alpha1.Operation) *hold {
	var first, unknown *hold
	var needs []string
	refused := p.emergencyRefused(op)
	p.st.Gates, op.Override, op.FreezeErrors = nil, "", ""
	for _, g := range gates {
		w := p.knownBefore(g.name, g.ask(p, op))
		switch {
		case w == nil, w.yields && p.override(op):
			continue
		case w.unknown && !w.parks:
			unknown = w
			continue
		case !w.parks:
			return w // it passes in a moment, and may change what the others say
		case w.yields:
			w.message += refused
			refused = "" // it is said once
		}
		switch {
		case first == nil:
			first = w
		case w.after > 0 && (first.after == 0 || w.after < first.after):
			first.after = w.after
		}
		needs = append(needs, w.message)
		p.st.Gates = append(p.st.Gates, v1alpha1.GateStatus{Name: g.name, Reason: w.reason.Reason, Message: problem.Cut(w.message, problem.MaxMessage)})
	}
	switch {
	case first != nil:
		p.say(waiting, first.reason, p.planned(op)+" waits: "+strings.Join(needs, "; "))
		return first
	case unknown != nil:
		return unknown
	}
	p.noteFreezeErrors(op)
	return nil
}

// knownBefore is what a gate holds a plan for: what was said of it before, if
// it is not wholly known now.
func (p *pass) knownBefore(gate string, w *hold) *hold {
	if w == nil || !w.unknown {
		return w
	}
	i := slices.IndexFunc(p.obj.Status.Gates, func(g v1alpha1.GateStatus) bool { return g.Name == gate })
	if i < 0 {
		return w
	}
	was := p.obj.Status.Gates[i]
	return &hold{reason: problem.Named(was.Reason), message: was.Message, parks: true, after: w.after}
}

// planned names a plan and what it does.
func (p *pass) planned(op *v1alpha1.Operation) string {
	what := "the plan of revision " + short(op.Target.Revision)
	if c := p.changesOf(op); c != nil {
		what += " (" + c.Summary + ")"
	}
	return what
}

// changesOf is what the plan of an operation does, nil when it is not known.
func (p *pass) changesOf(op *v1alpha1.Operation) *v1alpha1.Changes {
	if c := p.st.Changes; c != nil && c.Operation == op.ID {
		return c
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
