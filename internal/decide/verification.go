package decide

import (
	"fmt"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/verification"
)

// Checkup is what was seen by one check of spec.verification, its last answer.
type Checkup struct {
	// Known is false while there is no answer yet.
	Known bool
	// Operation is the deployment that it was asked for, by id, "" for one that was
	// asked after the deployment.
	Operation string
	// At is when the answer was had.
	At time.Time
	verification.Verdict
	// QuietSince is when an alarm last changed its state.
	QuietSince time.Time
	// Failures is how many answers in a row were not healthy, and Same how many said
	// the same, this one among them.
	Failures, Same int
}

// After is an answer counted with those before it.
func (c Checkup) After(before Checkup) Checkup {
	c.Failures, c.Same = 0, 1
	if !before.Known || before.Operation != c.Operation {
		before = Checkup{}
	}
	if c.Result != v1alpha1.CheckHealthy {
		c.Failures = before.Failures + 1
	}
	if before.Result == c.Result && before.Message == c.Message {
		c.Same = before.Same + 1
	}
	return c
}

// NeededCheck asks for an answer of a check of spec.verification.
type NeededCheck struct {
	Name string
	// Operation is the deployment that it is asked for, "" for none: an answer for
	// another does not count.
	Operation string
	// NotBefore is how new the answer must be.
	NotBefore time.Time
}

// checkStatus is what is kept of a check, nil for nothing.
func checkStatus(st *v1alpha1.CdkTsStackStatus, name string) *v1alpha1.CheckStatus {
	if st.Verification == nil {
		return nil
	}
	for i := range st.Verification.Checks {
		if c := &st.Verification.Checks[i]; c.Name == name {
			return c
		}
	}
	return nil
}

// passed says whether a check was healthy for a deployment.
func passed(st *v1alpha1.CdkTsStackStatus, op *v1alpha1.Operation, name string) bool {
	c := checkStatus(st, name)
	return c != nil && c.Operation == op.ID && c.Result == v1alpha1.CheckHealthy
}

// current is the check that a deployment is at, of those that are asked in the
// present step; none when it is at the hook, or has passed all.
func current(spec *v1alpha1.CdkTsStackSpec, st *v1alpha1.CdkTsStackStatus, op *v1alpha1.Operation) (c check, at bool) {
	for _, c := range checksOf(spec) {
		if !passed(st, op, c.name) {
			return c, !c.hook
		}
	}
	return check{}, false
}

// neededChecks are the checks whose answers the next decision needs.
func neededChecks(obj *v1alpha1.CdkTsStack, now time.Time) []NeededCheck {
	op := obj.Status.Operation
	if op == nil || !rowOf(op).asks {
		return neededAfterwards(obj, now)
	}
	if m := op.Monitoring; op.Step == v1alpha1.StepMonitoring && m != nil && m.VerifiedAt != nil {
		return neededAgain(obj, op, now)
	}
	c, at := current(&obj.Spec, &obj.Status, op)
	if !at {
		return nil
	}
	return []NeededCheck{{Name: c.name, Operation: op.ID, NotBefore: c.tried(askedSince(&obj.Status, op), now)}}
}

// askedSince is when the check that a deployment is at was first asked: when the one
// before it had passed.
func askedSince(st *v1alpha1.CdkTsStackStatus, op *v1alpha1.Operation) time.Time {
	at := op.StepStartedAt.Time
	if st.Verification == nil {
		return at
	}
	for _, c := range st.Verification.Checks {
		if c.Operation == op.ID && c.Result == v1alpha1.CheckHealthy {
			at = later(at, c.Since.Time)
		}
	}
	return at
}

func (c check) retries() int {
	if c.spec.Retries == nil {
		return v1alpha1.DefaultCheckRetries
	}
	return int(*c.spec.Retries)
}

func (c check) interval() time.Duration {
	if c.spec.Interval == nil {
		return v1alpha1.DefaultCheckInterval
	}
	return max(c.spec.Interval.Duration, time.Second)
}

func (c check) quietFor() time.Duration {
	if c.spec.Alarms == nil || c.spec.Alarms.QuietFor == nil {
		return 0
	}
	return c.spec.Alarms.QuietFor.Duration
}

// tried is when the present try of a check began, of those that are made since a
// moment. It follows from that alone, so that another manager goes on with it.
func (c check) tried(since, now time.Time) time.Time {
	return since.Add(max(now.Sub(since), 0).Truncate(c.interval()))
}

// grace is until when a check may become healthy.
func (c check) grace(since time.Time) time.Time {
	return since.Add(time.Duration(c.retries()) * c.interval())
}

// exhausted says whether an answer that is not healthy is the last. One alone is
// not, whatever time has passed: the manager may have been away.
func (c check) exhausted(seen Checkup, since, now time.Time) bool {
	return !now.Before(c.grace(since)) && seen.Failures > min(c.retries(), 1)
}

// askCheck waits for the answer of a check. A step that asks none gives way to
// that which does.
func (p *pass) askCheck(op *v1alpha1.Operation, c check) (failure *problem.Problem, done bool) {
	if !rowOf(op).asks {
		p.step(v1alpha1.StepVerifying)
		p.again()
		return nil, false
	}
	since := askedSince(p.st, op)
	try := c.tried(since, p.now)
	seen := p.seen.Checks[c.name]
	if !seen.Known || seen.Operation != op.ID || seen.At.Before(try) {
		p.verifying(op, c)
		p.look(p.poll(op.StepStartedAt))
		return nil, false
	}
	if seen.Result == v1alpha1.CheckHealthy {
		quiet := c.quietFrom(seen, since)
		if p.now.Before(quiet) {
			p.awaitAnswer(op, c, earlier(quiet, try.Add(c.interval())))
			return nil, false
		}
		p.noteCheck(c.name, op.ID, seen)
		return nil, true
	}
	p.noteCheck(c.name, op.ID, seen)
	if c.exhausted(seen, since, p.now) {
		return c.failure(seen), true
	}
	p.awaitAnswer(op, c, try.Add(c.interval()))
	return nil, false
}

// quietFrom is when alarms have been quiet for long enough: since the deployment,
// or since the last of them changed. What becomes well in the last moment need
// not be waited for again and again.
func (c check) quietFrom(seen Checkup, since time.Time) time.Time {
	return earlier(later(since, seen.QuietSince), c.grace(since)).Add(c.quietFor())
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// failure is what a check that is not healthy means for a deployment. What could
// not be asked says nothing about it.
func (c check) failure(seen Checkup) *problem.Problem {
	if seen.Result == v1alpha1.CheckUnknown {
		return ErrVerificationUnknown.New("the check %s cannot be asked: %s", c.name, seen.Message)
	}
	return ErrVerification.New("the check %s: %s", c.name, seen.Message)
}

// awaitAnswer says what is waited for, and looks again at a time.
func (p *pass) awaitAnswer(op *v1alpha1.Operation, c check, at time.Time) {
	p.verifying(op, c)
	p.look(max(at.Sub(p.now), time.Millisecond))
}

// verifying tells people which check a deployment is at, and what is wrong with
// it so far.
func (p *pass) verifying(op *v1alpha1.Operation, c check) {
	message := fmt.Sprintf("%s is deployed at revision %s and is being verified: the check %s", op.Plan.StackName, short(op.Target.Revision), c.name)
	if st := checkStatus(p.st, c.name); st != nil && st.Operation == op.ID && st.Result != v1alpha1.CheckHealthy {
		message += ": " + st.Message
	} else if quiet := c.quietFor(); quiet > 0 {
		message += fmt.Sprintf(" (quiet for %s)", quiet)
	}
	p.say(waiting, stateVerifying, message)
}

// noteCheck keeps what a check found. An answer that says the same again changes
// nothing.
func (p *pass) noteCheck(name, operation string, seen Checkup) {
	if len(p.obj.Spec.Verification) == 0 {
		return
	}
	if p.st.Verification == nil {
		p.st.Verification = &v1alpha1.VerificationStatus{}
	}
	was := checkStatus(p.st, name)
	if was == nil {
		p.st.Verification.Checks = append(p.st.Verification.Checks, v1alpha1.CheckStatus{Name: name})
		was = checkStatus(p.st, name)
	}
	message := problem.Cut(seen.Message, maxCheckMessage)
	if was.Operation == operation && was.Result == seen.Result && was.Message == message {
		return
	}
	was.Operation, was.Result, was.Message, was.Since = operation, seen.Result, message, p.metaNow()
	if was.Measured = problem.Cut(seen.Measured, maxMeasured); p.foreground() != nil {
		was.Latency = seen.Latency
		p.st.Verification.Digest = verificationDigest(&p.obj.Spec)
	}
}

// What is kept of an answer, in bytes.
const (
	maxCheckMessage = 1024
	maxMeasured     = 256
)

// Baseline is the latency of a check after the last good deployments.
func Baseline(st *v1alpha1.CdkTsStackStatus, name string) []v1alpha1.Latency {
	if c := checkStatus(st, name); c != nil {
		return slices.Clone(c.Baseline)
	}
	return nil
}
