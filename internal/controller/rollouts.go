package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/rollouts"
)

// asEach lets each identity of the object try something that the roles of the CDK's
// bootstrap may not be allowed: its roles, and then what assumes them. It ends with
// the first that AWS lets, and otherwise with the last refusal.
func (p *pass) asEach(ctx context.Context, clients []*cloudformation.Client, try func(context.Context, *cloudformation.Client, *rollouts.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, cloudformation.DefaultCallTimeout)
	defer cancel()
	credentials, err := p.credentials(ctx)
	if err != nil {
		return err
	}
	own := p.AWS.For(cloudformation.Target{Credentials: credentials, Region: p.obj.Spec.AWSRegion})
	if !slices.Contains(clients, own) {
		clients = append(slices.Clone(clients), own)
	}
	for _, aws := range clients {
		cfg, configErr := aws.Config(ctx)
		if err = configErr; err == nil {
			err = try(ctx, aws, rollouts.New(cfg, aws.Hidden()))
		}
		if !awsconfig.Refused(err) && !errors.Is(err, awsconfig.ErrRole) {
			break
		}
	}
	return err
}

// rollouts are those of what CloudFormation works on.
func (p *pass) rollouts(ctx context.Context, needs decide.Needs, seen decide.Observed) []decide.Rollout {
	if !needs.Rollouts {
		return nil
	}
	queries := decide.RolloutsToRead(p.obj, seen.Events)
	if len(queries) == 0 {
		return nil
	}
	clients, err := p.readers(ctx)
	if err != nil {
		return nil // what was seen of the stack says so
	}
	ctx, cancel := context.WithTimeout(ctx, cloudformation.DefaultCallTimeout)
	defer cancel()
	var all []decide.Rollout
	for _, q := range queries {
		var found decide.Rollout
		err := p.asEach(ctx, clients, func(ctx context.Context, aws *cloudformation.Client, c *rollouts.Client) error {
			found = c.Rollout(ctx, q, func(ctx context.Context) (rollouts.Application, error) { return applicationOf(ctx, aws, q) })
			return found.Err
		})
		found.RolloutQuery.RollingResource, found.Kind, found.Err = q.RollingResource, q.Kind, judged(err)
		all = append(all, found)
		if err != nil && !awsconfig.Refused(err) {
			break // the others would wait for the same
		}
	}
	return all
}

// applicationOf is what CodeDeploy calls the application that moves an alias.
func applicationOf(ctx context.Context, aws *cloudformation.Client, q decide.RolloutQuery) (rollouts.Application, error) {
	text, err := aws.Template(ctx, q.StackID, "")
	if err != nil || !strings.Contains(text, "CodeDeployLambdaAliasUpdate") {
		return rollouts.Application{}, err
	}
	physical, err := physicalIDs(ctx, aws, q.StackID)
	if err != nil {
		return rollouts.Application{}, err
	}
	return rollouts.ApplicationOf(text, q.LogicalID, physical), nil
}

func physicalIDs(ctx context.Context, aws *cloudformation.Client, stackID string) (map[string]string, error) {
	list, err := aws.Resources(ctx, stackID)
	if err != nil {
		return nil, err
	}
	physical := map[string]string{}
	for _, r := range list {
		physical[r.LogicalID] = r.PhysicalID
	}
	return physical, nil
}

// answerRollout tells AWS what was ordered for a rollout.
func (p *pass) answerRollout(ctx context.Context) error {
	r := decide.RolloutToAnswer(p.obj, p.Now())
	if r == nil {
		return nil // its time has not come
	}
	aws, err := p.aws(ctx)
	if err != nil {
		return err
	}
	return p.asEach(ctx, []*cloudformation.Client{aws}, func(ctx context.Context, _ *cloudformation.Client, c *rollouts.Client) error {
		return c.Answer(ctx, r)
	})
}

// traffic is how live traffic stands that the plan at the gates would touch.
func (p *pass) traffic(ctx context.Context, needs decide.Needs, seen decide.Observed) decide.Traffic {
	q := decide.TrafficToRead(p.obj, seen)
	op := p.obj.Status.Operation
	switch {
	case !needs.Traffic || op != nil && !decide.AtGates(p.obj, seen):
		return decide.Traffic{}
	case len(q.Forwarders)+len(q.Services) == 0:
		return decide.Traffic{Seen: true}
	}
	clients, err := p.readers(ctx)
	if err != nil {
		return decide.Traffic{Err: judged(err)}
	}
	stackID := seen.ChangeSet.StackID
	var found decide.Traffic
	err = p.asEach(ctx, clients, func(ctx context.Context, aws *cloudformation.Client, c *rollouts.Client) error {
		asked := q
		if q.Others {
			asked.Services = withServices(ctx, aws, stackID, q.Services)
		}
		found = c.Traffic(ctx, asked)
		if found.Refused != "" {
			return awsconfig.ErrAccessDenied
		}
		return found.Err
	})
	if err == nil {
		return found
	}
	if found.Refused == "" {
		found = decide.Traffic{Err: judged(err)}
	}
	found.Managed = op == nil || p.movesTraffic(ctx, clients, stackID, op.ID)
	return found
}

// withServices adds the ECS services of a stack to some, as far as they can be listed:
// those that the plan changes are known without.
func withServices(ctx context.Context, aws *cloudformation.Client, stackID string, known []v1alpha1.TrafficRollout) []v1alpha1.TrafficRollout {
	const most = 10
	all := slices.Clone(known)
	list, _ := aws.Resources(ctx, stackID)
	for _, r := range list {
		there := slices.ContainsFunc(all, func(t v1alpha1.TrafficRollout) bool { return t.ARN == r.PhysicalID })
		if r.Type == "AWS::ECS::Service" && !there && len(all) < most {
			all = append(all, v1alpha1.TrafficRollout{LogicalID: r.LogicalID, ARN: r.PhysicalID})
		}
	}
	return all
}

// movesTraffic says whether the template of a plan has ECS or CodeDeploy move traffic.
// One that nobody may read counts as one that does.
func (p *pass) movesTraffic(ctx context.Context, clients []*cloudformation.Client, stackID, changeSet string) bool {
	text := ""
	err := p.asEach(ctx, clients, func(ctx context.Context, aws *cloudformation.Client, _ *rollouts.Client) (err error) {
		text, err = aws.Template(ctx, stackID, changeSet)
		return err
	})
	return err != nil || strings.Contains(text, "ProductionListenerRule") || strings.Contains(text, "AWS::CodeDeploy::")
}

// shifted are the listeners and rules whose drift is only that ECS has moved traffic.
func (p *pass) shifted(ctx context.Context, clients []*cloudformation.Client, found decide.Drift) (ids []string) {
	moved := func(r v1alpha1.DriftedResource) bool {
		return slices.ContainsFunc(r.Properties, func(q v1alpha1.DriftedProperty) bool { return decide.ShiftsTraffic(r.Type, q.Path) })
	}
	op := p.obj.Status.Operation
	if found.Err != nil || op == nil || !slices.ContainsFunc(found.Resources, moved) {
		return nil
	}
	err := p.asEach(ctx, clients, func(ctx context.Context, aws *cloudformation.Client, c *rollouts.Client) error {
		text, err := aws.Template(ctx, op.StackID, "")
		if err != nil {
			return fmt.Errorf("read what moves traffic: %w", err)
		}
		physical, err := physicalIDs(ctx, aws, op.StackID)
		if err != nil {
			return err
		}
		ids, err = c.Shifted(ctx, rollouts.Managed(text, physical), found.Resources)
		return err
	})
	if err != nil {
		return nil // then it counts as drift
	}
	return ids
}
