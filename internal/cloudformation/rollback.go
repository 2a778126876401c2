package cloudformation

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
)

// The types of alarms that CloudFormation watches.
const (
	metricAlarm    = "AWS::CloudWatch::Alarm"
	compositeAlarm = "AWS::CloudWatch::CompositeAlarm"
)

// rollbackConfiguration is what CloudFormation is told to watch; nil says nothing
// about it. The list is never nil then: the last alarm would stay on the stack.
func rollbackConfiguration(c *v1alpha1.RollbackConfiguration) *types.RollbackConfiguration {
	if c == nil {
		return nil
	}
	out := &types.RollbackConfiguration{RollbackTriggers: []types.RollbackTrigger{}, MonitoringTimeInMinutes: aws.Int32(c.MonitoringMinutes)}
	for _, t := range c.Triggers {
		typ := metricAlarm
		if t.Composite {
			typ = compositeAlarm
		}
		out.RollbackTriggers = append(out.RollbackTriggers, types.RollbackTrigger{Arn: aws.String(t.ARN), Type: aws.String(typ)})
	}
	return out
}

// CancelUpdate has CloudFormation roll an update back that is under way; the
// events of the rollback carry the token. Doing so again does nothing.
// decide.ErrCancelDenied is a role that may not.
func (c *Client) CancelUpdate(ctx context.Context, stackARN, token string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	doing := "cancel the update of stack " + shortName(stackARN)
	_, err := call(ctx, c, doing, (*cfn.Client).CancelUpdateStack, &cfn.CancelUpdateStackInput{StackName: &stackARN, ClientRequestToken: &token})
	switch {
	case err == nil || code(err) == codeTokenExists:
		return nil
	case errors.Is(err, ErrAccessDenied):
		return decide.ErrCancelDenied.Because(err, "%v. Allow the role cloudformation:CancelUpdateStack on the stack: the deploy role that `cdk bootstrap` makes does not have it", err)
	case errors.Is(err, ErrValidation) || errors.Is(err, ErrStackBusy):
		return c.unlessOurs(ctx, stackARN, token, err)
	}
	return err
}

// TemplateThere says whether CloudFormation can read a template, by its URL;
// decide.ErrTemplateGone is one that is no longer there.
func (c *Client) TemplateThere(ctx context.Context, url string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	_, err := c.declared(ctx, "template "+lastPart(url), &cfn.GetTemplateSummaryInput{TemplateURL: &url})
	return err
}

// keepValues takes out of the values that are given those of parameters that have
// one in the stack, and of those that the template does not have.
func (c *Client) keepValues(ctx context.Context, r *ChangeSetRequest) error {
	stack, err := c.describe(ctx, r.StackName)
	if err != nil {
		return err
	}
	declared, err := c.declaredBy(ctx, *r)
	if err != nil {
		return err
	}
	given := map[string]Given{}
	for key, value := range r.Given {
		has := slices.ContainsFunc(stack.Parameters, func(p types.Parameter) bool { return aws.ToString(p.ParameterKey) == key })
		if _, known := declared[key]; known && !has {
			given[key] = value
		}
	}
	r.Given = given
	return nil
}
