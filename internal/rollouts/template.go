package rollouts

import (
	"encoding/json"
	"regexp"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
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

// targetGroups finds the ARNs of target groups in a text.
var targetGroups = regexp.MustCompile(`arn:[^"\s]*:targetgroup/[^"\s]*`)

// Shifted are the listeners and rules, of those that drifted, that ECS moves by the
// template, and that forward to target groups of its own only: that is no drift.
func Shifted(text string, physical map[string]string, drifted []v1alpha1.DriftedResource) []string {
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
	var shifted []string
	for _, d := range drifted {
		own, managed := groups[d.PhysicalID]
		if managed && !slices.ContainsFunc(d.Properties, func(q v1alpha1.DriftedProperty) bool { return decide.ShiftsTraffic(d.Type, q.Path) && elsewhere(q, own) }) {
			shifted = append(shifted, d.LogicalID)
		}
	}
	return shifted
}

// elsewhere says whether a property forwards to a target group that is not among some.
func elsewhere(q v1alpha1.DriftedProperty, own []string) bool {
	return slices.ContainsFunc(targetGroups.FindAllString(q.Actual, -1), func(arn string) bool { return !slices.Contains(own, arn) })
}
