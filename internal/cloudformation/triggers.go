package cloudformation

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"awscdk.dev/operator/internal/decide"
)

// Triggers looks at alarms by name. One that does not exist is left out.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
func (c *Client) Triggers(ctx context.Context, names []string) decide.Triggers {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	api, err := c.apis(ctx)
	if err != nil {
		return decide.Triggers{Err: err}
	}
	out, err := api.cloudwatch.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: names, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}, // without them composite ones are left out
	})
	if err != nil {
		return decide.Triggers{Err: c.explain(ctx, "look at the alarms of spec.rollback", err)}
	}
	seen := decide.Triggers{Seen: true, ByName: map[string]decide.Trigger{}}
	for _, a := range out.MetricAlarms {
		seen.ByName[aws.ToString(a.AlarmName)] = decide.Trigger{ARN: aws.ToString(a.AlarmArn), Firing: a.StateValue == types.StateValueAlarm}
	}
	for _, a := range out.CompositeAlarms {
		seen.ByName[aws.ToString(a.AlarmName)] = decide.Trigger{ARN: aws.ToString(a.AlarmArn), Composite: true, Firing: a.StateValue == types.StateValueAlarm}
	}
	return seen
}
