package controller

import (
	"context"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
)

// aws is the client that acts for the object: its credentials, its region and
// the role that its app says is to be assumed.
func (p *pass) aws(ctx context.Context) (*cloudformation.Client, error) {
	credentials, err := p.credentials(ctx)
	if err != nil {
		return nil, err
	}
	plan := decide.PlanOf(p.obj)
	return p.AWS.For(cloudformation.Target{
		Credentials: credentials,
		Region:      p.obj.Spec.AWSRegion,
		Role:        awsconfig.Role{ARN: plan.DeployRoleARN, ExternalID: plan.DeployRoleExternalID, Session: plan.DeployRoleSession},
	}), nil
}

// readers are the clients that may look for drift, the one to try first at
// the front: with the role that the app names for reading, as the CDK CLI does
// it, and where that may not be assumed, as everything else.
func (p *pass) readers(ctx context.Context) ([]*cloudformation.Client, error) {
	usual, err := p.aws(ctx)
	if err != nil {
		return nil, err
	}
	plan := decide.PlanOf(p.obj)
	if plan.LookupRoleARN == "" {
		return []*cloudformation.Client{usual}, nil
	}
	credentials, err := p.credentials(ctx)
	if err != nil {
		return nil, err
	}
	reader := p.AWS.For(cloudformation.Target{
		Credentials: credentials, Region: p.obj.Spec.AWSRegion,
		Role: awsconfig.Role{ARN: plan.LookupRoleARN, ExternalID: plan.LookupRoleExternalID, Session: plan.LookupRoleSession},
	})
	return []*cloudformation.Client{reader, usual}, nil
}

// stackRead reads a stack as the first of the clients that may.
func (p *pass) stackRead(ctx context.Context, stackID string) (found decide.Stack) {
	clients, err := p.readers(ctx)
	if err != nil {
		return decide.Stack{Err: err}
	}
	for _, aws := range clients {
		if found = aws.Stack(ctx, stackID); awsconfig.Refused(found.Err) {
			continue
		}
		if decide.Updated(p.obj, found) {
			found.Template, found.Err = aws.TemplateDigest(ctx, stackID)
		}
		if !awsconfig.Refused(found.Err) {
			break
		}
	}
	if found.Seen && awsconfig.Refused(found.Err) {
		found.Err = nil // nobody may read the template: nothing is known of it
	}
	found.Err = judged(found.Err)
	return found
}

// detectDrift starts a detection as the first of the clients that may, or goes
// on with what could not be started yet.
func (p *pass) detectDrift(ctx context.Context, op *v1alpha1.Operation) (id string, err error) {
	clients, err := p.readers(ctx)
	if err != nil {
		return "", err
	}
	for _, aws := range clients {
		if id, err = aws.DetectDrift(ctx, op.StackID, op.DetectionID); !awsconfig.Refused(err) {
			break
		}
	}
	return id, err
}

// drift reads a detection as the first of the clients that may.
func (p *pass) drift(ctx context.Context, needs decide.Needs) (found decide.Drift) {
	clients, err := p.readers(ctx)
	if err != nil {
		return decide.Drift{Err: err}
	}
	for _, aws := range clients {
		if found = aws.Drift(ctx, needs.Drift, p.obj.Status.Operation.StackID, decide.NamesConstructs(&p.obj.Spec)); !awsconfig.Refused(found.Err) {
			break
		}
	}
	found.Shifted = p.shifted(ctx, clients, found)
	found.Err = judged(found.Err)
	return found
}
