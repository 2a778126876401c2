package cfn

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// unknown is what CloudFormation shows in a change set for a value that only
// exists once the change set was executed.
const unknown = "{{changeSet:KNOWN_AFTER_APPLY}}"

// noValue is what Ref: AWS::NoValue gives; the property it is given to vanishes.
type noValue struct{}

// scope is where a template's values are computed: its parameters and
// conditions, and how references to resources and exports are answered.
type scope struct {
	place      cloud.Place
	stackID    string
	stackName  string
	notify     []string
	template   *Template
	params     map[string]any
	conditions map[string]bool
	ref        func(logical string) (any, error)
	att        func(logical, attribute string) (any, error)
	export     func(name string) (string, error)
	ssm        func(name string) (string, error)
	imports    map[string]bool // names imported so far
	plans      bool            // references to secrets are left as they are
}

// eval computes v; intrinsic functions are replaced by their results.
func (s *scope) eval(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, ok := intrinsic(v); ok {
			return s.call(name, argument)
		}
		return s.evalMap(v)
	case []any:
		return s.evalList(v)
	case string:
		return s.dynamic(v)
	}
	return v, nil
}

func intrinsic(m map[string]any) (string, any, bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for k, v := range m {
		if k == "Ref" || strings.HasPrefix(k, "Fn::") {
			return k, v, true
		}
		if _, text := v.(string); k == "Condition" && text {
			return k, v, true
		}
	}
	return "", nil, false
}

func (s *scope) evalMap(m map[string]any) (any, error) {
	out := map[string]any{}
	for k, child := range m {
		v, err := s.eval(child)
		if err != nil {
			return nil, err
		}
		if _, none := v.(noValue); !none && v != nil {
			out[k] = v
		}
	}
	return out, nil
}

func (s *scope) evalList(list []any) (any, error) {
	out := []any{}
	for _, child := range list {
		v, err := s.eval(child)
		if err != nil {
			return nil, err
		}
		if _, none := v.(noValue); !none {
			out = append(out, v)
		}
	}
	return out, nil
}

var dynamicReference = regexp.MustCompile(`\{\{resolve:([a-z-]+):([^}]*)\}\}`)

// dynamic replaces {{resolve:ssm:…}}. References to secrets are left as they
// are in a change set, as AWS does, and refused when it is executed.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html
func (s *scope) dynamic(text string) (any, error) {
	for _, m := range dynamicReference.FindAllStringSubmatch(text, -1) {
		if m[1] != "ssm" {
			if s.plans && (m[1] == "ssm-secure" || m[1] == "secretsmanager") {
				continue
			}
			return nil, wire.Errorf("NotImplemented", "the local AWS does not resolve {{resolve:%s:…}}", m[1])
		}
		name, _, _ := strings.Cut(m[2], ":")
		value, err := s.ssm(name)
		if err != nil {
			return nil, err
		}
		text = strings.ReplaceAll(text, m[0], value)
	}
	return text, nil
}

type function func(s *scope, argument any) (any, error)

var functions map[string]function

func init() {
	functions = map[string]function{
		"Ref": refFn, "Condition": conditionFn, "Fn::GetAtt": getAttFn, "Fn::Sub": subFn, "Fn::Join": joinFn,
		"Fn::Select": selectFn, "Fn::Split": splitFn, "Fn::If": ifFn, "Fn::Equals": equalsFn, "Fn::And": andFn,
		"Fn::Or": orFn, "Fn::Not": notFn, "Fn::FindInMap": findInMapFn, "Fn::ImportValue": importFn,
		"Fn::Base64": base64Fn, "Fn::Cidr": cidrFn, "Fn::GetAZs": azsFn, "Fn::Length": lengthFn,
		"Fn::ToJsonString": jsonFn, "Fn::Contains": containsFn,
	}
}

func (s *scope) call(name string, argument any) (any, error) {
	f, ok := functions[name]
	if !ok {
		return nil, wire.Errorf("NotImplemented", "the local AWS does not implement the intrinsic function %s", name)
	}
	return f(s, argument)
}

func refFn(s *scope, argument any) (any, error) {
	name := wire.Text(argument)
	if v, ok := s.pseudo(name); ok {
		return v, nil
	}
	if v, ok := s.params[name]; ok {
		return v, nil
	}
	if s.ref == nil || s.template.Resources[name] == nil {
		return nil, wire.Invalid("Template format error: Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", name)
	}
	return s.ref(name)
}

func (s *scope) pseudo(name string) (any, bool) {
	switch name {
	case "AWS::Region":
		return s.place.Region, true
	case "AWS::AccountId":
		return s.place.Account, true
	case "AWS::Partition":
		return "aws", true
	case "AWS::URLSuffix":
		return "amazonaws.com", true
	case "AWS::StackName":
		return s.stackName, true
	case "AWS::StackId":
		return s.stackID, true
	case "AWS::NoValue":
		return noValue{}, true
	case "AWS::NotificationARNs":
		list := []any{}
		for _, arn := range s.notify {
			list = append(list, arn)
		}
		return list, true
	}
	return nil, false
}

func getAttFn(s *scope, argument any) (any, error) {
	if list, ok := argument.([]any); ok && len(list) == 2 {
		name, err := s.eval(list[1])
		if err != nil {
			return nil, err
		}
		argument = []any{list[0], name}
	}
	logical, name := attribute(argument)
	if s.att == nil || logical == "" || name == "" {
		return nil, wire.Invalid("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
	}
	return s.att(logical, name)
}

func importFn(s *scope, argument any) (any, error) {
	name, err := s.text(argument)
	if err != nil {
		return nil, err
	}
	if s.imports != nil {
		s.imports[name] = true
	}
	return s.export(name)
}

func base64Fn(s *scope, argument any) (any, error) {
	text, err := s.text(argument)
	return base64.StdEncoding.EncodeToString([]byte(text)), err
}

func jsonFn(s *scope, argument any) (any, error) {
	v, err := s.eval(argument)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(v)
	return string(raw), err
}

func lengthFn(s *scope, argument any) (any, error) {
	v, err := s.eval(argument)
	list, ok := v.([]any)
	if err == nil && !ok {
		err = wire.Invalid("Template error: Fn::Length expects an array")
	}
	return json.Number(strconv.Itoa(len(list))), err
}

// text computes v and writes it as text.
func (s *scope) text(v any) (string, error) {
	value, err := s.eval(v)
	if err != nil {
		return "", err
	}
	switch value.(type) {
	case map[string]any, []any, noValue:
		return "", wire.Invalid("Template error: expected a string, found %s", wire.Text(value))
	}
	return wire.Text(value), nil
}

// arguments computes the items of a list argument, of which there must be n.
func (s *scope) arguments(name string, argument any, n int) ([]any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != n {
		return nil, wire.Invalid("Template error: every %s object requires %d parameters", name, n)
	}
	v, err := s.evalList(list)
	if err != nil {
		return nil, err
	}
	values := v.([]any)
	if len(values) != n {
		return nil, wire.Invalid("Template error: %s has a parameter without value", name)
	}
	return values, nil
}
