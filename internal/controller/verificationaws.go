package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awshealth"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/verification"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Resources of a stack that checks ask about.
const (
	targetGroupType    = "AWS::ElasticLoadBalancingV2::TargetGroup"
	alarmType          = "AWS::CloudWatch::Alarm"
	compositeAlarmType = "AWS::CloudWatch::CompositeAlarm"
)

// maxAsked bounds how many target groups of a stack are asked for one check.
const maxAsked = 40

// targetGroups asks for the health of the targets of a check.
func (p *pass) targetGroups(ctx context.Context, c *v1alpha1.TargetGroupsCheck) (verification.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, cloudformation.DefaultCallTimeout)
	defer cancel()
	groups, err := p.groupsOf(ctx, c)
	if err != nil {
		return verification.Verdict{}, err
	}
	seen := make([]verification.Group, 0, len(groups))
	for _, g := range groups[:min(len(groups), maxAsked)] {
		targets, err := asReader(ctx, p, func(aws *awshealth.Client) ([]verification.Target, error) { return aws.Targets(ctx, g.PhysicalID) })
		if err != nil {
			return verification.Verdict{}, err
		}
		seen = append(seen, verification.Group{Name: g.LogicalID, Targets: targets})
	}
	return verification.TargetGroups(c, seen, len(c.Resources)+len(c.FromOutputs) > 0), nil
}

// groupsOf are the target groups of a check: those that it names, or all of the
// stack.
func (p *pass) groupsOf(ctx context.Context, c *v1alpha1.TargetGroupsCheck) ([]cloudformation.Resource, error) {
	var named []cloudformation.Resource
	for _, output := range c.FromOutputs {
		arn, err := p.ownOutput("targetGroups", output)
		if err != nil {
			return nil, err
		}
		if arn = strings.TrimSpace(arn); !strings.HasPrefix(arn, "arn:") || !strings.Contains(arn, ":targetgroup/") {
			return nil, errOutputMissing.New("the output %s, which targetGroups.fromOutputs names, is no ARN of a target group: give the stack one that is, or name the group in targetGroups.resources", output)
		}
		named = append(named, cloudformation.Resource{LogicalID: output, PhysicalID: arn})
	}
	if len(named) > 0 && len(c.Resources) == 0 {
		return named, nil
	}
	all, err := p.owned(ctx)
	if err != nil {
		return nil, err
	}
	all = ofType(all, targetGroupType)
	if len(c.Resources) == 0 {
		return all, nil
	}
	for _, id := range c.Resources {
		i := slices.IndexFunc(all, func(r cloudformation.Resource) bool { return r.LogicalID == id })
		if i < 0 {
			return nil, errOutputMissing.New("the stack has no target group %s, which targetGroups.resources names; it has %s: correct the name", id, idsOf(all))
		}
		named = append(named, all[i])
	}
	return named, nil
}

// alarms asks for the states of the alarms of a check.
func (p *pass) alarms(ctx context.Context, c *v1alpha1.AlarmsCheck) (v verification.Verdict, changed time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, cloudformation.DefaultCallTimeout)
	defer cancel()
	names := slices.Clone(c.Names)
	if ptr.Deref(c.OfStack, len(c.Names) == 0) {
		all, err := p.owned(ctx)
		if err != nil {
			return v, changed, err
		}
		for _, r := range ofType(all, alarmType, compositeAlarmType) {
			if !slices.Contains(names, r.PhysicalID) {
				names = append(names, r.PhysicalID)
			}
		}
	}
	type answer struct {
		all     []verification.Alarm
		missing []string
	}
	seen, err := asReader(ctx, p, func(aws *awshealth.Client) (a answer, err error) {
		if len(names) > 0 {
			a.all, a.missing, err = aws.Alarms(ctx, names)
		}
		return a, err
	})
	return verification.Alarms(seen.all, seen.missing), verification.LastChange(seen.all), err
}

// asReader asks AWS as the first of the identities that may.
func asReader[T any](ctx context.Context, p *pass, ask func(*awshealth.Client) (T, error)) (found T, err error) {
	clients, err := p.readers(ctx)
	if err != nil {
		return found, err
	}
	for _, aws := range clients {
		cfg, configured := aws.Config(ctx)
		if err = configured; err == nil {
			found, err = ask(awshealth.New(cfg, aws.Hidden()))
		}
		if !refused(err) {
			break
		}
	}
	return found, judged(err)
}

// owned are the resources of the object's stack that checks ask about. They are
// read once for each deployment: nothing else changes which there are.
func (p *pass) owned(ctx context.Context) ([]cloudformation.Resource, error) {
	name, key := client.ObjectKeyFromObject(p.obj), p.ownedKey()
	if all, known := p.checkups.ownedBy(name, key); known {
		return all, nil
	}
	clients, err := p.readers(ctx)
	if err != nil {
		return nil, err
	}
	var all []cloudformation.Resource
	for _, aws := range clients {
		if all, err = aws.Resources(ctx, p.obj.Status.StackID, targetGroupType, alarmType, compositeAlarmType); !refused(err) {
			break
		}
	}
	if err != nil {
		return nil, judged(err)
	}
	p.checkups.own(name, key, all)
	return all, nil
}

// ownedKey changes with each deployment.
func (p *pass) ownedKey() string {
	st := &p.obj.Status
	key := fmt.Sprint(st.StackID, " ", st.LastDeploy)
	if st.Operation != nil {
		key += " " + st.Operation.ID
	}
	return key
}

func ofType(all []cloudformation.Resource, types ...string) []cloudformation.Resource {
	return slices.DeleteFunc(slices.Clone(all), func(r cloudformation.Resource) bool { return !slices.Contains(types, r.Type) })
}

func idsOf(all []cloudformation.Resource) string {
	if len(all) == 0 {
		return "none"
	}
	var ids []string
	for _, r := range all[:min(len(all), 20)] {
		ids = append(ids, r.LogicalID)
	}
	return strings.Join(ids, ", ")
}
