package main

import "testing"

func TestPoliciesForAllAreAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"not unless somebody says so":  {},
		"by the flag":                  {args: []string{"--plan-policies"}, want: "awscdk-operator-system"},
		"by the variable, where it is": {env: map[string]string{"AWSCDK_OPERATOR_PLAN_POLICIES": "true", "POD_NAMESPACE": "ops"}, want: "ops"},
		"the flag wins":                {args: []string{"--plan-policies=false"}, env: map[string]string{"AWSCDK_OPERATOR_PLAN_POLICIES": "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parseSettings(c.args, func(key string) string { return c.env[key] })
			if err != nil || s.policyNamespace() != c.want {
				t.Errorf("got %q, %v", s.policyNamespace(), err)
			}
		})
	}
	if _, err := parseSettings(nil, func(key string) string { return map[string]string{"AWSCDK_OPERATOR_PLAN_POLICIES": "perhaps"}[key] }); err == nil {
		t.Error("perhaps is taken")
	}
}
