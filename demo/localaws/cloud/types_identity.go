package cloud

import (
	"strings"
	"time"
)

var identityTypes = map[string]*Type{
	"AWS::IAM::Role": {
		Scope: AccountWide, Named: "RoleName", Replace: []string{"RoleName", "Path"}, Required: []string{"AssumeRolePolicyDocument"},
		IAM: true, Delay: 120 * time.Millisecond, ID: withUnique("RoleId", "AROA"),
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Arn": iamARN(r, "role"), "RoleId": r.Attrs["RoleId"]}
		},
	},
	"AWS::IAM::Policy": {
		Scope: AccountWide, Required: []string{"PolicyName", "PolicyDocument"}, IAM: true, NoTags: true, NoDrift: true,
		Delay:      60 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Id": r.ID} },
		Hook:       attachedRolesExist,
	},
	"AWS::IAM::ManagedPolicy": {
		Scope: AccountWide, Named: "ManagedPolicyName", Replace: []string{"ManagedPolicyName", "Path", "Description"},
		Required: []string{"PolicyDocument"}, IAM: true, NoTags: true, MaxName: 128, Delay: 60 * time.Millisecond,
		ID: func(_ *Cloud, r *Resource, name string) string {
			return "arn:aws:iam::" + r.Place.Account + ":policy" + path(r) + name
		},
		Attributes: func(r *Resource) map[string]any { return map[string]any{"PolicyArn": r.ID} },
		Hook:       attachedRolesExist,
	},
	"AWS::IAM::OIDCProvider": {
		Scope: AccountWide, Replace: []string{"Url"}, Required: []string{"Url"}, IAM: true, Delay: 60 * time.Millisecond,
		ID: func(_ *Cloud, r *Resource, _ string) string {
			return "arn:aws:iam::" + r.Place.Account + ":oidc-provider/" + strings.TrimPrefix(r.Text("Url"), "https://")
		},
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Arn": r.ID} },
	},
	"AWS::IAM::InstanceProfile": {
		Scope: AccountWide, Named: "InstanceProfileName", Replace: []string{"InstanceProfileName", "Path"},
		Required: []string{"Roles"}, IAM: true, NoTags: true, Delay: 80 * time.Millisecond, Hook: attachedRolesExist,
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Arn": iamARN(r, "instance-profile")} },
	},
}

func withUnique(attribute, prefix string) func(*Cloud, *Resource, string) string {
	return func(_ *Cloud, r *Resource, name string) string {
		r.Attrs[attribute] = prefix + Random(17)
		return name
	}
}

func path(r *Resource) string {
	if p := r.Text("Path"); p != "" {
		return p
	}
	return "/"
}

func iamARN(r *Resource, kind string) string {
	return "arn:aws:iam::" + r.Place.Account + ":" + kind + path(r) + r.ID
}

// attachedRolesExist refuses a policy or profile for a role that isn't there.
func attachedRolesExist(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	roles, _ := next["Roles"].([]any)
	if phase != Creating && phase != Updating {
		return nil
	}
	for _, role := range roles {
		name, _ := role.(string)
		if _, ok := c.get(r.Place, "AWS::IAM::Role", name); !ok {
			return awsErrorf("The role with name %s cannot be found", name)
		}
	}
	return nil
}
