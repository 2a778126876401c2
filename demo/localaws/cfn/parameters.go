package cfn

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// parameterValues takes the caller's Parameters, filling UsePreviousValue and
// defaults, and refuses what the template doesn't allow.
func parameterValues(t *Template, given []wire.Params, previous map[string]string) (map[string]string, error) {
	out := map[string]string{}
	var stray []string
	for _, p := range given {
		name := p.String("ParameterKey")
		if t.Parameters[name] == nil {
			stray = append(stray, name)
			continue
		}
		value, ok, err := givenValue(name, p, previous)
		if err != nil {
			return nil, err
		}
		if ok {
			out[name] = value
		}
	}
	if len(stray) > 0 {
		return nil, wire.Invalid("Parameters: [%s] do not exist in the template", strings.Join(stray, ", "))
	}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		definition, _ := t.Parameters[name].(map[string]any)
		if _, ok := out[name]; !ok {
			if definition["Default"] == nil {
				missing = append(missing, name)
				continue
			}
			out[name] = wire.Text(definition["Default"])
		}
		if err := allowed(name, definition, out[name]); err != nil {
			return nil, err
		}
	}
	if len(missing) > 0 {
		return nil, wire.Invalid("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	return out, nil
}

// givenValue is the value that a caller gives a parameter, if he gives one.
func givenValue(name string, p wire.Params, previous map[string]string) (value string, ok bool, err error) {
	if !p.Bool("UsePreviousValue") {
		return p.String("ParameterValue"), p.Has("ParameterValue"), nil
	}
	if p.String("ParameterValue") != "" {
		return "", false, wire.Invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true and non empty value for a parameter", name)
	}
	if value, ok = previous[name]; !ok {
		return "", false, wire.Invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", name)
	}
	return value, true, nil
}

func allowed(name string, definition map[string]any, value string) error {
	d := wire.Params(definition)
	if list := d.Strings("AllowedValues"); len(list) > 0 && !slices.Contains(list, value) {
		return wire.Invalid("Parameter '%s' must be one of AllowedValues", name)
	}
	if len(value) < d.Int("MinLength", 0) {
		return wire.Invalid("Parameter '%s' must contain at least %d characters", name, d.Int("MinLength", 0))
	}
	if limit := d.Int("MaxLength", len(value)); len(value) > limit {
		return wire.Invalid("Parameter '%s' must contain at most %d characters", name, limit)
	}
	pattern := d.String("AllowedPattern")
	if pattern == "" {
		return nil
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return wire.Invalid("Invalid template parameter property 'AllowedPattern' of %s", name)
	}
	if !re.MatchString(value) {
		if reason := d.String("ConstraintDescription"); reason != "" {
			return wire.Invalid("Parameter '%s' failed to satisfy constraint: %s", name, reason)
		}
		return wire.Invalid("Parameter '%s' must match pattern %s", name, pattern)
	}
	return nil
}

// resolve turns raw parameter values into what Ref gives: lists are split, SSM
// parameter types are read from the parameter store.
func (s *Service) resolve(t *Template, place cloud.Place, raw map[string]string) (map[string]any, error) {
	out, missing := map[string]any{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		definition, _ := t.Parameters[name].(map[string]any)
		kind, value := wire.Text(definition["Type"]), raw[name]
		if inner, ok := strings.CutPrefix(kind, "AWS::SSM::Parameter::Value<"); ok {
			parameter, found := s.cloud.Get(place, "AWS::SSM::Parameter", value)
			if !found {
				missing = append(missing, value)
				continue
			}
			kind, value = strings.TrimSuffix(inner, ">"), parameter.Text("Value")
		}
		if kind == "CommaDelimitedList" || strings.HasPrefix(kind, "List<") {
			out[name] = splitList(value)
			continue
		}
		out[name] = value
	}
	if len(missing) > 0 {
		return nil, wire.Invalid("Unable to fetch parameters [%s] from parameter store for this account.", strings.Join(missing, ","))
	}
	return out, nil
}

func splitList(value string) []any {
	out := []any{}
	if value == "" {
		return out
	}
	for _, part := range strings.Split(value, ",") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

// checkRules evaluates the Rules section; the first assertion that doesn't
// hold refuses the template.
func checkRules(sc *scope) error {
	for _, name := range slices.Sorted(maps.Keys(sc.template.Rules)) {
		rule, _ := sc.template.Rules[name].(map[string]any)
		if condition, ok := rule["RuleCondition"]; ok {
			v, err := sc.eval(condition)
			if err != nil {
				return err
			}
			if !truth(v) {
				continue
			}
		}
		for _, assertion := range wire.Params(rule).Maps("Assertions") {
			v, err := sc.eval(assertion["Assert"])
			if err != nil {
				return err
			}
			if !truth(v) {
				return wire.Invalid("Template validation error: Rule %s failed: %s", name, assertion.String("AssertDescription"))
			}
		}
	}
	return nil
}
