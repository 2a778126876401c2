package policy

import (
	"fmt"
	"strings"
)

// The bounds of what is followed of a template, which has 1 MiB at most: how deep,
// and how many values.
const (
	maxDepth = 1000
	maxSteps = 1_000_000
)

// resolver fills in what can be told of a template before its execution: the
// parameters that the plan gives a value, the account, region and partition, and
// the functions over these. What it cannot tell stays as the template has it.
type resolver struct {
	template map[string]any
	plan     Plan
	// conditions are those that were evaluated, or are being.
	conditions map[string]verdict
	steps      int
	// beyond is true when the template goes beyond the bounds.
	beyond bool
}

// verdict is what a condition says, ok when that can be told.
type verdict struct{ holds, ok bool }

// nothing stands for AWS::NoValue: the property is left out.
type nothing struct{}

func (r *resolver) resolve(v any, depth int) any {
	if r.stop(depth) {
		return v
	}
	switch v := v.(type) {
	case []any:
		all := make([]any, 0, len(v))
		for _, one := range v {
			if one = r.resolve(one, depth+1); one != (nothing{}) {
				all = append(all, one)
			}
		}
		return all
	case map[string]any:
		if name, argument, is := call(v); is {
			return r.call(name, argument, v, depth)
		}
		all := make(map[string]any, len(v))
		for key, one := range v {
			if one = r.resolve(one, depth+1); one != (nothing{}) {
				all[key] = one
			}
		}
		return all
	}
	return v
}

// stop counts a step, and says whether it is one too many.
func (r *resolver) stop(depth int) bool {
	r.steps++
	r.beyond = r.beyond || depth > maxDepth || r.steps > maxSteps
	return r.beyond
}

// call takes a function of templates apart.
func call(v map[string]any) (name string, argument any, is bool) {
	if len(v) != 1 {
		return "", nil, false
	}
	for key, value := range v {
		name, argument = key, value
	}
	return name, argument, intrinsic(name)
}

// call evaluates a function, and gives it back when that cannot be told.
func (r *resolver) call(name string, argument any, whole map[string]any, depth int) any {
	switch name {
	case "Ref":
		if id, is := argument.(string); is {
			if value, ok := r.ref(id); ok {
				return value
			}
		}
		return whole
	case "Fn::If":
		if parts, is := argument.([]any); is && len(parts) == 3 {
			if holds, ok := r.condition(parts[0], depth+1); ok {
				return r.resolve(parts[map[bool]int{true: 1, false: 2}[holds]], depth+1)
			}
		}
		return whole
	}
	argument = r.resolve(argument, depth+1)
	if text, ok := r.text(name, argument); ok {
		return text
	}
	return map[string]any{name: argument}
}

// text evaluates the functions that put texts together.
func (r *resolver) text(name string, argument any) (string, bool) {
	parts, list := argument.([]any)
	switch {
	case name == "Fn::Join" && list && len(parts) == 2:
		between, ok := parts[0].(string)
		words, whole := textsOf(parts[1])
		return strings.Join(words, between), ok && whole
	case name == "Fn::Sub" && list && len(parts) == 2:
		format, ok := parts[0].(string)
		text, whole := r.substitute(format, object(parts[1]))
		return text, ok && whole
	case name == "Fn::Sub":
		format, ok := argument.(string)
		text, whole := r.substitute(format, nil)
		return text, ok && whole
	}
	return "", false
}

func textsOf(v any) (words []string, all bool) {
	parts, is := v.([]any)
	for _, part := range parts {
		word, text := part.(string)
		if is = is && text; !is {
			return nil, false
		}
		words = append(words, word)
	}
	return words, is
}

// substitute fills in ${NAME}; ${!NAME} stands for itself.
func (r *resolver) substitute(format string, values map[string]any) (string, bool) {
	var text strings.Builder
	for {
		before, rest, found := strings.Cut(format, "${")
		text.WriteString(before)
		if !found {
			return text.String(), true
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false
		}
		format = after
		if literal, is := strings.CutPrefix(name, "!"); is {
			text.WriteString("${" + literal + "}")
			continue
		}
		value, ok := values[name]
		if !ok {
			value, ok = r.ref(name)
		}
		word, is := value.(string)
		if !ok || !is {
			return "", false
		}
		text.WriteString(word)
	}
}

// ref gives the value of a parameter or a pseudo parameter, when that is known.
func (r *resolver) ref(name string) (value any, ok bool) {
	switch name {
	case "AWS::NoValue":
		return nothing{}, true
	case "AWS::Partition":
		return partition(r.plan.Region), true
	case "AWS::Region":
		return r.plan.Region, r.plan.Region != ""
	case "AWS::AccountId":
		return r.plan.Account, r.plan.Account != ""
	case "AWS::StackName":
		return r.plan.StackName, true
	}
	definition := object(object(r.template["Parameters"])[name])
	kind, _ := definition["Type"].(string)
	if secret := strings.EqualFold(fmt.Sprint(definition["NoEcho"]), "true"); secret || strings.HasPrefix(kind, "AWS::SSM::") {
		return nil, false
	}
	given, ok := r.plan.Parameters[name]
	if !ok && r.plan.Creates {
		// A stack that is there keeps the value that it has.
		given, ok = scalar(definition["Default"])
	}
	if list := strings.HasPrefix(kind, "List<") || kind == "CommaDelimitedList"; ok && list {
		var all []any
		for word := range strings.SplitSeq(given, ",") {
			all = append(all, strings.TrimSpace(word))
		}
		return all, true
	}
	return given, ok
}

func scalar(v any) (string, bool) {
	switch v.(type) {
	case string, float64, bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// condition evaluates a condition of the template, by name or as it stands.
func (r *resolver) condition(v any, depth int) (holds, ok bool) {
	id, named := v.(string)
	if !named {
		return r.evaluate(v, depth)
	}
	if known, is := r.conditions[id]; is {
		return known.holds, known.ok
	}
	if r.conditions == nil {
		r.conditions = map[string]verdict{}
	}
	r.conditions[id] = verdict{} // one that refers to itself cannot be told
	holds, ok = r.evaluate(object(r.template["Conditions"])[id], depth)
	r.conditions[id] = verdict{holds, ok}
	return holds, ok
}

func (r *resolver) evaluate(v any, depth int) (holds, ok bool) {
	name, argument, is := call(object(v))
	if !is || r.stop(depth) {
		return false, false
	}
	parts, _ := argument.([]any)
	switch {
	case name == "Condition":
		return r.condition(argument, depth+1)
	case name == "Fn::Equals" && len(parts) == 2:
		left, leftKnown := scalar(r.resolve(parts[0], depth+1))
		right, rightKnown := scalar(r.resolve(parts[1], depth+1))
		return left == right, leftKnown && rightKnown
	case name == "Fn::Not" && len(parts) == 1:
		holds, ok = r.condition(parts[0], depth+1)
		return !holds, ok
	case name == "Fn::And" || name == "Fn::Or":
		return r.allOrAny(name == "Fn::And", parts, depth)
	}
	return false, false
}

// allOrAny evaluates Fn::And and Fn::Or.
func (r *resolver) allOrAny(all bool, parts []any, depth int) (holds, ok bool) {
	ok = len(parts) > 0
	for _, part := range parts {
		one, told := r.condition(part, depth+1)
		if told && one != all {
			return one, true // whatever the others are
		}
		ok = ok && told
	}
	return all, ok
}

func partition(region string) string {
	for prefix, name := range map[string]string{"cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b", "us-isof-": "aws-iso-f", "eu-isoe-": "aws-iso-e"} {
		if strings.HasPrefix(region, prefix) {
			return name
		}
	}
	return "aws"
}
