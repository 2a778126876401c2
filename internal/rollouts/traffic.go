package rollouts

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/decide"
)

// Traffic looks at live traffic: where listeners and rules forward to, and which of
// the services have a rollout that goes on. When AWS does not let us, it says so.
func (c *Client) Traffic(ctx context.Context, q decide.TrafficQuery) decide.Traffic {
	seen := decide.Traffic{Seen: true, Live: map[string]decide.Weights{}}
	for _, f := range q.Forwarders {
		actions, err := c.actions(ctx, f)
		switch {
		case refused(err):
			seen.Refused = err.Error()
			return seen
		case isGone(err):
			continue // the update makes it anew, or fails
		case err != nil:
			return decide.Traffic{Err: err}
		}
		seen.Live[f.ARN] = forwards(actions)
	}
	for _, s := range q.Services {
		arn, err := c.newest(ctx, s.ARN, nil, active)
		switch {
		case refused(err):
			seen.Refused = err.Error()
			return seen
		case isGone(err):
		case err != nil:
			return decide.Traffic{Err: err}
		case arn != "":
			seen.Rollouts = append(seen.Rollouts, s)
		}
	}
	return seen
}

// gone are the codes of what is not there.
var gone = []string{"RuleNotFound", "ListenerNotFound", "ServiceNotFoundException", "ClusterNotFoundException"}

func isGone(err error) bool {
	e, is := errors.AsType[*awsconfig.Error](err)
	return is && slices.Contains(gone, e.Code)
}

// actions are what a listener does by default, or a rule of one does.
func (c *Client) actions(ctx context.Context, f decide.Forwarder) ([]types.Action, error) {
	doing := "read where " + f.LogicalID + " forwards to"
	if f.IsListener() {
		out, err := c.elb.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{f.ARN}})
		if err != nil || len(out.Listeners) == 0 {
			return nil, c.explain(doing, err)
		}
		return out.Listeners[0].DefaultActions, nil
	}
	out, err := c.elb.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{f.ARN}})
	if err != nil || len(out.Rules) == 0 {
		return nil, c.explain(doing, err)
	}
	return out.Rules[0].Actions, nil
}

// forwards are the shares of the target groups that actions name.
func forwards(actions []types.Action) decide.Weights {
	found := map[string]float64{}
	for _, a := range actions {
		if a.ForwardConfig == nil || len(a.ForwardConfig.TargetGroups) == 0 {
			if a.TargetGroupArn != nil {
				found[*a.TargetGroupArn] = 1
			}
			continue
		}
		for _, g := range a.ForwardConfig.TargetGroups {
			share := 1.0
			if g.Weight != nil {
				share = float64(*g.Weight)
			}
			found[aws.ToString(g.TargetGroupArn)] = share
		}
	}
	return decide.Share(found)
}
