package services

import (
	"path"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// trusts evaluates a role's trust policy for an action: its actions, and its
// conditions on the external id, the session's name and the session tags. A
// role whose policy has no statements trusts everybody.
func trusts(role cloud.Resource, action string, request wire.Params) bool {
	document, _ := role.Props["AssumeRolePolicyDocument"].(map[string]any)
	statements := many(document["Statement"])
	if len(statements) == 0 {
		return true
	}
	allowed := false
	for _, s := range statements {
		statement, _ := s.(map[string]any)
		if !names(statement["Action"], action) || !fulfils(statement["Condition"], request) {
			continue
		}
		if wire.Text(statement["Effect"]) == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

// many is a policy's element, which may be one or a list.
func many(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func names(actions any, action string) bool {
	return slices.ContainsFunc(many(actions), func(v any) bool { return matches(strings.ToLower(wire.Text(v)), strings.ToLower(action)) })
}

// matches compares with * and ?, as StringLike does.
func matches(pattern, text string) bool {
	// path.Match stops a * at a slash; neither side has any meaning for one.
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(text, "/", "\x00"))
	return ok && err == nil
}

// fulfils says whether a request fulfils all conditions. Those on anything
// else than the request's own values count as fulfilled.
func fulfils(conditions any, request wire.Params) bool {
	operators, _ := conditions.(map[string]any)
	for operator, v := range operators {
		keys, _ := v.(map[string]any)
		for key, wanted := range keys {
			value, known := conditionValue(key, request)
			if known && !holds(operator, value, many(wanted)) {
				return false
			}
		}
	}
	return true
}

// conditionValue is the value of a condition's key; known is false for keys that
// are not evaluated here.
func conditionValue(key string, request wire.Params) (value string, known bool) {
	lower := strings.ToLower(key)
	switch {
	case lower == "sts:externalid":
		return request.String("ExternalId"), true
	case lower == "sts:rolesessionname":
		return request.String("RoleSessionName"), true
	case lower == "sts:sourceidentity":
		return request.String("SourceIdentity"), true
	case strings.HasPrefix(lower, "aws:requesttag/"):
		for _, tag := range request.Maps("Tags") {
			if strings.EqualFold(tag.String("Key"), key[len("aws:requesttag/"):]) {
				return tag.String("Value"), true
			}
		}
		return "", true
	}
	return "", false
}

func holds(operator, value string, wanted []any) bool {
	return slices.ContainsFunc(wanted, func(v any) bool {
		switch operator {
		case "StringEquals":
			return wire.Text(v) == value
		case "StringLike":
			return matches(wire.Text(v), value)
		case "Null":
			return (wire.Text(v) == "true") == (value == "")
		}
		return true
	})
}
