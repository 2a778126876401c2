// Package awshealth asks AWS how things are that requests reach or that watch
// them: targets of load balancers, alarms of CloudWatch. It only reads.
package awshealth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/verification"
)

// LoadBalancing is what is asked of Elastic Load Balancing.
type LoadBalancing interface {
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
}

// Alarming is what is asked of CloudWatch.
type Alarming interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
}

// Client asks as one identity in one region.
type Client struct {
	balancing LoadBalancing
	alarming  Alarming
	hide      awsconfig.Credentials
}

// New makes a Client of a configuration, which paces its requests; hide are the
// keys that no message may have in it.
func New(cfg aws.Config, hide awsconfig.Credentials) *Client {
	return &Client{balancing: elb.NewFromConfig(cfg), alarming: cloudwatch.NewFromConfig(cfg), hide: hide}
}

// Targets reads the health of all targets of a target group, by its ARN.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
func (c *Client) Targets(ctx context.Context, arn string) ([]verification.Target, error) {
	out, err := c.balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
	if err != nil {
		return nil, c.explain("read the health of the target group "+arn, "elasticloadbalancing:DescribeTargetHealth", err)
	}
	var all []verification.Target
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		all = append(all, verification.Target{
			ID: aws.ToString(d.Target.Id), State: string(d.TargetHealth.State),
			Reason: string(d.TargetHealth.Reason), Description: aws.ToString(d.TargetHealth.Description),
		})
	}
	return all, nil
}

// maxNames is how many alarms can be asked for in one request.
const maxNames = 100

// Alarms reads alarms by their names, those of metrics and composite ones.
// missing are names that there is no alarm of.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
func (c *Client) Alarms(ctx context.Context, names []string) (all []verification.Alarm, missing []string, err error) {
	for some := range slices.Chunk(names, maxNames) {
		in := &cloudwatch.DescribeAlarmsInput{AlarmNames: some, AlarmTypes: cwtypes.AlarmTypeMetricAlarm.Values(), MaxRecords: aws.Int32(maxNames)}
		for {
			out, err := c.alarming.DescribeAlarms(ctx, in)
			if err != nil {
				return nil, nil, c.explain("read the states of alarms", "cloudwatch:DescribeAlarms", err)
			}
			for _, a := range out.MetricAlarms {
				all = append(all, alarm(a.AlarmName, a.StateValue, a.StateReason, a.StateTransitionedTimestamp, a.StateUpdatedTimestamp))
			}
			for _, a := range out.CompositeAlarms {
				all = append(all, alarm(a.AlarmName, a.StateValue, a.StateReason, a.StateTransitionedTimestamp, a.StateUpdatedTimestamp))
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(a verification.Alarm) bool { return a.Name == name }) {
			missing = append(missing, name)
		}
	}
	return all, missing, nil
}

// alarm is one of either kind. When its state changed is told beside when that, or
// how it is evaluated, was updated, and may be missing.
func alarm(name *string, state cwtypes.StateValue, reason *string, changed, updated *time.Time) verification.Alarm {
	if changed == nil {
		changed = updated
	}
	return verification.Alarm{Name: aws.ToString(name), State: string(state), Reason: aws.ToString(reason), Changed: aws.ToTime(changed)}
}

// explain says what an error means, with the right that is missing as IAM calls it.
func (c *Client) explain(doing, right string, err error) error {
	explained := awsconfig.Explain(doing, c.hide, err)
	e, is := errors.AsType[*awsconfig.Error](explained)
	switch {
	case is && e.Kind == awsconfig.ErrAccessDenied:
		e.Message = fmt.Sprintf("the role that may read lacks the right %s: allow it in its policy (%s)", right, e.Message)
	case is && e.Code == "TargetGroupNotFound":
		e.Kind = awsconfig.ErrNotFound
	}
	return explained
}
