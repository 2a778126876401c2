package rollouts

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/decide"
)

// template is what is read of a template. The CDK writes JSON; of a template in YAML
// nothing is known.
type template struct {
	Resources map[string]struct {
		Type       string
		Properties struct {
			LoadBalancers []struct {
				TargetGroupArn        any
				AdvancedConfiguration struct{ AlternateTargetGroupArn, ProductionListenerRule, TestListenerRule any }
			}
		}
		UpdatePolicy struct {
			CodeDeployLambdaAliasUpdate *struct{ ApplicationName, DeploymentGroupName any }
		}
	}
}

func parse(text string) template {
	var t template
	if json.Unmarshal([]byte(text), &t) != nil {
		return template{}
	}
	return t
}

// valueOf is a literal, or AWS's name of the resource that an expression refers to;
// "" for what is computed.
func valueOf(expression any, physical map[string]string) string {
	switch e := expression.(type) {
	case string:
		return e
	case map[string]any:
		return physical[referred(e)]
	}
	return ""
}

// referred is the logical id that a reference names, "" for other expressions.
func referred(e map[string]any) string {
	if id, is := e["Ref"].(string); is {
		return id
	}
	if list, is := e["Fn::GetAtt"].([]any); is && len(list) == 2 {
		id, _ := list[0].(string)
		return id
	}
	return ""
}

// ApplicationOf is what moves an alias, by the template and AWS's names of the
// resources.
func ApplicationOf(text, alias string, physical map[string]string) Application {
	policy := parse(text).Resources[alias].UpdatePolicy.CodeDeployLambdaAliasUpdate
	if policy == nil {
		return Application{}
	}
	app := Application{Name: valueOf(policy.ApplicationName, physical), Group: valueOf(policy.DeploymentGroupName, physical)}
	if app.Group == "" {
		return Application{}
	}
	return app
}

// Managed are the target groups between which ECS moves requests by the template, by
// the ARN of the listener or rule that shares them out.
func Managed(text string, physical map[string]string) map[string][]string {
	groups := map[string][]string{}
	for _, r := range parse(text).Resources {
		for _, lb := range r.Properties.LoadBalancers {
			a := lb.AdvancedConfiguration
			for _, rule := range []any{a.ProductionListenerRule, a.TestListenerRule} {
				if arn := valueOf(rule, physical); arn != "" {
					groups[arn] = append(groups[arn], valueOf(lb.TargetGroupArn, physical), valueOf(a.AlternateTargetGroupArn, physical))
				}
			}
		}
	}
	return groups
}

// Shifted are the listeners and rules, of those that drifted, that forward to target
// groups only between which ECS moves requests there: that is no drift.
func (c *Client) Shifted(ctx context.Context, managed map[string][]string, drifted []v1alpha1.DriftedResource) (shifted []string, err error) {
	var q decide.TrafficQuery
	for _, d := range drifted {
		if _, is := managed[d.PhysicalID]; is {
			q.Forwarders = append(q.Forwarders, decide.Forwarder{LogicalID: d.LogicalID, Type: d.Type, ARN: d.PhysicalID})
		}
	}
	seen := c.Traffic(ctx, q)
	if seen.Refused != "" {
		return nil, awsconfig.ErrAccessDenied
	}
	for _, f := range q.Forwarders {
		live, known := seen.Live[f.ARN]
		own := func(group string) bool { return slices.Contains(managed[f.ARN], group) }
		if known && len(live) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(live)), func(group string) bool { return !own(group) }) {
			shifted = append(shifted, f.LogicalID)
		}
	}
	return shifted, seen.Err
}
