package main

import (
	"slices"
	"strings"
	"testing"
)

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

func TestBuiltInPoliciesForAllAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  string
		// want are names of policies, "?" behind those that warn only.
		want []string
		err  string
	}{
		"none unless somebody says so": {},
		"by the flag":                  {args: []string{"--built-in-policies=NoPublicBuckets,NoOpenPorts=Warn,NoBroadIAM=Deny"}, want: []string{"operator/NoPublicBuckets", "operator/NoOpenPorts?", "operator/NoBroadIAM"}},
		"by the variable":              {env: "Baseline=Warn", want: []string{"operator/Baseline?"}},
		"the flag wins":                {args: []string{"--built-in-policies="}, env: "Baseline"},
		"one that does not exist":      {args: []string{"--built-in-policies=Basline"}, err: "there is no built-in policy Basline"},
		"one in the variable":          {env: "Basline", err: "AWSCDK_OPERATOR_BUILT_IN_POLICIES: there is no built-in policy Basline"},
		"an enforcement of one's own":  {args: []string{"--built-in-policies=Baseline=warn"}, err: "the enforcement of a policy is Deny or Warn, as in Baseline=Warn"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parseSettings(c.args, func(key string) string { return map[string]string{"AWSCDK_OPERATOR_BUILT_IN_POLICIES": c.env}[key] })
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error is %v, want %q", err, c.err)
				}
				return
			}
			var got []string
			for _, p := range s.builtInPolicies {
				got = append(got, p.Name+map[bool]string{true: "?"}[p.Warns])
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}
