package cfn

import (
	"context"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// AWS's bounds of a rollback configuration.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html
const (
	maxTriggers   = 5
	maxMonitoring = 180
)

const (
	metricAlarm    = "AWS::CloudWatch::Alarm"
	compositeAlarm = "AWS::CloudWatch::CompositeAlarm"
)

// alarmLook is how often the alarms of an operation are looked at.
const alarmLook = 5 * time.Millisecond

// rollbackOf is the rollback configuration of a call, nil without one. As with
// AWS, an absent list keeps what the stack has, an empty one removes it, and an
// absent time is none.
func rollbackOf(c *wire.Call) map[string]any {
	if !c.Params.Has("RollbackConfiguration") {
		return nil
	}
	given := c.Params.Map("RollbackConfiguration")
	list := []any{}
	for _, t := range given.Maps("RollbackTriggers") {
		list = append(list, map[string]any(t))
	}
	return map[string]any{"RollbackTriggers": list, "MonitoringTimeInMinutes": given.Int("MonitoringTimeInMinutes", 0)}
}

// checkTriggers refuses a rollback configuration that AWS refuses at the call.
// Whether the alarms are there shows when the operation begins.
func checkTriggers(configuration wire.Params) error {
	triggers := configuration.Maps("RollbackTriggers")
	if len(triggers) > maxTriggers {
		return wire.Invalid("1 validation error detected: Value at 'rollbackConfiguration.rollbackTriggers' failed to satisfy constraint: Member must have length less than or equal to %d", maxTriggers)
	}
	if minutes := configuration.Int("MonitoringTimeInMinutes", 0); minutes < 0 || minutes > maxMonitoring {
		return wire.Invalid("1 validation error detected: Value '%d' at 'rollbackConfiguration.monitoringTimeInMinutes' failed to satisfy constraint: Member must have value less than or equal to %d", minutes, maxMonitoring)
	}
	for _, t := range triggers {
		arn, typ := t.String("Arn"), t.String("Type")
		if arn == "" || typ == "" {
			return wire.Invalid("1 validation error detected: Value null at 'rollbackConfiguration.rollbackTriggers.1.member.arn' failed to satisfy constraint: Member must not be null")
		}
		if typ != metricAlarm && typ != compositeAlarm {
			return wire.Invalid("Rollback trigger type %s is not supported.", typ)
		}
	}
	return nil
}

// triggers are the ARNs of the alarms of a stack's rollback configuration.
func triggers(c Config) []string {
	var arns []string
	for _, t := range wire.Params(c.Rollback).Maps("RollbackTriggers") {
		arns = append(arns, t.String("Arn"))
	}
	return arns
}

// watchAlarms ends an operation, which is thereby rolled back, when an alarm of
// its stack is missing or goes to ALARM, until the operation is over. It is called
// with s.mu held.
func (s *Service) watchAlarms(ctx context.Context, op *operation) {
	arns := triggers(op.stack.Config)
	if len(arns) == 0 || s.alarmed(op, arns) {
		return
	}
	s.running.Go(func() {
		tick := time.NewTicker(alarmLook)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			s.mu.Lock()
			over := op.settled || s.alarmed(op, arns)
			s.mu.Unlock()
			if over {
				return
			}
		}
	})
}

// alarmed ends an operation if an alarm says so; s.mu is held.
func (s *Service) alarmed(op *operation, arns []string) bool {
	op.alarm = s.alarming(op.stack.Place, arns)
	if op.alarm != "" {
		op.cancel()
	}
	return op.alarm != ""
}

// alarming says why an operation with these alarms is rolled back, "" while it is not.
func (s *Service) alarming(place cloud.Place, arns []string) string {
	for _, arn := range arns {
		alarm, ok := s.alarm(place, arn)
		switch {
		case !ok:
			return "Rollback trigger " + arn + " does not exist. "
		case wire.Text(alarm.Attrs["StateValue"]) == "ALARM":
			return "Rollback triggered by alarm " + arn + " in state ALARM. "
		}
	}
	return ""
}

// alarm finds an alarm of a place by its ARN; one of elsewhere is not found.
func (s *Service) alarm(place cloud.Place, arn string) (cloud.Resource, bool) {
	_, name, _ := strings.Cut(arn, ":alarm:")
	for _, typ := range []string{metricAlarm, compositeAlarm} {
		if alarm, ok := s.cloud.Get(place, typ, name); ok && arn == cloud.ARN("cloudwatch", place, "alarm:%s", name) {
			return alarm, true
		}
	}
	return cloud.Resource{}, false
}

// settle lets the monitoring time pass, in which an alarm or a request to cancel
// still rolls everything back; after it the operation has succeeded.
func (s *Service) settle(ctx context.Context, op *operation, outputs []Output) error {
	if err := s.monitor(ctx, op); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return awsErrorf("Resource operation cancelled. ")
	}
	op.settled, op.stack.Outputs = true, outputs // they are told when it is over
	return nil
}

func (s *Service) monitor(ctx context.Context, op *operation) error {
	s.mu.Lock()
	minutes := wire.Params(op.stack.Rollback).Int("MonitoringTimeInMinutes", 0)
	s.mu.Unlock()
	if minutes == 0 {
		return nil
	}
	timer := time.NewTimer(time.Duration(minutes) * s.minute)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return awsErrorf("Resource operation cancelled. ")
	}
}

// checkSkipped refuses resources that a continued rollback may not skip: those
// that are not in UPDATE_FAILED.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
func checkSkipped(st *Stack, skip []string) error {
	for _, logical := range skip {
		if strings.Contains(logical, ".") {
			return wire.NotImplemented("cloudformation", "ContinueUpdateRollback that skips resources of nested stacks")
		}
		if r := st.Resources[logical]; r == nil || r.Status != "UPDATE_FAILED" {
			return wire.Invalid("The following resources to skip are not in UPDATE_FAILED state: [%s]", logical)
		}
	}
	return nil
}

// paused refuses an update with rollback of a stack whose failure was kept.
func paused(st *Stack, noRollback bool) error {
	if noRollback || !slices.Contains([]string{"CREATE_FAILED", "UPDATE_FAILED"}, st.Status) {
		return nil
	}
	return wire.Invalid("This stack is currently in a non-terminal [%s] state. To update the stack from this state, please use the disable-rollback parameter with update-stack API. To rollback to the last known good state, use the rollback-stack API", st.Status)
}
