package controller

import (
	"context"
	"errors"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awshealth"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/verification"
)

// triggers looks at the alarms of spec.rollback as the first of the clients that
// may.
func (p *pass) triggers(ctx context.Context, names []string) decide.Triggers {
	ctx, cancel := context.WithTimeout(ctx, cloudformation.DefaultCallTimeout)
	defer cancel()
	all, err := asReader(ctx, p, func(aws *awshealth.Client) ([]verification.Alarm, error) {
		all, _, err := aws.Alarms(ctx, names)
		return all, err
	})
	if errors.Is(err, awsconfig.ErrAccessDenied) {
		err = decide.ErrAlarmsUnseen.Because(err, "the alarms of spec.rollback are watched by CloudFormation and could not be looked at before: %v", err)
	}
	seen := decide.Triggers{Seen: err == nil, ByName: make(map[string]decide.Trigger, len(all)), Err: judged(err)}
	for _, a := range all {
		seen.ByName[a.Name] = decide.Trigger{ARN: a.ARN, Composite: a.Composite, Firing: a.Firing()}
	}
	return seen
}
