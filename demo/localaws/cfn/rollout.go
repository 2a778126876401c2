package cfn

import (
	"context"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// rollout is how a service or an alias gets its new revision, nil for other types.
func (s *Service) rollout(typ string) func(place cloud.Place, id, known string) (done bool, last string, failure error) {
	return map[string]func(cloud.Place, string, string) (bool, string, error){cloud.ServiceType: s.cloud.Rolled, cloud.AliasType: s.cloud.Shifted}[typ]
}

// lastRollout names the last rollout of a resource, "" for none.
func (s *Service) lastRollout(place cloud.Place, typ, id string) string {
	rolled := s.rollout(typ)
	if rolled == nil {
		return ""
	}
	_, last, _ := rolled(place, id, "")
	return last
}

// awaitRollout waits until a service or an alias has its new revision, as
// CloudFormation does. One that was rolled back is a failure, unless it was known
// before.
func (s *Service) awaitRollout(ctx context.Context, place cloud.Place, typ, id, known string) error {
	rolled := s.rollout(typ)
	if rolled == nil {
		return nil
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, _, err := rolled(place, id, known); done {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Canceled
		}
	}
}

// aliasShift is what moves an alias to another version, if it is CodeDeploy that
// does: an update whose policy says so. A rollback of the stack is none.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html
func (s *Service) aliasShift(op *operation, phase cloud.Phase, r *StackResource) (func() error, error) {
	nothing := func() error { return nil }
	there, ok := s.cloud.Get(op.stack.Place, r.Type, r.Physical)
	if r.Type != cloud.AliasType || phase != cloud.Updating || !ok || r.Definition.UpdatePolicy["CodeDeployLambdaAliasUpdate"] == nil {
		return nothing, nil
	}
	from, to := there.Text("FunctionVersion"), wire.Text(r.Props["FunctionVersion"])
	if from == to {
		return nothing, nil
	}
	s.mu.Lock()
	policy, err := s.liveScope(op.stack, op.imports).eval(r.Definition.UpdatePolicy["CodeDeployLambdaAliasUpdate"])
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	m, _ := policy.(map[string]any)
	p := wire.Params(m)
	return func() error {
		return s.cloud.Shift(op.stack.Place, r.Physical, from, to, p.String("ApplicationName"), p.String("DeploymentGroupName"))
	}, nil
}
