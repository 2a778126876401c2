package decide

import (
	"errors"
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

// check is one question asked of a deployment that is in place, before it
// counts as done. A check that fails is the deployment's failure.
type check struct {
	name string
	// hook: it is the hook afterDeploy, which has a run of its own.
	hook bool
	spec v1alpha1.Check
}

// checksOf are the checks of an object, in the order in which they are asked.
// The hook is the last unless it has a place among them.
func checksOf(spec *v1alpha1.CdkTsStackSpec) []check {
	var all []check
	placed := false
	for i, name := range CheckNames(spec.Verification) {
		c := check{name: name, spec: spec.Verification[i]}
		c.hook = c.spec.AfterDeploy != nil
		placed = placed || c.hook
		all = append(all, c)
	}
	if !placed {
		all = append(all, check{name: AfterDeploy, hook: true})
	}
	if hookNamed(spec, AfterDeploy).Script == "" {
		return slices.DeleteFunc(all, func(c check) bool { return c.hook })
	}
	return all
}

// CheckNames are the names of checks, in their order: their own, or what they
// ask, with a number where that is taken.
func CheckNames(all []v1alpha1.Check) []string {
	taken := map[string]bool{AfterDeploy: true}
	for _, c := range all {
		taken[c.Name] = true
	}
	names := make([]string, len(all))
	for i, c := range all {
		name := c.Name
		for n := 1; name == "" || c.Name == "" && taken[name] && c.AfterDeploy == nil; n++ {
			name = kindOf(c)
			if n > 1 {
				name = fmt.Sprintf("%s-%d", name, n)
			}
		}
		names[i], taken[name] = name, true
	}
	return names
}

// kindOf is what a check asks, as the spec calls it.
func kindOf(c v1alpha1.Check) string {
	switch {
	case c.HTTP != nil:
		return "http"
	case c.TargetGroups != nil:
		return "targetGroups"
	case c.Certificate != nil:
		return "certificate"
	case c.Alarms != nil:
		return "alarms"
	}
	return AfterDeploy
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

// refuseVerification says what is wrong with spec.verification that the schema
// could not refuse.
func refuseVerification(spec *v1alpha1.CdkTsStackSpec) error {
	for _, c := range spec.Verification {
		if c.AfterDeploy != nil && hookNamed(spec, AfterDeploy).Script == "" {
			return errors.New("verification has afterDeploy, and lifecycleHooks.afterDeploy is empty: write the hook, or take it out of verification")
		}
	}
	names := map[string]bool{}
	for _, c := range checksOf(spec) {
		if names[c.name] {
			return fmt.Errorf("two checks of verification are called %s: give one of them another name", c.name)
		}
		names[c.name] = true
	}
	return verification.Validate(spec.Verification, CheckNames(spec.Verification))
}

// CheckNamed is the check of that name, a zero one if there is none.
func CheckNamed(spec *v1alpha1.CdkTsStackSpec, name string) v1alpha1.Check {
	for _, c := range checksOf(spec) {
		if c.name == name {
			return c.spec
		}
	}
	return v1alpha1.Check{}
}

// FirstHTTP is the first http check, a zero one if there is none.
func FirstHTTP(spec *v1alpha1.CdkTsStackSpec) v1alpha1.HTTPCheck {
	for _, c := range spec.Verification {
		if c.HTTP != nil {
			return *c.HTTP
		}
	}
	return v1alpha1.HTTPCheck{}
}

// Baseline is the latency of a check after the last good deployments.
func Baseline(st *v1alpha1.CdkTsStackStatus, name string) []v1alpha1.Latency {
	if c := checkStatus(st, name); c != nil {
		return slices.Clone(c.Baseline)
	}
	return nil
}
