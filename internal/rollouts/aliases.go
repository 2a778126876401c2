package rollouts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
)

// shiftStates are ours by CodeDeploy's.
// https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html
var shiftStates = map[types.DeploymentStatus]v1alpha1.RolloutState{
	types.DeploymentStatusSucceeded: v1alpha1.RolloutSucceeded,
	types.DeploymentStatusStopped:   v1alpha1.RolloutRolledBack,
	types.DeploymentStatusFailed:    v1alpha1.RolloutFailed,
}

// aliasRollout is the newest deployment by which CodeDeploy moves an alias, since the
// operation began.
func (c *Client) aliasRollout(ctx context.Context, q decide.RolloutQuery, application func(context.Context) (Application, error)) decide.Rollout {
	if q.Deployment == "" {
		app, err := application(ctx)
		if err != nil || app.Name == "" {
			return decide.Rollout{RolloutQuery: q, Err: err}
		}
		out, err := c.codedeploy.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{
			ApplicationName: &app.Name, DeploymentGroupName: &app.Group, CreateTimeRange: &types.TimeRange{Start: aws.Time(q.Since.Add(-clockSkew))},
		})
		if err != nil || len(out.Deployments) == 0 {
			return decide.Rollout{RolloutQuery: q, Err: c.explain("look for the deployments of "+app.Name, err)}
		}
		q.Deployment = out.Deployments[0]
	}
	out, err := c.codedeploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &q.Deployment})
	if err != nil {
		return decide.Rollout{RolloutQuery: q, Err: c.explain("read the rollout of "+q.LogicalID, err)}
	}
	info := out.DeploymentInfo
	r := decide.Rollout{RolloutQuery: q, Seen: true, State: v1alpha1.RolloutInProgress, Strategy: aws.ToString(info.DeploymentConfigName), Stage: string(info.Status)}
	if state, over := shiftStates[info.Status]; over {
		r.State = state
	}
	if e := info.ErrorInformation; e != nil {
		r.Reason = aws.ToString(e.Message)
	}
	if r.State == v1alpha1.RolloutFailed && info.RollbackInfo != nil && info.RollbackInfo.RollbackDeploymentId != nil {
		r.State = v1alpha1.RolloutRolledBack
	}
	if r.State == v1alpha1.RolloutInProgress {
		r.Weight = c.aliasWeight(ctx, q.Deployment)
	}
	return r
}

// aliasWeight is which share of the requests the new version gets, nil when that is
// not shown: it only adds to what is told.
func (c *Client) aliasWeight(ctx context.Context, deployment string) *float64 {
	listed, err := c.codedeploy.ListDeploymentTargets(ctx, &codedeploy.ListDeploymentTargetsInput{DeploymentId: &deployment})
	if err != nil || len(listed.TargetIds) == 0 {
		return nil
	}
	out, err := c.codedeploy.BatchGetDeploymentTargets(ctx, &codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &deployment, TargetIds: listed.TargetIds[:1]})
	if err != nil || len(out.DeploymentTargets) == 0 {
		return nil
	}
	if t := out.DeploymentTargets[0].LambdaTarget; t != nil && t.LambdaFunctionInfo != nil {
		return aws.Float64(t.LambdaFunctionInfo.TargetVersionWeight * 100)
	}
	return nil
}
