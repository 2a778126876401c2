package decide

import (
	"errors"
	"time"
)

// How long to wait before looking again at what is out of our hands.
const (
	credentialsPoll = 15 * time.Second
	problemPoll     = 5 * time.Second
)

// Problem is an error that was judged where it arose: what a condition and an
// event say of it, and what is to be done about it.
type Problem struct {
	// Reason is CamelCase.
	Reason string
	// Message says what happened and what to do, without secrets.
	Message string
	// Temporary problems pass by themselves: throttling, an unreachable
	// network, a stack that is busy. They are waited out, however long they
	// last, and never counted as a failed attempt.
	Temporary bool
	// Permanent problems do not go away by trying the same target again.
	Permanent bool
}

func (p Problem) Error() string { return p.Message }

// problemOf finds the Problem in err; an error that nobody judged counts as
// temporary, since nothing is known to be wrong with the target.
func problemOf(err error) Problem {
	var p Problem
	if errors.As(err, &p) {
		return p
	}
	return Problem{Reason: "Error", Message: err.Error(), Temporary: true}
}
