package services

import (
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// balancerOf is the load balancer of a listener, or of a rule of one.
func balancerOf(r cloud.Resource) string {
	if r.Type == cloud.ListenerType {
		return r.Text("LoadBalancerArn")
	}
	arn := strings.Replace(r.ID, ":listener-rule/", ":loadbalancer/", 1)
	for range 2 {
		arn = arn[:strings.LastIndex(arn, "/")]
	}
	return arn
}

// describeRules shows the rules of a listener, or those of the given ARNs. The
// default rule, which is the listener's default actions, is shown with a listener.
func describeRules(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "ListenerArn", "RuleArns", "Marker", "PageSize"); err != nil {
		return nil, err
	}
	all, err := wanted(c, call, cloud.ListenerRuleType, call.Params.Strings("RuleArns"), "RuleNotFound", "One or more rules not found")
	if err != nil {
		return nil, err
	}
	of, list := call.Params.String("ListenerArn"), []any{}
	if of == "" && len(call.Params.Strings("RuleArns")) == 0 {
		return nil, wire.Invalid("You must specify either listener ARN or rule ARNs")
	}
	for _, r := range all {
		if of == "" || r.Text("ListenerArn") == of {
			list = append(list, map[string]any{
				"RuleArn": r.ID, "Priority": r.Text("Priority"), "IsDefault": false, "Actions": r.Props["Actions"], "Conditions": r.Props["Conditions"],
			})
		}
	}
	if of == "" {
		return map[string]any{"Rules": list}, nil
	}
	l, ok := c.Get(place(call), cloud.ListenerType, of)
	if !ok {
		return nil, wire.Errorf("ListenerNotFound", "One or more listeners not found")
	}
	arn := strings.Replace(of, ":listener/", ":listener-rule/", 1) + "/default"
	list = append(list, map[string]any{"RuleArn": arn, "Priority": "default", "IsDefault": true, "Actions": l.Props["DefaultActions"], "Conditions": []any{}})
	return map[string]any{"Rules": list}, nil
}

func modifyRule(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "RuleArn", "Actions", "Conditions"); err != nil {
		return nil, err
	}
	arn := call.Params.String("RuleArn")
	err := c.Change(place(call), cloud.ListenerRuleType, arn, func(r *cloud.Resource) error {
		for _, name := range []string{"Actions", "Conditions"} {
			if call.Params.Has(name) {
				r.Props[name] = call.Params[name]
			}
		}
		return nil
	})
	if err != nil {
		return nil, missing(err, "RuleNotFound", "One or more rules not found")
	}
	call.Params = wire.Params{"RuleArns": []any{arn}}
	return describeRules(c, call)
}
