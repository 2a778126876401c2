package cfn

import (
	"encoding/binary"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"awscdk.dev/operator/demo/localaws/wire"
)

var subPattern = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

func subNames(text string) []string {
	var out []string
	for _, m := range subPattern.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.TrimSpace(m[1]))
	}
	return out
}

func subFn(s *scope, argument any) (any, error) {
	text, own := subArguments(argument)
	var failure error
	out := subPattern.ReplaceAllStringFunc(text, func(match string) string {
		name := strings.TrimSpace(match[2 : len(match)-1])
		value, err := s.subValue(name, own)
		if err != nil && failure == nil {
			failure = err
		}
		return value
	})
	return strings.ReplaceAll(out, "${!", "${"), failure
}

func (s *scope) subValue(name string, own map[string]any) (string, error) {
	if v, ok := own[name]; ok {
		return s.text(v)
	}
	if logical, attribute, ok := strings.Cut(name, "."); ok {
		return s.text(map[string]any{"Fn::GetAtt": []any{logical, attribute}})
	}
	return s.text(map[string]any{"Ref": name})
}

func joinFn(s *scope, argument any) (any, error) {
	args, err := s.arguments("Fn::Join", argument, 2)
	if err != nil {
		return nil, err
	}
	list, ok := args[1].([]any)
	if !ok {
		if args[1] == unknown {
			return unknown, nil
		}
		return nil, wire.Invalid("Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
	}
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = wire.Text(v)
	}
	return strings.Join(parts, wire.Text(args[0])), nil
}

func selectFn(s *scope, argument any) (any, error) {
	args, err := s.arguments("Fn::Select", argument, 2)
	if err != nil {
		return nil, err
	}
	list, ok := args[1].([]any)
	if !ok && args[1] == unknown {
		return unknown, nil
	}
	i, err := strconv.Atoi(wire.Text(args[0]))
	if err != nil || i < 0 || i >= len(list) {
		return nil, wire.Invalid("Template error: Fn::Select cannot select nonexistent value at index %s", wire.Text(args[0]))
	}
	return list[i], nil
}

func splitFn(s *scope, argument any) (any, error) {
	args, err := s.arguments("Fn::Split", argument, 2)
	if err != nil {
		return nil, err
	}
	if text := wire.Text(args[1]); strings.Contains(text, unknown) {
		return unknown, nil
	}
	out := []any{}
	for _, part := range strings.Split(wire.Text(args[1]), wire.Text(args[0])) {
		out = append(out, part)
	}
	return out, nil
}

func ifFn(s *scope, argument any) (any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 3 {
		return nil, wire.Invalid("Template error: Fn::If requires a list argument with three elements")
	}
	name := wire.Text(list[0])
	holds, ok := s.conditions[name]
	if !ok {
		return nil, wire.Invalid("Template error: unresolved condition dependency %s in the Fn::If", name)
	}
	if holds {
		return s.eval(list[1])
	}
	return s.eval(list[2])
}

func conditionFn(s *scope, argument any) (any, error) {
	name := wire.Text(argument)
	if holds, ok := s.conditions[name]; ok {
		return holds, nil
	}
	return s.condition(name, 0)
}

// condition computes a named condition, and those it is made of.
func (s *scope) condition(name string, depth int) (bool, error) {
	definition, ok := s.template.Conditions[name]
	if !ok || depth > len(s.template.Conditions) {
		return false, wire.Invalid("Template format error: Unresolved condition dependency %s", name)
	}
	v, err := s.eval(definition)
	if err != nil {
		return false, err
	}
	holds := truth(v)
	s.conditions[name] = holds
	return holds, nil
}

func truth(v any) bool { return strings.EqualFold(wire.Text(v), "true") }

func equalsFn(s *scope, argument any) (any, error) {
	args, err := s.arguments("Fn::Equals", argument, 2)
	if err != nil {
		return nil, err
	}
	return same(args[0], args[1]), nil
}

func andFn(s *scope, argument any) (any, error) {
	return s.fold(argument, func(all, one bool) bool { return all && one })
}

func orFn(s *scope, argument any) (any, error) {
	return s.fold(argument, func(all, one bool) bool { return all || one })
}

func (s *scope) fold(argument any, join func(a, b bool) bool) (any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) == 0 {
		return nil, wire.Invalid("Template error: Fn::And and Fn::Or require a list of conditions")
	}
	var result bool
	for i, item := range list {
		v, err := s.eval(item)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			result = truth(v)
		}
		result = join(result, truth(v))
	}
	return result, nil
}

func notFn(s *scope, argument any) (any, error) {
	args, err := s.arguments("Fn::Not", argument, 1)
	if err != nil {
		return nil, err
	}
	return !truth(args[0]), nil
}

// containsFn serves the Rules section only.
func containsFn(s *scope, argument any) (any, error) {
	args, err := s.arguments("Fn::Contains", argument, 2)
	if err != nil {
		return nil, err
	}
	list, _ := args[0].([]any)
	for _, v := range list {
		if same(v, args[1]) {
			return true, nil
		}
	}
	return false, nil
}

func findInMapFn(s *scope, argument any) (any, error) {
	args, err := s.arguments("Fn::FindInMap", argument, 3)
	if err != nil {
		return nil, err
	}
	first, _ := s.template.Mappings[wire.Text(args[0])].(map[string]any)
	second, _ := first[wire.Text(args[1])].(map[string]any)
	v, ok := second[wire.Text(args[2])]
	if !ok {
		return nil, wire.Invalid("Template error: Unable to get mapping for %s::%s::%s", wire.Text(args[0]), wire.Text(args[1]), wire.Text(args[2]))
	}
	return v, nil
}

func azsFn(s *scope, argument any) (any, error) {
	region, err := s.text(argument)
	if err != nil {
		return nil, err
	}
	if region == "" {
		region = s.place.Region
	}
	return []any{region + "a", region + "b", region + "c"}, nil
}

// cidrFn splits a block into count blocks with the given number of host bits.
func cidrFn(s *scope, argument any) (any, error) {
	list, ok := argument.([]any)
	if ok && len(list) == 2 {
		argument = append(list[:2:2], "8")
	}
	args, err := s.arguments("Fn::Cidr", argument, 3)
	if err != nil {
		return nil, err
	}
	block, err1 := netip.ParsePrefix(wire.Text(args[0]))
	count, err2 := strconv.Atoi(wire.Text(args[1]))
	bits, err3 := strconv.Atoi(wire.Text(args[2]))
	if err1 != nil || err2 != nil || err3 != nil || !block.Addr().Is4() || bits < 1 || bits > 32-block.Bits() || count < 1 || count > 256 {
		return nil, wire.Invalid("Template error: Fn::Cidr cannot split %s into %s blocks of %s host bits", wire.Text(args[0]), wire.Text(args[1]), wire.Text(args[2]))
	}
	if count > 1<<(32-block.Bits()-bits) {
		return nil, wire.Invalid("Template error: Fn::Cidr: %s has no room for %d blocks", block, count)
	}
	raw := block.Masked().Addr().As4()
	base, out := binary.BigEndian.Uint32(raw[:]), []any{}
	for range count {
		binary.BigEndian.PutUint32(raw[:], base)
		base += 1 << bits
		out = append(out, netip.PrefixFrom(netip.AddrFrom4(raw), 32-bits).String())
	}
	return out, nil
}
