package controller

import (
	"context"
	"errors"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/decide"
)

// triggers looks at the alarms of spec.rollback as the first of the clients that
// may.
func (p *pass) triggers(ctx context.Context, names []string) (seen decide.Triggers) {
	clients, err := p.readers(ctx)
	if err != nil {
		return decide.Triggers{Err: err}
	}
	for _, aws := range clients {
		if seen = aws.Triggers(ctx, names); !refused(seen.Err) {
			break
		}
	}
	if errors.Is(seen.Err, awsconfig.ErrAccessDenied) {
		seen.Err = decide.ErrAlarmsUnseen.Because(seen.Err, "the alarms of spec.rollback are watched by CloudFormation and could not be looked at before: %v. Allow the role cloudwatch:DescribeAlarms", seen.Err)
	}
	seen.Err = judged(seen.Err)
	return seen
}
