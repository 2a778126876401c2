package services

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const (
	roleType   = "AWS::IAM::Role"
	policyType = "AWS::IAM::Policy"
)

var iamHandlers = map[string]Handler{
	"GetRole":                  getRole,
	"ListRoles":                listRoles,
	"CreateRole":               createRole,
	"DeleteRole":               deleteRole,
	"UpdateRole":               updateRole,
	"ListRolePolicies":         listRolePolicies,
	"GetRolePolicy":            getRolePolicy,
	"PutRolePolicy":            putRolePolicy,
	"DeleteRolePolicy":         deleteRolePolicy,
	"ListAttachedRolePolicies": attachedPolicies,
	"AttachRolePolicy":         attachPolicy,
	"DetachRolePolicy":         detachPolicy,
	"ListRoleTags":             roleTags,
	"GetPolicy":                getPolicy,

	"CreateOpenIDConnectProvider": createProvider,
	"GetOpenIDConnectProvider":    getProvider,
	"DeleteOpenIDConnectProvider": deleteProvider,
}

func role(c *cloud.Cloud, call *wire.Call) (cloud.Resource, error) {
	name := call.Params.String("RoleName")
	r, ok := c.Get(place(call), roleType, name)
	if !ok {
		return r, wire.NotFound("NoSuchEntity", "The role with name %s cannot be found.", name)
	}
	return r, nil
}

func roleView(r cloud.Resource) map[string]any {
	arn, _ := cloud.Attribute(r, "Arn")
	document, _ := json.Marshal(r.Props["AssumeRolePolicyDocument"])
	path := r.Text("Path")
	if path == "" {
		path = "/"
	}
	view := map[string]any{
		"RoleName": r.ID, "RoleId": r.Attrs["RoleId"], "Arn": arn, "Path": path, "CreateDate": r.Created,
		"AssumeRolePolicyDocument": url.QueryEscape(string(document)), "MaxSessionDuration": longestSession(r),
		"Tags": cloud.TagList(r.AllTags()),
	}
	if d := r.Text("Description"); d != "" {
		view["Description"] = d
	}
	return view
}

func getRole(c *cloud.Cloud, call *wire.Call) (any, error) {
	r, err := role(c, call)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Role": roleView(r)}, nil
}

func listRoles(c *cloud.Cloud, call *wire.Call) (any, error) {
	list := []any{}
	for _, r := range c.List(place(call), roleType) {
		list = append(list, roleView(r))
	}
	return map[string]any{"Roles": list, "IsTruncated": false}, nil
}

func createRole(c *cloud.Cloud, call *wire.Call) (any, error) {
	var document any
	if err := json.Unmarshal([]byte(call.Params.String("AssumeRolePolicyDocument")), &document); err != nil {
		return nil, wire.Errorf("MalformedPolicyDocument", "This policy contains invalid Json")
	}
	props := map[string]any{"RoleName": call.Params.String("RoleName"), "AssumeRolePolicyDocument": document}
	for _, k := range []string{"Description", "MaxSessionDuration"} {
		if call.Params.Has(k) {
			props[k] = call.Params.String(k)
		}
	}
	r, err := c.Create(cloud.Spec{Type: roleType, Place: place(call), Props: props})
	if err != nil {
		return nil, wire.Errorf("EntityAlreadyExists", "Role with name %s already exists.", call.Params.String("RoleName"))
	}
	return map[string]any{"Role": roleView(r)}, nil
}

func deleteRole(c *cloud.Cloud, call *wire.Call) (any, error) {
	if _, err := role(c, call); err != nil {
		return nil, err
	}
	return nil, c.Delete(cloud.Deleting, place(call), roleType, call.Params.String("RoleName"))
}

// changeRole edits a role's properties.
func changeRole(c *cloud.Cloud, call *wire.Call, edit func(r *cloud.Resource) error) error {
	name := call.Params.String("RoleName")
	return missing(c.Change(place(call), roleType, name, edit), "NoSuchEntity", "The role with name %s cannot be found.", name)
}

func updateRole(c *cloud.Cloud, call *wire.Call) (any, error) {
	return nil, changeRole(c, call, func(r *cloud.Resource) error {
		for _, k := range []string{"Description", "MaxSessionDuration"} {
			if call.Params.Has(k) {
				r.Props[k] = call.Params.String(k)
			}
		}
		return nil
	})
}

// inlinePolicies lists a role's inline policies by name: its own, and those
// that AWS::IAM::Policy resources put there.
func inlinePolicies(c *cloud.Cloud, call *wire.Call, r cloud.Resource) map[string]any {
	out := map[string]any{}
	for _, p := range wire.Params(r.Props).Maps("Policies") {
		out[p.String("PolicyName")] = p["PolicyDocument"]
	}
	for _, p := range c.List(place(call), policyType) {
		if slices.Contains(wire.Params(p.Props).Strings("Roles"), r.ID) {
			out[p.Text("PolicyName")] = p.Props["PolicyDocument"]
		}
	}
	return out
}

func listRolePolicies(c *cloud.Cloud, call *wire.Call) (any, error) {
	r, err := role(c, call)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for name := range inlinePolicies(c, call, r) {
		names = append(names, name)
	}
	slices.Sort(names)
	return map[string]any{"PolicyNames": names, "IsTruncated": false}, nil
}

func getRolePolicy(c *cloud.Cloud, call *wire.Call) (any, error) {
	r, err := role(c, call)
	if err != nil {
		return nil, err
	}
	name := call.Params.String("PolicyName")
	document, ok := inlinePolicies(c, call, r)[name]
	if !ok {
		return nil, wire.NotFound("NoSuchEntity", "The role policy with name %s cannot be found.", name)
	}
	raw, _ := json.Marshal(document)
	return map[string]any{"RoleName": r.ID, "PolicyName": name, "PolicyDocument": url.QueryEscape(string(raw))}, nil
}

func putRolePolicy(c *cloud.Cloud, call *wire.Call) (any, error) {
	var document any
	if err := json.Unmarshal([]byte(call.Params.String("PolicyDocument")), &document); err != nil {
		return nil, wire.Errorf("MalformedPolicyDocument", "This policy contains invalid Json")
	}
	return nil, changeRole(c, call, func(r *cloud.Resource) error {
		list := withoutPolicy(r, call.Params.String("PolicyName"))
		r.Props["Policies"] = append(list, map[string]any{"PolicyName": call.Params.String("PolicyName"), "PolicyDocument": document})
		return nil
	})
}

func deleteRolePolicy(c *cloud.Cloud, call *wire.Call) (any, error) {
	return nil, changeRole(c, call, func(r *cloud.Resource) error {
		r.Props["Policies"] = withoutPolicy(r, call.Params.String("PolicyName"))
		return nil
	})
}

func withoutPolicy(r *cloud.Resource, name string) []any {
	list := []any{}
	for _, p := range wire.Params(r.Props).Maps("Policies") {
		if p.String("PolicyName") != name {
			list = append(list, map[string]any(p))
		}
	}
	return list
}

func attachedPolicies(c *cloud.Cloud, call *wire.Call) (any, error) {
	r, err := role(c, call)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, arn := range wire.Params(r.Props).Strings("ManagedPolicyArns") {
		list = append(list, map[string]any{"PolicyArn": arn, "PolicyName": arn[lastSlash(arn):]})
	}
	return map[string]any{"AttachedPolicies": list, "IsTruncated": false}, nil
}

func lastSlash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return i + 1
		}
	}
	return 0
}

func attachPolicy(c *cloud.Cloud, call *wire.Call) (any, error) {
	return nil, changeRole(c, call, func(r *cloud.Resource) error {
		list, _ := r.Props["ManagedPolicyArns"].([]any)
		r.Props["ManagedPolicyArns"] = append(list, call.Params.String("PolicyArn"))
		return nil
	})
}

func detachPolicy(c *cloud.Cloud, call *wire.Call) (any, error) {
	return nil, changeRole(c, call, func(r *cloud.Resource) error {
		list, _ := r.Props["ManagedPolicyArns"].([]any)
		r.Props["ManagedPolicyArns"] = slices.DeleteFunc(list, func(v any) bool { return v == call.Params.String("PolicyArn") })
		return nil
	})
}

func roleTags(c *cloud.Cloud, call *wire.Call) (any, error) {
	r, err := role(c, call)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Tags": cloud.TagList(r.AllTags()), "IsTruncated": false}, nil
}

func getPolicy(c *cloud.Cloud, call *wire.Call) (any, error) {
	arn := call.Params.String("PolicyArn")
	p, ok := c.Get(place(call), "AWS::IAM::ManagedPolicy", arn)
	if !ok && !strings.HasPrefix(arn, "arn:aws:iam::aws:policy/") {
		return nil, wire.NotFound("NoSuchEntity", "Policy %s was not found.", arn)
	}
	return map[string]any{"Policy": map[string]any{
		"Arn": arn, "PolicyName": arn[lastSlash(arn):], "DefaultVersionId": "v1", "CreateDate": p.Created, "IsAttachable": true,
	}}, nil
}
