package rollouts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
)

// clockSkew is by how much our clock and AWS's may differ.
const clockSkew = 5 * time.Minute

// states are ours by ECS's.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
var states = map[types.ServiceDeploymentStatus]v1alpha1.RolloutState{
	types.ServiceDeploymentStatusPending:            v1alpha1.RolloutInProgress,
	types.ServiceDeploymentStatusInProgress:         v1alpha1.RolloutInProgress,
	types.ServiceDeploymentStatusStopRequested:      v1alpha1.RolloutRollingBack,
	types.ServiceDeploymentStatusRollbackRequested:  v1alpha1.RolloutRollingBack,
	types.ServiceDeploymentStatusRollbackInProgress: v1alpha1.RolloutRollingBack,
	types.ServiceDeploymentStatusRollbackSuccessful: v1alpha1.RolloutRolledBack,
	types.ServiceDeploymentStatusSuccessful:         v1alpha1.RolloutSucceeded,
	types.ServiceDeploymentStatusStopped:            v1alpha1.RolloutFailed,
	types.ServiceDeploymentStatusRollbackFailed:     v1alpha1.RolloutFailed,
}

// active are the states of service deployments that go on.
var active = []types.ServiceDeploymentStatus{
	types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusStopRequested,
	types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress,
}

// serviceRollout is the newest service deployment of a service since the operation
// began or, when one is known, that one.
func (c *Client) serviceRollout(ctx context.Context, q decide.RolloutQuery) decide.Rollout {
	if q.Deployment == "" {
		arn, err := c.newest(ctx, q.PhysicalID, &types.CreatedAt{After: aws.Time(q.Since.Add(-clockSkew))}, nil)
		if err != nil || arn == "" {
			return decide.Rollout{RolloutQuery: q, Err: err}
		}
		q.Deployment = arn
	}
	out, err := c.ecs.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{q.Deployment}})
	if err != nil || len(out.ServiceDeployments) == 0 {
		return decide.Rollout{RolloutQuery: q, Err: c.explain("read the rollout of "+q.LogicalID, err)}
	}
	return rolloutOf(q, out.ServiceDeployments[0])
}

// newest is the ARN of the newest service deployment of a service, "" for none.
func (c *Client) newest(ctx context.Context, service string, since *types.CreatedAt, status []types.ServiceDeploymentStatus) (string, error) {
	in := &ecs.ListServiceDeploymentsInput{Service: &service, Cluster: clusterOf(service), CreatedAt: since, Status: status}
	out, err := c.ecs.ListServiceDeployments(ctx, in)
	if err != nil {
		return "", c.explain("look for the rollouts of the service "+last(service, "/"), err)
	}
	var newest types.ServiceDeploymentBrief
	for _, d := range out.ServiceDeployments {
		if newest.ServiceDeploymentArn == nil || aws.ToTime(d.CreatedAt).After(aws.ToTime(newest.CreatedAt)) {
			newest = d
		}
	}
	return aws.ToString(newest.ServiceDeploymentArn), nil
}

// clusterOf is the name of a service's cluster; ARNs of the old form have none, and
// then it is the default one.
func clusterOf(service string) *string {
	_, rest, _ := strings.Cut(service, ":service/")
	cluster, _, long := strings.Cut(rest, "/")
	if !long {
		return nil
	}
	return &cluster
}

func rolloutOf(q decide.RolloutQuery, d types.ServiceDeployment) decide.Rollout {
	r := decide.Rollout{RolloutQuery: q, Seen: true, State: states[d.Status], Stage: string(d.LifecycleStage), Strategy: string(types.DeploymentStrategyRolling)}
	if r.State == "" {
		r.State = v1alpha1.RolloutInProgress // a state that AWS has added since
	}
	if config := d.DeploymentConfiguration; config != nil {
		if config.Strategy != "" {
			r.Strategy = string(config.Strategy)
		}
		r.Stays = stays(config, d.LifecycleStage)
	}
	if to := d.TargetServiceRevision; to != nil {
		r.Weight, r.TestWeight = to.RequestedProductionTrafficWeight, to.RequestedTestTrafficWeight
	}
	if a := d.Alarms; a != nil {
		r.Alarms, r.Firing = a.AlarmNames, a.TriggeredAlarmNames
		r.Automatic = a.Status == types.ServiceDeploymentRollbackMonitorsStatusTriggered || len(r.Firing) > 0
	}
	if b := d.DeploymentCircuitBreaker; b != nil && b.Status == types.ServiceDeploymentRollbackMonitorsStatusTriggered {
		r.Automatic = true
	}
	if r.State != v1alpha1.RolloutInProgress && r.State != v1alpha1.RolloutSucceeded {
		r.Reason = aws.ToString(d.StatusReason)
		if d.Rollback != nil && r.Reason == "" {
			r.Reason = aws.ToString(d.Rollback.Reason)
		}
	}
	for _, h := range d.LifecycleHookDetails {
		if h.TargetType == types.DeploymentLifecycleHookTargetTypePause {
			r.Hooks = append(r.Hooks, decide.RolloutHook{
				ID: aws.ToString(h.HookId), Awaits: h.Status == types.DeploymentLifecycleHookStatusAwaitingAction,
				TimedOut: h.Status == types.DeploymentLifecycleHookStatusTimedOut, ExpiresAt: aws.ToTime(h.ExpiresAt), TimeoutAction: string(h.TimeoutAction),
			})
		}
	}
	return r
}

// stays is how long a rollout stays at a stage, by its configuration.
func stays(config *types.DeploymentConfiguration, stage types.ServiceDeploymentLifecycleStage) time.Duration {
	minutes := func(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Minute }
	switch {
	case stage == types.ServiceDeploymentLifecycleStageBakeTime:
		return minutes(config.BakeTimeInMinutes)
	case stage != types.ServiceDeploymentLifecycleStageProductionTrafficShift:
		return 0
	case config.CanaryConfiguration != nil:
		return minutes(config.CanaryConfiguration.CanaryBakeTimeInMinutes)
	case config.LinearConfiguration != nil:
		return minutes(config.LinearConfiguration.StepBakeTimeInMinutes)
	}
	return 0
}

// answerService continues a pause or rolls it back, or rolls back what is not paused.
func (c *Client) answerService(ctx context.Context, r *v1alpha1.RolloutStatus) error {
	if r.State != v1alpha1.RolloutPaused {
		_, err := c.ecs.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: &r.Deployment, StopType: types.StopServiceDeploymentStopTypeRollback})
		return err
	}
	action := types.DeploymentLifecycleHookActionContinue
	switch r.Order.Action {
	case v1alpha1.RolloutContinue:
	case v1alpha1.RolloutRollBack:
		action = types.DeploymentLifecycleHookActionRollback
	default:
		return fmt.Errorf("unknown order %q", r.Order.Action)
	}
	_, err := c.ecs.ContinueServiceDeployment(ctx, &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: &r.Deployment, HookId: &r.Pause.HookID, Action: action})
	return err
}
