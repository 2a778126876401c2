package decide

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// Trigger is an alarm that can have CloudFormation roll an operation back, as
// CloudWatch shows it.
type Trigger struct {
	ARN string
	// Composite is true for an alarm that is made of others.
	Composite bool
	// Firing is true while it is in the state ALARM.
	Firing bool
}

// Triggers are the alarms that were asked for.
type Triggers struct {
	// Seen is true when CloudWatch answered.
	Seen bool
	// ByName are those that exist.
	ByName map[string]Trigger
	// Err is why they cannot be looked at; ErrAlarmsUnseen when the role may not.
	Err error
}

// triggerLook is how often the alarms are looked at while one of them holds a
// plan.
const triggerLook = time.Minute

// monitoringMinutes is the monitoring time of a spec.
func monitoringMinutes(r *v1alpha1.Rollback) int32 {
	if r == nil || r.MonitoringTime == nil {
		return 0
	}
	return int32(r.MonitoringTime.Duration / time.Minute)
}

// rollbackDigest is of what a spec wants CloudFormation to watch, "" for nothing.
// It is no part of a target, nor of a plan: an edit of it builds and deploys
// nothing.
func rollbackDigest(spec *v1alpha1.CdkTsStackSpec) string {
	r := spec.Rollback
	if r == nil || len(r.Alarms) == 0 && monitoringMinutes(r) == 0 {
		return ""
	}
	return digest(r.Alarms, monitoringMinutes(r))
}

// alarmNames are the names of the alarms that an object wants watched, as far as
// its outputs tell them.
func alarmNames(obj *v1alpha1.CdkTsStack) []string {
	if obj.Spec.Rollback == nil {
		return nil
	}
	var names []string
	for _, a := range obj.Spec.Rollback.Alarms {
		if name := alarmName(alarmOf(obj, a)); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// alarmOf is the name or the ARN of an alarm, "" for an output that is not there.
func alarmOf(obj *v1alpha1.CdkTsStack, a v1alpha1.RollbackAlarm) string {
	if a.Output != "" {
		return strings.TrimSpace(obj.Status.Outputs[a.Output])
	}
	return a.Name
}

// alarmName is the name in the ARN of an alarm, or what was given.
func alarmName(ref string) string {
	if parts := strings.SplitN(ref, ":", 7); len(parts) == 7 && parts[0] == "arn" {
		return parts[6]
	}
	return ref
}

// configureRollback notes with an operation what its change set tells
// CloudFormation to watch, before that is asked for. It stays the same then,
// however often it is asked for. ok is false when that cannot be told; then the
// pass has spoken, or the operation has ended.
func (p *pass) configureRollback(op *v1alpha1.Operation, stack Stack) (spoke, ok bool) {
	switch {
	case op.RequestedAt != nil:
		return false, true
	case op.Kind == v1alpha1.OperationRollback || rollbackDigest(&p.obj.Spec) == "":
		// The alarms would roll back what puts them right.
		if op.RollbackDigest = ""; p.st.RollbackConfiguration != nil {
			op.Rollback = &v1alpha1.RollbackConfiguration{} // without it CloudFormation keeps what it was told before
		}
		return false, true
	}
	conf := &v1alpha1.RollbackConfiguration{MonitoringMinutes: monitoringMinutes(p.obj.Spec.Rollback)}
	for _, a := range p.obj.Spec.Rollback.Alarms {
		trigger, pr := p.trigger(op, a, stack)
		switch {
		case pr == nil:
			conf.Triggers = append(conf.Triggers, trigger)
		case pr.Outlook == problem.Waits:
			return p.waitFor(pr), false
		default:
			return p.fail(pr), false
		}
	}
	op.Rollback, op.RollbackDigest = conf, rollbackDigest(&p.obj.Spec)
	return false, true
}

// trigger is an alarm as CloudFormation is told of it, or why it cannot be.
func (p *pass) trigger(op *v1alpha1.Operation, a v1alpha1.RollbackAlarm, stack Stack) (v1alpha1.RollbackTrigger, *problem.Problem) {
	ref := alarmOf(p.obj, a)
	if ref == "" {
		return v1alpha1.RollbackTrigger{}, errAlarmNotFound.New("rollback.alarms names the output %s, which the stack %s does not have%s", a.Output, op.Plan.StackName, madeByItself(stack))
	}
	name := alarmName(ref)
	if pr := elsewhere(ref, op.Plan); pr != nil {
		return v1alpha1.RollbackTrigger{}, pr
	}
	switch seen := p.seen.Triggers; {
	case errors.Is(seen.Err, ErrAlarmsUnseen):
		monitoring(op).AlarmsUnseen = problem.Cut(problem.Of(seen.Err).Message, maxNote)
		return v1alpha1.RollbackTrigger{ARN: guessedARN(ref, stack, op.Plan)}, nil
	case seen.Err != nil:
		return v1alpha1.RollbackTrigger{}, problem.Of(seen.Err).With(problem.Waits)
	case !seen.Seen:
		return v1alpha1.RollbackTrigger{}, problem.AWSUnreachable.New("the alarms of spec.rollback were not looked at yet")
	default:
		found, exists := seen.ByName[name]
		if !exists {
			return v1alpha1.RollbackTrigger{}, errAlarmNotFound.New("the alarm %s of rollback.alarms does not exist in account %s and region %s, and CloudFormation would roll back whatever is deployed%s", name, op.Plan.Account, op.Plan.Region, madeByItself(stack))
		}
		return v1alpha1.RollbackTrigger{ARN: found.ARN, Composite: found.Composite}, nil
	}
}

// maxNote bounds what is kept of a message beside the main one, in bytes.
const maxNote = 1024

// madeByItself says what to do about an alarm that is not there.
func madeByItself(stack Stack) string {
	if stack.Unborn() {
		return ". An alarm that this very deployment makes cannot be named before: take it out of spec.rollback.alarms, and put it back when the stack is deployed; or make the alarm in a stack that is deployed before"
	}
	return ": correct the name, or take it out of spec.rollback.alarms until a deployment has made it"
}

// elsewhere refuses an alarm of another account or region, which CloudFormation
// does not find.
func elsewhere(ref string, plan *v1alpha1.Plan) *problem.Problem {
	parts := strings.SplitN(ref, ":", 7)
	if len(parts) < 7 || parts[0] != "arn" {
		return nil
	}
	if parts[2] != "cloudwatch" || parts[5] != "alarm" {
		return errAlarmNotFound.New("rollback.alarms has %s, which is no ARN of a CloudWatch alarm: name the alarm, for example web-errors", ref)
	}
	if parts[3] != plan.Region || parts[4] != plan.Account {
		return errAlarmNotFound.New("the alarm %s of rollback.alarms is not of account %s and region %s, where the stack is, and CloudFormation would not find it: name one that is there", ref, plan.Account, plan.Region)
	}
	return nil
}

// guessedARN is the ARN of an alarm that could not be looked at.
func guessedARN(ref string, stack Stack, plan *v1alpha1.Plan) string {
	if strings.HasPrefix(ref, "arn:") {
		return ref
	}
	partition := "aws"
	if parts := strings.SplitN(stack.ID, ":", 3); len(parts) == 3 {
		partition = parts[1]
	} else if strings.HasPrefix(plan.Region, "cn-") {
		partition = "aws-cn"
	} else if strings.HasPrefix(plan.Region, "us-gov-") {
		partition = "aws-us-gov"
	}
	return fmt.Sprintf("arn:%s:cloudwatch:%s:%s:alarm:%s", partition, plan.Region, plan.Account, ref)
}

// alarmsQuiet holds a plan while an alarm would have CloudFormation roll it back
// at once.
func alarmsQuiet(p *pass, op *v1alpha1.Operation) *hold {
	if op.Rollback == nil || len(op.Rollback.Triggers) == 0 || errors.Is(p.seen.Triggers.Err, ErrAlarmsUnseen) {
		return nil
	}
	if err := cmp.Or(p.seen.Credentials, p.seen.Triggers.Err); err != nil {
		pr := problem.Of(err)
		return &hold{reason: problem.Named(pr.Reason), message: "the alarms of rollback.alarms cannot be looked at: " + pr.Message, parks: true, after: triggerLook}
	}
	if !p.seen.Triggers.Seen {
		return &hold{unknown: true, after: p.poll(op.StepStartedAt)}
	}
	var firing []string
	for _, t := range op.Rollback.Triggers {
		name := alarmName(t.ARN)
		switch seen, exists := p.seen.Triggers.ByName[name]; {
		case !exists:
			firing = append(firing, "the alarm "+name+" is gone")
		case seen.Firing:
			firing = append(firing, "the alarm "+name+" is in ALARM")
		}
	}
	if len(firing) == 0 {
		return nil
	}
	return &hold{
		reason: stateAlarmFiring, parks: true, after: triggerLook,
		message: strings.Join(firing, ", ") + ", and CloudFormation would roll the deployment back at once: it goes on when that has passed; to deploy what puts it right, take the alarm out of spec.rollback.alarms meanwhile",
	}
}

// wantsTriggers says whether the alarms have to be looked at: while a plan is made
// and while it stands at the gates.
func wantsTriggers(obj *v1alpha1.CdkTsStack) []string {
	if !standsAtGates(obj) {
		return nil
	}
	return alarmNames(obj)
}

// alarmBehind is the alarm that CloudFormation names as the cause of a rollback,
// "" when it names none of those that it was told to watch. How it words that is
// not documented, so that the name will do where the stack itself speaks of alarms.
func alarmBehind(op *v1alpha1.Operation, cause *Failure) string {
	if op.Rollback == nil || cause == nil {
		return ""
	}
	for _, t := range op.Rollback.Triggers {
		ofStack := cause.ResourceType == "AWS::CloudFormation::Stack" && strings.Contains(strings.ToLower(cause.Reason), "alarm")
		if strings.Contains(cause.Reason, t.ARN) || ofStack && strings.Contains(cause.Reason, alarmName(t.ARN)) {
			return t.ARN
		}
	}
	return ""
}
