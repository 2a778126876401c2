package services

import (
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// rule is one rule of a security group: one protocol, one range of ports, one peer.
type rule struct {
	protocol, from, to           string
	cidr, cidr6, group, prefixes string
	description                  string
}

// peer is the rule's peer as the API's error messages write it.
func (r rule) peer() string { return r.cidr + r.cidr6 + r.group + r.prefixes }

// equal says whether two rules allow the same; descriptions don't count.
func (r rule) equal(other rule) bool {
	r.description, other.description = "", ""
	return r == other
}

// direction holds the words of CloudFormation for rules that come in or go out.
type direction struct{ list, group, prefixes string }

var directions = map[string]direction{
	cloud.IngressType: {"SecurityGroupIngress", "SourceSecurityGroupId", "SourcePrefixListId"},
	cloud.EgressType:  {"SecurityGroupEgress", "DestinationSecurityGroupId", "DestinationPrefixListId"},
}

// ruleFrom reads a rule in CloudFormation's words.
func ruleFrom(props wire.Params, d direction) rule {
	r := rule{
		protocol: protocol(props.String("IpProtocol")), from: props.String("FromPort"), to: props.String("ToPort"),
		cidr: props.String("CidrIp"), cidr6: props.String("CidrIpv6"), group: props.String(d.group), prefixes: props.String(d.prefixes),
		description: props.String("Description"),
	}
	return r.tidy()
}

// tidy drops ports from rules for all protocols, as EC2 does.
func (r rule) tidy() rule {
	if r.protocol == "-1" {
		r.from, r.to = "", ""
	}
	return r
}

func protocol(name string) string {
	switch strings.ToLower(name) {
	case "6":
		return "tcp"
	case "17":
		return "udp"
	case "1":
		return "icmp"
	case "all", "":
		return "-1"
	}
	return strings.ToLower(name)
}

// props writes a rule in CloudFormation's words.
func (r rule) props(d direction) map[string]any {
	out := map[string]any{"IpProtocol": r.protocol}
	for k, v := range map[string]string{
		"FromPort": r.from, "ToPort": r.to, "CidrIp": r.cidr, "CidrIpv6": r.cidr6, d.group: r.group, d.prefixes: r.prefixes,
		"Description": r.description,
	} {
		if v != "" {
			out[k] = v
		}
	}
	return out
}

// rulesOf lists all rules of a group: those of its template, those that were
// added behind its back, and those that are resources of their own.
func rulesOf(c *cloud.Cloud, group cloud.Resource, typ string) []rule {
	var out []rule
	for _, r := range ownRules(group, typ) {
		out = append(out, ruleFrom(r, directions[typ]))
	}
	for _, r := range c.List(group.Place, typ) {
		if r.Text("GroupId") == group.ID {
			out = append(out, ruleFrom(r.Props, directions[typ]))
		}
	}
	return out
}

// ownRules lists the rules that a group itself holds. A group whose template
// says nothing about what may go out lets everything out.
func ownRules(group cloud.Resource, typ string) []wire.Params {
	name := directions[typ].list
	added := wire.Params(group.Attrs).Maps(name)
	own := wire.Params(group.Props)
	if typ == cloud.EgressType && !own.Has(name) && !wire.Params(group.Attrs).Has(name) {
		return []wire.Params{{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}}
	}
	return append(own.Maps(name), added...)
}

// setOwn stores rules in the group. Where its template has rules they are
// stored as its property, so that the change is drift; else beside it, where
// updates by the stack leave them alone.
func setOwn(group *cloud.Resource, typ string, rules []wire.Params) {
	name, list := directions[typ].list, []any{}
	for _, r := range rules {
		list = append(list, map[string]any(r))
	}
	if _, ok := group.Props[name]; ok {
		group.Props[name] = list
		delete(group.Attrs, name)
		return
	}
	group.Attrs[name] = list
}

// permissions writes rules as EC2 does: those of the same ports together.
func permissions(group cloud.Resource, rules []rule) []any {
	out, index := []any{}, map[rule]map[string]any{}
	for _, r := range rules {
		ports := rule{protocol: r.protocol, from: r.from, to: r.to}
		p := index[ports]
		if p == nil {
			p = map[string]any{"ipProtocol": r.protocol, "ipRanges": []any{}, "ipv6Ranges": []any{}, "groups": []any{}, "prefixListIds": []any{}}
			if r.from != "" {
				p["fromPort"], p["toPort"] = r.from, r.to
			}
			index[ports] = p
			out = append(out, p)
		}
		list, entry := "ipRanges", map[string]any{"cidrIp": r.cidr}
		switch {
		case r.cidr6 != "":
			list, entry = "ipv6Ranges", map[string]any{"cidrIpv6": r.cidr6}
		case r.group != "":
			list, entry = "groups", map[string]any{"groupId": r.group, "userId": group.Place.Account}
		case r.prefixes != "":
			list, entry = "prefixListIds", map[string]any{"prefixListId": r.prefixes}
		}
		if r.description != "" {
			entry["description"] = r.description
		}
		p[list] = append(p[list].([]any), entry)
	}
	return out
}

func rulesAsFacts(out facts, prefix string, rules []rule) {
	for _, name := range []string{"protocol", "from-port", "to-port", "cidr", "ipv6-cidr", "group-id"} {
		out[prefix+name] = nil
	}
	for _, r := range rules {
		for name, v := range map[string]string{
			"protocol": r.protocol, "from-port": r.from, "to-port": r.to, "cidr": r.cidr, "ipv6-cidr": r.cidr6, "group-id": r.group,
		} {
			if v != "" {
				out[prefix+name] = append(out[prefix+name], v)
			}
		}
	}
}

// requested reads the rules that a call names, by IpPermissions or one alone.
func requested(call *wire.Call) ([]rule, error) {
	if err := onlyKnown(call, "GroupId", "IpPermissions", "IpProtocol", "FromPort", "ToPort", "CidrIp"); err != nil {
		return nil, err
	}
	if !call.Params.Has("IpPermissions") {
		r := rule{
			protocol: protocol(call.Params.String("IpProtocol")), from: call.Params.String("FromPort"),
			to: call.Params.String("ToPort"), cidr: call.Params.String("CidrIp"),
		}
		if r.cidr == "" {
			return nil, wire.Errorf("MissingParameter", "The request must contain the parameter ipPermissions")
		}
		return []rule{r.tidy()}, nil
	}
	var out []rule
	for _, p := range call.Params.Maps("IpPermissions") {
		ports := rule{protocol: protocol(p.String("IpProtocol")), from: p.String("FromPort"), to: p.String("ToPort")}
		for _, peer := range p.Maps("IpRanges") {
			out = append(out, ports.with(peer, rule{cidr: peer.String("CidrIp")}))
		}
		for _, peer := range p.Maps("Ipv6Ranges") {
			out = append(out, ports.with(peer, rule{cidr6: peer.String("CidrIpv6")}))
		}
		for _, peer := range append(p.Maps("Groups"), p.Maps("UserIdGroupPairs")...) {
			out = append(out, ports.with(peer, rule{group: peer.String("GroupId")}))
		}
		for _, peer := range p.Maps("PrefixListIds") {
			out = append(out, ports.with(peer, rule{prefixes: peer.String("PrefixListId")}))
		}
	}
	if len(out) == 0 {
		return nil, wire.Errorf("MissingParameter", "The request must contain the parameter ipPermissions")
	}
	return out, nil
}

func (r rule) with(peer wire.Params, other rule) rule {
	other.protocol, other.from, other.to, other.description = r.protocol, r.from, r.to, peer.String("Description")
	return other.tidy()
}

func authorize(typ string) Handler {
	return func(c *cloud.Cloud, call *wire.Call) (any, error) {
		rules, err := requested(call)
		if err != nil {
			return nil, err
		}
		return changeRules(c, call, typ, func(group *cloud.Resource, there []rule) error {
			own := ownRules(*group, typ)
			for _, r := range rules {
				if slices.ContainsFunc(there, r.equal) {
					return wire.Errorf("InvalidPermission.Duplicate", "the specified rule \"peer: %s, %s, from port: %s, to port: %s, ALLOW\" already exists",
						r.peer(), strings.ToUpper(r.protocol), r.from, r.to)
				}
				there = append(there, r)
				own = append(own, r.props(directions[typ]))
			}
			setOwn(group, typ, own)
			return nil
		})
	}
}

func revoke(typ string) Handler {
	return func(c *cloud.Cloud, call *wire.Call) (any, error) {
		rules, err := requested(call)
		if err != nil {
			return nil, err
		}
		answer, err := changeRules(c, call, typ, func(group *cloud.Resource, there []rule) error {
			for _, r := range rules {
				if !slices.ContainsFunc(there, r.equal) {
					return wire.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
				}
			}
			own := slices.DeleteFunc(ownRules(*group, typ), func(p wire.Params) bool {
				return slices.ContainsFunc(rules, ruleFrom(p, directions[typ]).equal)
			})
			setOwn(group, typ, own)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return answer, deleteStandalone(c, call, typ, rules)
	}
}

// changeRules lets edit alter a group, given the rules there are.
func changeRules(c *cloud.Cloud, call *wire.Call, typ string, edit func(group *cloud.Resource, there []rule) error) (any, error) {
	id := call.Params.String("GroupId")
	group, ok := c.Get(place(call), cloud.SecurityGroupType, id)
	if !ok {
		return nil, wire.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist", id)
	}
	there := rulesOf(c, group, typ)
	err := c.Change(place(call), cloud.SecurityGroupType, id, func(r *cloud.Resource) error { return edit(r, there) })
	return map[string]any{"return": true}, err
}

// deleteStandalone deletes the rules that are resources of their own.
func deleteStandalone(c *cloud.Cloud, call *wire.Call, typ string, rules []rule) error {
	for _, r := range c.List(place(call), typ) {
		if r.Text("GroupId") != call.Params.String("GroupId") || !slices.ContainsFunc(rules, ruleFrom(r.Props, directions[typ]).equal) {
			continue
		}
		if err := c.Delete(cloud.Deleting, place(call), typ, r.ID); err != nil {
			return err
		}
	}
	return nil
}
