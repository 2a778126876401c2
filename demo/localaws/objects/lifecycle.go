package objects

import (
	"strconv"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Lifecycle rules keep what both S3 and CloudFormation templates commonly say:
// ID, status, prefix, days of expiration. Nothing is ever expired.

func getLifecycle(r *request) (any, error) {
	rules := r.props().Map("LifecycleConfiguration").Maps("Rules")
	if len(rules) == 0 {
		return nil, wire.NotFound("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
	}
	list := wire.Flat{}
	for _, rule := range rules {
		out := pick(rule, map[string]string{"ID": "Id", "Status": "Status"})
		out["Filter"] = map[string]any{"Prefix": rule.String("Prefix")}
		if rule.Has("ExpirationInDays") {
			out["Expiration"] = map[string]any{"Days": rule.String("ExpirationInDays")}
		}
		if old := rule.Map("NoncurrentVersionExpiration"); old != nil {
			out["NoncurrentVersionExpiration"] = map[string]any{"NoncurrentDays": old.String("NoncurrentDays")}
		}
		list = append(list, out)
	}
	return r.xml("LifecycleConfiguration", map[string]any{"Rule": list}), nil
}

func putLifecycle(r *request) (any, error) {
	rules := []any{}
	for _, rule := range decodeXML(r.Body).each("Rule") {
		out := rule.copyTexts(map[string]string{"ID": "Id", "Status": "Status", "Prefix": "Prefix"})
		if prefix := rule.at("Filter").String("Prefix"); prefix != "" {
			out["Prefix"] = prefix
		}
		if days, err := strconv.Atoi(rule.at("Expiration").String("Days")); err == nil {
			out["ExpirationInDays"] = days
		}
		if days, err := strconv.Atoi(rule.at("NoncurrentVersionExpiration").String("NoncurrentDays")); err == nil {
			out["NoncurrentVersionExpiration"] = map[string]any{"NoncurrentDays": days}
		}
		rules = append(rules, out)
	}
	return r.set("LifecycleConfiguration", map[string]any{"Rules": rules})
}
