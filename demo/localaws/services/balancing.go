package services

import (
	"cmp"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// classicVersion is the API version of the load balancers of old, which share
// the signing name and action names with those of today.
const classicVersion = "2012-06-01"

var balancerHandlers = map[string]Handler{
	"DescribeLoadBalancers": modern(describeLoadBalancers),
	"DescribeTargetGroups":  modern(describeTargetGroups),
	"DescribeListeners":     modern(describeListeners),
	"DescribeRules":         modern(describeRules),
	"ModifyRule":            modern(modifyRule),
	"DescribeTargetHealth":  modern(describeTargetHealth),
	"RegisterTargets":       modern(registerTargets),
	"DeregisterTargets":     modern(deregisterTargets),
}

func modern(h Handler) Handler {
	return func(c *cloud.Cloud, call *wire.Call) (any, error) {
		if call.Version == classicVersion {
			return nil, wire.NotImplemented("elb (classic)", call.Action)
		}
		return h(c, call)
	}
}

func describeLoadBalancers(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "LoadBalancerArns", "Names", "Marker", "PageSize"); err != nil {
		return nil, err
	}
	all, err := wanted(c, call, cloud.LoadBalancerType, call.Params.Strings("LoadBalancerArns"), "LoadBalancerNotFound", "Load balancer '%s' not found")
	if err != nil {
		return nil, err
	}
	if all, err = named(all, call.Params.Strings("Names"), "LoadBalancerNotFound", "Load balancers '[%s]' not found"); err != nil {
		return nil, err
	}
	list := []any{}
	for _, r := range all {
		list = append(list, balancerView(c, r))
	}
	return map[string]any{"LoadBalancers": list}, nil
}

// named keeps the resources with the given names, all of them if none is given.
func named(all []cloud.Resource, names []string, code, format string) ([]cloud.Resource, error) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(r cloud.Resource) bool { return wire.Text(r.Attrs["Name"]) == name }) {
			return nil, wire.Errorf(code, format, name)
		}
	}
	return slices.DeleteFunc(all, func(r cloud.Resource) bool {
		return len(names) > 0 && !slices.Contains(names, wire.Text(r.Attrs["Name"]))
	}), nil
}

func balancerView(c *cloud.Cloud, r cloud.Resource) map[string]any {
	subnets := wire.Params(r.Props).Strings("Subnets")
	for _, mapping := range wire.Params(r.Props).Maps("SubnetMappings") {
		subnets = append(subnets, mapping.String("SubnetId"))
	}
	zones, vpc := []any{}, ""
	for _, id := range subnets {
		if subnet, ok := c.Get(r.Place, cloud.SubnetType, id); ok {
			zones = append(zones, map[string]any{"ZoneName": cloud.Zone(&subnet), "SubnetId": id, "LoadBalancerAddresses": []any{}})
			vpc = subnet.Text("VpcId")
		}
	}
	return map[string]any{
		"LoadBalancerArn": r.ID, "LoadBalancerName": r.Attrs["Name"], "DNSName": r.Attrs["DNSName"], "CreatedTime": r.Created,
		"Scheme": orElse(r, "Scheme", "internet-facing"), "Type": orElse(r, "Type", "application"), "VpcId": vpc,
		"State": map[string]any{"Code": r.Attrs["State"]}, "IpAddressType": orElse(r, "IpAddressType", "ipv4"),
		"AvailabilityZones": zones, "SecurityGroups": wire.Params(r.Props).Strings("SecurityGroups"),
		"CanonicalHostedZoneId": attributeOf(r, "CanonicalHostedZoneID"),
	}
}

func attributeOf(r cloud.Resource, name string) any {
	v, _ := cloud.Attribute(r, name)
	return v
}

// balancersOf lists the load balancers with a listener for a target group.
func balancersOf(c *cloud.Cloud, group cloud.Resource) []string {
	out := []string{}
	for _, l := range slices.Concat(c.List(group.Place, cloud.ListenerType), c.List(group.Place, cloud.ListenerRuleType)) {
		if arn := balancerOf(l); slices.Contains(cloud.Forwards(l), group.ID) && !slices.Contains(out, arn) {
			out = append(out, arn)
		}
	}
	return out
}

func describeTargetGroups(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "LoadBalancerArn", "TargetGroupArns", "Names", "Marker", "PageSize"); err != nil {
		return nil, err
	}
	all, err := wanted(c, call, cloud.TargetGroupType, call.Params.Strings("TargetGroupArns"), "TargetGroupNotFound", "Target groups '%s' not found")
	if err != nil {
		return nil, err
	}
	if all, err = named(all, call.Params.Strings("Names"), "TargetGroupNotFound", "Target groups '[%s]' not found"); err != nil {
		return nil, err
	}
	balancer, list := call.Params.String("LoadBalancerArn"), []any{}
	if _, ok := c.Get(place(call), cloud.LoadBalancerType, balancer); !ok && balancer != "" {
		return nil, wire.Errorf("LoadBalancerNotFound", "Load balancer '%s' not found", balancer)
	}
	for _, r := range all {
		balancers := balancersOf(c, r)
		if balancer == "" || slices.Contains(balancers, balancer) {
			list = append(list, targetGroupView(r, balancers))
		}
	}
	return map[string]any{"TargetGroups": list}, nil
}

func targetGroupView(r cloud.Resource, balancers []string) map[string]any {
	view := map[string]any{
		"TargetGroupArn": r.ID, "TargetGroupName": r.Attrs["Name"], "LoadBalancerArns": balancers,
		"TargetType":          orElse(r, "TargetType", "instance"),
		"HealthCheckProtocol": orElse(r, "HealthCheckProtocol", orElse(r, "Protocol", "HTTP")),
		"HealthCheckPort":     orElse(r, "HealthCheckPort", "traffic-port"), "HealthCheckPath": orElse(r, "HealthCheckPath", "/"),
		"HealthCheckEnabled":         orElse(r, "HealthCheckEnabled", "true"),
		"HealthCheckIntervalSeconds": orElse(r, "HealthCheckIntervalSeconds", "30"),
		"HealthCheckTimeoutSeconds":  orElse(r, "HealthCheckTimeoutSeconds", "5"),
		"HealthyThresholdCount":      orElse(r, "HealthyThresholdCount", "5"),
		"UnhealthyThresholdCount":    orElse(r, "UnhealthyThresholdCount", "2"),
		"Matcher":                    map[string]any{"HttpCode": cmp.Or(wire.Params(r.Props).Map("Matcher").String("HttpCode"), "200")},
	}
	for _, k := range []string{"Protocol", "Port", "VpcId", "ProtocolVersion"} {
		if v := r.Text(k); v != "" {
			view[k] = v
		}
	}
	return view
}

func describeListeners(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "LoadBalancerArn", "ListenerArns", "Marker", "PageSize"); err != nil {
		return nil, err
	}
	all, err := wanted(c, call, cloud.ListenerType, call.Params.Strings("ListenerArns"), "ListenerNotFound", "Listener '%s' not found")
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, l := range all {
		if arn := call.Params.String("LoadBalancerArn"); arn != "" && arn != l.Text("LoadBalancerArn") {
			continue
		}
		view := map[string]any{"ListenerArn": l.ID}
		for _, k := range []string{"LoadBalancerArn", "Port", "Protocol", "DefaultActions", "SslPolicy", "Certificates"} {
			if v, ok := l.Props[k]; ok {
				view[k] = v
			}
		}
		list = append(list, view)
	}
	return map[string]any{"Listeners": list}, nil
}

// changeTargets lets edit alter the targets of a group.
func changeTargets(c *cloud.Cloud, call *wire.Call, edit func(r *cloud.Resource, t cloud.Target) error) (any, error) {
	arn := call.Params.String("TargetGroupArn")
	err := c.Change(place(call), cloud.TargetGroupType, arn, func(r *cloud.Resource) error {
		for _, t := range call.Params.Maps("Targets") {
			if err := edit(r, cloud.TargetFrom(r, t)); err != nil {
				return err
			}
		}
		return nil
	})
	return nil, missing(err, "TargetGroupNotFound", "Target groups '%s' not found", arn)
}

func registerTargets(c *cloud.Cloud, call *wire.Call) (any, error) {
	return changeTargets(c, call, func(r *cloud.Resource, t cloud.Target) error {
		if t.Port == "" && r.Text("TargetType") != "lambda" {
			return wire.Invalid("A port must be specified for target '%s'", t.ID)
		}
		r.AddTarget(t)
		return nil
	})
}

func deregisterTargets(c *cloud.Cloud, call *wire.Call) (any, error) {
	return changeTargets(c, call, func(r *cloud.Resource, t cloud.Target) error {
		if !r.RemoveTarget(t) {
			return wire.Errorf("InvalidTarget", "The following targets are not registered with the target group: %s", t)
		}
		return nil
	})
}

func describeTargetHealth(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "TargetGroupArn", "Targets"); err != nil {
		return nil, err
	}
	arn := call.Params.String("TargetGroupArn")
	group, ok := c.Get(place(call), cloud.TargetGroupType, arn)
	if !ok {
		return nil, wire.Errorf("TargetGroupNotFound", "Target groups '%s' not found", arn)
	}
	var asked []cloud.Target
	for _, t := range call.Params.Maps("Targets") {
		asked = append(asked, cloud.TargetFrom(&group, t))
	}
	list, used := []any{}, len(balancersOf(c, group)) > 0
	for _, t := range group.Targets() {
		if len(asked) > 0 && !slices.Contains(asked, t) {
			continue
		}
		entry := map[string]any{"Id": t.ID}
		if t.Port != "" {
			entry["Port"] = t.Port
		}
		list = append(list, map[string]any{
			"Target": entry, "TargetHealth": healthView(group.TargetHealth(t, used)),
			"HealthCheckPort": strings.Replace(orElse(group, "HealthCheckPort", "traffic-port"), "traffic-port", t.Port, 1),
		})
	}
	return map[string]any{"TargetHealthDescriptions": list}, nil
}

func healthView(h cloud.Health) map[string]any {
	view := map[string]any{"State": h.State}
	if h.Reason != "" {
		view["Reason"] = h.Reason
	}
	if h.Description != "" {
		view["Description"] = h.Description
	}
	return view
}
