// Package problem is how the operator speaks of what goes wrong: a reason for
// scripts, a message for people, and an outlook that says what is done next.
// Every package declares the reasons that are its own; together they are the
// table that conditions, events and docs/reference/conditions.md follow.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Outlook says what the operator does about a problem by itself.
type Outlook string

// The outlooks.
const (
	// Waits is for what passes by itself, such as throttling, an unreachable
	// network or a busy stack: it is tried again for as long as it lasts, and
	// counts no attempt.
	Waits Outlook = "waits"
	// Retries is for what may go well next time: it counts as a failed
	// attempt, and is tried again a bounded number of times.
	Retries Outlook = "retries"
	// Stalls is for what the same again cannot fix: the repository or the
	// spec has to change.
	Stalls Outlook = "stalls"
)

// Problem is an error that was judged where it arose.
type Problem struct {
	// Reason is CamelCase: the reason of a condition.
	Reason string
	// Message says what happened and what to do, without secrets.
	Message string
	// Outlook is what is done next; an empty one counts as Retries.
	Outlook Outlook
	// Err is the cause for errors.Is and errors.As; it may be nil, and is not
	// part of the JSON.
	Err error
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Is reports whether the problem is of the kind, for errors.Is.
func (p *Problem) Is(target error) bool {
	k, ok := target.(*Kind)
	return ok && k.Reason == p.Reason
}

// With returns a copy of the problem with another outlook; nil stays nil.
func (p *Problem) With(o Outlook) *Problem {
	if p == nil {
		return nil
	}
	changed := *p
	changed.Outlook = o
	return &changed
}

// wire is a problem in JSON. Permanent and Temporary are how versions before
// 2.1 wrote Stalls and Waits: a run may be older than its manager.
type wire struct {
	Reason    string  `json:"reason"`
	Message   string  `json:"message"`
	Outlook   Outlook `json:"outlook,omitempty"`
	Permanent bool    `json:"permanent,omitempty"`
	Temporary bool    `json:"temporary,omitempty"`
}

// MarshalJSON writes reason, message and outlook.
func (p *Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(wire{Reason: p.Reason, Message: p.Message, Outlook: p.Outlook})
}

// UnmarshalJSON reads what MarshalJSON writes, and what earlier versions wrote.
func (p *Problem) UnmarshalJSON(data []byte) error {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*p = Problem{Reason: w.Reason, Message: w.Message, Outlook: w.Outlook}
	switch {
	case w.Outlook != "":
	case w.Permanent:
		p.Outlook = Stalls
	case w.Temporary:
		p.Outlook = Waits
	default:
		p.Outlook = Retries
	}
	return nil
}

// Find returns the problem in err, with all that err says as its message: the
// outermost Problem or Kind, or the end of a context. ok is false when err
// holds none of them.
func Find(err error) (p *Problem, ok bool) {
	found, ok := errors.AsType[*Problem](err)
	if ok && error(found) == err {
		return found, true
	}
	if ok {
		return &Problem{Reason: found.Reason, Message: err.Error(), Outlook: found.Outlook, Err: err}, true
	}
	kind, ok := errors.AsType[*Kind](err)
	switch {
	case ok:
	case errors.Is(err, context.DeadlineExceeded):
		kind = TimedOut
	case errors.Is(err, context.Canceled):
		kind = Cancelled
	default:
		return nil, false
	}
	return kind.Because(err, "%s", err.Error()), true
}

// Of returns the problem in err. An error that nobody has named waits, since
// nothing is known to be wrong with what was asked for. Of(nil) is nil.
func Of(err error) *Problem {
	if err == nil {
		return nil
	}
	if p, ok := Find(err); ok {
		return p
	}
	return Unnamed.Because(err, "%s", err.Error())
}

// Kind is a row of the table of reasons. It is an error, so that errors.Is
// tells problems apart by it.
type Kind struct {
	// Reason is CamelCase and names one row only.
	Reason string
	// Outlook is that of its problems unless one says otherwise; a state has
	// none.
	Outlook Outlook
	// Nature says how it is announced.
	Nature Nature
	// OfRoom says that a run lacked time, memory, disk or a pod: what a field of
	// the spec gives that is no part of what is built.
	OfRoom bool
}

// Error returns the reason.
func (k *Kind) Error() string { return k.Reason }

// New returns a problem of the kind.
func (k *Kind) New(format string, args ...any) *Problem {
	return k.Because(nil, format, args...)
}

// Because returns a problem of the kind with a cause.
func (k *Kind) Because(cause error, format string, args ...any) *Problem {
	return &Problem{Reason: k.Reason, Message: fmt.Sprintf(format, args...), Outlook: k.Outlook, Err: cause}
}
