package services

import (
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var kmsHandlers = map[string]Handler{
	"DescribeKey": describeKey,
	"ListAliases": func(c *cloud.Cloud, call *wire.Call) (any, error) {
		list := []any{}
		for _, a := range c.List(place(call), "AWS::KMS::Alias") {
			list = append(list, map[string]any{"AliasName": a.ID, "TargetKeyId": a.Text("TargetKeyId")})
		}
		return map[string]any{"Aliases": list}, nil
	},
}

func describeKey(c *cloud.Cloud, call *wire.Call) (any, error) {
	id := call.Params.String("KeyId")
	if alias, ok := c.Get(place(call), "AWS::KMS::Alias", id); ok {
		id = alias.Text("TargetKeyId")
	}
	id = id[strings.LastIndex(id, "/")+1:]
	k, ok := c.Get(place(call), "AWS::KMS::Key", id)
	if !ok {
		return nil, wire.Errorf("NotFoundException", "Key '%s' does not exist", cloud.ARN("kms", place(call), "key/%s", id))
	}
	arn, _ := cloud.Attribute(k, "Arn")
	return map[string]any{"KeyMetadata": map[string]any{
		"KeyId": k.ID, "Arn": arn, "Enabled": true, "KeyState": "Enabled", "Description": k.Text("Description"),
		"CreationDate": k.Created, "AWSAccountId": k.Place.Account, "KeyManager": "CUSTOMER",
	}}, nil
}

var eventsHandlers = map[string]Handler{
	"DescribeRule": func(c *cloud.Cloud, call *wire.Call) (any, error) {
		r, ok := c.Get(place(call), "AWS::Events::Rule", call.Params.String("Name"))
		if !ok {
			return nil, wire.Errorf("ResourceNotFoundException", "Rule %s does not exist on EventBus default.", call.Params.String("Name"))
		}
		return ruleView(r), nil
	},
	"ListRules": func(c *cloud.Cloud, call *wire.Call) (any, error) {
		list := []any{}
		for _, r := range c.List(place(call), "AWS::Events::Rule") {
			list = append(list, ruleView(r))
		}
		return map[string]any{"Rules": list}, nil
	},
	"DisableRule": setRuleState("DISABLED"),
	"EnableRule":  setRuleState("ENABLED"),
}

func ruleView(r cloud.Resource) map[string]any {
	arn, _ := cloud.Attribute(r, "Arn")
	view := map[string]any{"Name": r.ID, "Arn": arn, "State": "ENABLED"}
	for _, k := range []string{"State", "Description", "ScheduleExpression"} {
		if v := r.Text(k); v != "" {
			view[k] = v
		}
	}
	return view
}

func setRuleState(state string) Handler {
	return func(c *cloud.Cloud, call *wire.Call) (any, error) {
		name := call.Params.String("Name")
		err := c.Change(place(call), "AWS::Events::Rule", name, func(r *cloud.Resource) error {
			r.Props["State"] = state
			return nil
		})
		return nil, missing(err, "ResourceNotFoundException", "Rule %s does not exist on EventBus default.", name)
	}
}
