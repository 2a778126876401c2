package decide

import "awscdk.dev/operator/internal/problem"

// verdict is what the rule that spoke has to say to the user.
type verdict struct {
	severity        severity
	reason, message string
}

// severity says how a verdict is to be taken. The values are ordered: the
// higher, the more it concerns a person.
type severity int

const (
	// fine: nothing but the ordinary is to be said.
	fine severity = iota
	// paused: the user's own settings stop the object. What is deployed is
	// still as it should be.
	paused
	// waiting: the object waits for something outside and goes on by itself.
	waiting
	// failing: what the user wants was tried without success, and is tried
	// again by itself.
	failing
	// stalled: it is not tried again until a person changes something.
	stalled
)

// say sets the verdict of this pass.
func (p *pass) say(s severity, k *problem.Kind, message string) {
	p.verdict = verdict{severity: s, reason: k.Reason, message: message}
}

// tell makes a problem the verdict of this pass.
func (p *pass) tell(s severity, pr *problem.Problem) {
	p.verdict = verdict{severity: s, reason: pr.Reason, message: pr.Message}
}
