package decide

import (
	"errors"
	"fmt"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/verification"
)

// check is one question asked of a deployment that is in place, before it
// counts as done. A check that fails is the deployment's failure.
type check struct {
	name string
	// hook: it is the hook afterDeploy, which has a run of its own.
	hook bool
	spec v1alpha1.Check
}

// checksOf are the checks of an object, in the order in which they are asked.
// The hook is the last unless it has a place among them.
func checksOf(spec *v1alpha1.CdkTsStackSpec) []check {
	var all []check
	placed := false
	for i, name := range CheckNames(spec.Verification) {
		c := check{name: name, spec: spec.Verification[i]}
		c.hook = c.spec.AfterDeploy != nil
		placed = placed || c.hook
		all = append(all, c)
	}
	if !placed {
		all = append(all, check{name: AfterDeploy, hook: true})
	}
	if hookNamed(spec, AfterDeploy).Script == "" {
		return slices.DeleteFunc(all, func(c check) bool { return c.hook })
	}
	return all
}

// CheckNames are the names of checks, in their order: their own, or what they
// ask, with a number where that is taken.
func CheckNames(all []v1alpha1.Check) []string {
	taken := map[string]bool{AfterDeploy: true}
	for _, c := range all {
		taken[c.Name] = true
	}
	names := make([]string, len(all))
	for i, c := range all {
		name := c.Name
		for n := 1; name == "" || c.Name == "" && taken[name] && c.AfterDeploy == nil; n++ {
			name = kindOf(c)
			if n > 1 {
				name = fmt.Sprintf("%s-%d", name, n)
			}
		}
		names[i], taken[name] = name, true
	}
	return names
}

// kindOf is what a check asks, as the spec calls it.
func kindOf(c v1alpha1.Check) string {
	switch {
	case c.HTTP != nil:
		return "http"
	case c.TargetGroups != nil:
		return "targetGroups"
	case c.Certificate != nil:
		return "certificate"
	case c.Alarms != nil:
		return "alarms"
	}
	return AfterDeploy
}

// CheckNamed is the check of that name, a zero one if there is none.
func CheckNamed(spec *v1alpha1.CdkTsStackSpec, name string) v1alpha1.Check {
	for _, c := range checksOf(spec) {
		if c.name == name {
			return c.spec
		}
	}
	return v1alpha1.Check{}
}

// FirstHTTP is the first http check, a zero one if there is none.
func FirstHTTP(spec *v1alpha1.CdkTsStackSpec) v1alpha1.HTTPCheck {
	for _, c := range spec.Verification {
		if c.HTTP != nil {
			return *c.HTTP
		}
	}
	return v1alpha1.HTTPCheck{}
}

// refuseVerification says what is wrong with spec.verification that the schema
// could not refuse.
func refuseVerification(spec *v1alpha1.CdkTsStackSpec) error {
	for _, c := range spec.Verification {
		if c.AfterDeploy != nil && hookNamed(spec, AfterDeploy).Script == "" {
			return errors.New("verification has afterDeploy, and lifecycleHooks.afterDeploy is empty: write the hook, or take it out of verification")
		}
	}
	names := map[string]bool{}
	for _, c := range checksOf(spec) {
		if names[c.name] {
			return fmt.Errorf("two checks of verification are called %s: give one of them another name", c.name)
		}
		names[c.name] = true
	}
	return verification.Validate(spec.Verification, CheckNames(spec.Verification))
}
