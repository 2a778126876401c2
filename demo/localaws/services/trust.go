package services

import (
	"path"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// caller is who wants to assume a role.
type caller struct {
	call *wire.Call
	// account and arn are of the keys that signed the call, role the role whose
	// session they are of.
	account, arn, role string
	// web is who the token of the call is of, for a call that is not signed.
	web *subject
}

// trusts evaluates a role's trust policy for an action: its principals, its
// actions, and its conditions. A policy without statements trusts nobody.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func trusts(role cloud.Resource, action string, who caller) bool {
	document, _ := role.Props["AssumeRolePolicyDocument"].(map[string]any)
	allowed := false
	for _, s := range many(document["Statement"]) {
		statement, _ := s.(map[string]any)
		if !names(statement["Action"], action) || !who.is(statement["Principal"]) || !who.fulfils(statement["Condition"]) {
			continue
		}
		if wire.Text(statement["Effect"]) == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

// is says whether the caller is among principals.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (w caller) is(principals any) bool {
	if w.web != nil {
		of, _ := principals.(map[string]any)
		return slices.ContainsFunc(many(of["Federated"]), func(v any) bool { return wire.Text(v) == w.web.provider })
	}
	if wire.Text(principals) == "*" {
		return true
	}
	of, _ := principals.(map[string]any)
	return slices.ContainsFunc(many(of["AWS"]), func(v any) bool {
		switch p := wire.Text(v); p {
		case "*", w.arn, w.account, "arn:aws:iam::" + w.account + ":root":
			return true
		default:
			return w.role != "" && p == w.role
		}
	})
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

// fulfils says whether the caller fulfils all conditions. A key that nothing
// here gives a value is absent, and a condition on it not fulfilled.
func (w caller) fulfils(conditions any) bool {
	operators, _ := conditions.(map[string]any)
	for operator, v := range operators {
		keys, _ := v.(map[string]any)
		for key, wanted := range keys {
			if !holds(operator, w.value(key), many(wanted)) {
				return false
			}
		}
	}
	return true
}

// value is that of a condition's key, "" when the request has none.
func (w caller) value(key string) string {
	request, lower := w.call.Params, strings.ToLower(key)
	switch {
	case lower == "sts:externalid":
		return request.String("ExternalId")
	case lower == "sts:rolesessionname":
		return request.String("RoleSessionName")
	case lower == "sts:sourceidentity":
		return request.String("SourceIdentity")
	case lower == "aws:principalaccount":
		return w.account
	case lower == "aws:principalarn" && w.role != "":
		return w.role
	case lower == "aws:principalarn":
		return w.arn
	case w.web != nil && lower == strings.ToLower(w.web.issuer)+":sub":
		return w.web.subject
	case w.web != nil && lower == strings.ToLower(w.web.issuer)+":aud":
		return w.web.audience
	case strings.HasPrefix(lower, "aws:requesttag/"):
		for _, tag := range request.Maps("Tags") {
			if strings.EqualFold(tag.String("Key"), key[len("aws:requesttag/"):]) {
				return tag.String("Value")
			}
		}
	}
	return ""
}

// holds compares a value as a condition's operator does. An operator that is not
// known here never holds.
func holds(operator, value string, wanted []any) bool {
	if base, may := strings.CutSuffix(operator, "IfExists"); may {
		return value == "" || holds(base, value, wanted)
	}
	if base, negated := strings.CutPrefix(operator, "StringNot"); negated {
		return !holds("String"+base, value, wanted)
	}
	return slices.ContainsFunc(wanted, func(v any) bool {
		switch operator {
		case "StringEquals", "ArnEquals":
			return wire.Text(v) == value
		case "StringLike", "ArnLike":
			return matches(wire.Text(v), value)
		case "Null":
			return (wire.Text(v) == "true") == (value == "")
		}
		return false
	})
}
