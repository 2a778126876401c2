package cloud

import (
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Types of load balancing that other packages name too.
const (
	LoadBalancerType = "AWS::ElasticLoadBalancingV2::LoadBalancer"
	TargetGroupType  = "AWS::ElasticLoadBalancingV2::TargetGroup"
	ListenerType     = "AWS::ElasticLoadBalancingV2::Listener"
	ListenerRuleType = "AWS::ElasticLoadBalancingV2::ListenerRule"
)

var balancingTypes = map[string]*Type{
	LoadBalancerType: {
		Named: "Name", Replace: []string{"Name", "Scheme", "Type"}, MaxName: 32, Delay: 200 * time.Millisecond,
		ID: balancerID, Hook: balancerHook,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{
				"LoadBalancerArn": r.ID, "LoadBalancerName": wire.Text(r.Attrs["Name"]), "DNSName": wire.Text(r.Attrs["DNSName"]),
				"LoadBalancerFullName": after(r.ID, ":loadbalancer/"), "CanonicalHostedZoneID": balancerZone,
				"SecurityGroups": listOr(r.Props["SecurityGroups"]),
			}
		},
	},
	TargetGroupType: {
		Named: "Name", Replace: []string{"Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId", "IpAddressType"},
		MaxName: 32, Delay: 60 * time.Millisecond,
		ID: func(_ *Cloud, r *Resource, name string) string {
			r.Attrs["Name"] = name
			return ARN("elasticloadbalancing", r.Place, "targetgroup/%s/%s", name, randomHex(16))
		},
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{
				"TargetGroupArn": r.ID, "TargetGroupName": wire.Text(r.Attrs["Name"]),
				"TargetGroupFullName": "targetgroup/" + after(r.ID, ":targetgroup/"),
			}
		},
		Hook: targetGroupHook,
	},
	ListenerType: {
		Replace: []string{"LoadBalancerArn"}, Required: []string{"DefaultActions", "LoadBalancerArn"}, NoTags: true,
		Delay: 40 * time.Millisecond, Hook: listenerHook,
		ID: func(_ *Cloud, r *Resource, _ string) string {
			return strings.Replace(r.Text("LoadBalancerArn"), ":loadbalancer/", ":listener/", 1) + "/" + randomHex(16)
		},
		Attributes: func(r *Resource) map[string]any { return map[string]any{"ListenerArn": r.ID} },
	},
	ListenerRuleType: {
		Replace: []string{"ListenerArn"}, Required: []string{"Actions", "Conditions", "Priority"}, NoTags: true,
		Delay: 40 * time.Millisecond, Hook: listenerRuleHook,
		ID: func(_ *Cloud, r *Resource, _ string) string {
			return strings.Replace(r.Text("ListenerArn"), ":listener/", ":listener-rule/", 1) + "/" + randomHex(16)
		},
		Attributes: func(r *Resource) map[string]any { return map[string]any{"RuleArn": r.ID, "IsDefault": "false"} },
	},
}

// balancerZone is the hosted zone of load balancers in eu-central-1; nothing is resolved here.
const balancerZone = "Z215JYRZR1TBD5"

func after(s, mark string) string {
	_, rest, _ := strings.Cut(s, mark)
	return rest
}

func listOr(v any) any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{}
}

// balancerID makes ARN and DNS name as the kind of load balancer has them.
func balancerID(_ *Cloud, r *Resource, name string) string {
	r.Attrs["Name"], r.Attrs["State"] = name, "active"
	kind, unique := "app", randomHex(16)
	dns := name + "-" + digits(10) + "." + r.Place.Region + ".elb.amazonaws.com"
	if r.Text("Type") == "network" {
		kind, dns = "net", name+"-"+unique+".elb."+r.Place.Region+".amazonaws.com"
	}
	if r.Text("Scheme") == "internal" {
		dns = "internal-" + dns
	}
	r.Attrs["DNSName"] = dns
	return ARN("elasticloadbalancing", r.Place, "loadbalancer/%s/%s/%s", kind, name, unique)
}

func digits(n int) string {
	return strings.Map(func(r rune) rune { return '0' + r%10 }, randomHex(n))
}

func balancerHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	references := needsAll(reference{SubnetType, "Subnets", noSubnet}, reference{SecurityGroupType, "SecurityGroups", noGroup})
	if err := references(c, phase, r, next); err != nil {
		return err
	}
	switch phase {
	case Creating:
		return c.balancerFits(r)
	case Updating:
		if c.zones(r.Place, named(next["Subnets"])) < 2 && named(next["Subnets"]) != nil && r.Text("Type") != "network" {
			return errZones
		}
	case Deleting, Undoing:
		if wire.Text(attribute(r, "LoadBalancerAttributes", "deletion_protection.enabled")) == "true" {
			return awsErrorf("Load balancer '%s' cannot be deleted because deletion protection is enabled", r.ID)
		}
		for k, other := range c.things {
			if k.typ == ListenerType && other.Text("LoadBalancerArn") == r.ID {
				delete(c.things, k)
				c.deleteRules(other.ID)
			}
		}
	}
	return nil
}

var errZones = awsErrorf("At least two subnets in two different Availability Zones must be specified")

// balancerFits refuses a name that is taken and too few availability zones.
func (c *Cloud) balancerFits(r *Resource) error {
	for _, other := range c.list(r.Place, LoadBalancerType) {
		if other.Attrs["Name"] == r.Attrs["Name"] {
			return awsErrorf("%s %w", wire.Text(r.Attrs["Name"]), ErrExists)
		}
	}
	if r.Props["SubnetMappings"] == nil && r.Text("Type") != "network" && c.zones(r.Place, named(r.Props["Subnets"])) < 2 {
		return errZones
	}
	return nil
}

// zones counts the availability zones of subnets.
func (c *Cloud) zones(place Place, subnets []string) int {
	zones := map[string]bool{}
	for _, id := range subnets {
		if subnet, ok := c.get(place, SubnetType, id); ok {
			zones[Zone(subnet)] = true
		}
	}
	return len(zones)
}

// attribute reads a list of Key and Value structures.
func attribute(r *Resource, property, name string) any {
	for _, a := range wire.Params(r.Props).Maps(property) {
		if a.String("Key") == name {
			return a["Value"]
		}
	}
	return nil
}

func targetGroupHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if phase == Deleting || phase == Undoing {
		for _, l := range slices.Concat(c.list(r.Place, ListenerType), c.list(r.Place, ListenerRuleType)) {
			if slices.Contains(Forwards(l), r.ID) {
				return awsErrorf("Target group '%s' is currently in use by a listener or a rule", r.ID)
			}
		}
		return nil
	}
	if phase == Creating {
		for _, other := range c.list(r.Place, TargetGroupType) {
			if other.Attrs["Name"] == r.Attrs["Name"] {
				return awsErrorf("%s %w", wire.Text(r.Attrs["Name"]), ErrExists)
			}
		}
	}
	return needsAll(reference{VPCType, "VpcId", noVPC})(c, phase, r, next)
}

func listenerHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if err := needsAll(reference{LoadBalancerType, "LoadBalancerArn", "Load balancer '%s' not found"})(c, phase, r, next); err != nil {
		return err
	}
	if phase == Deleting || phase == Undoing {
		c.deleteRules(r.ID)
	}
	return c.groupsThere(phase, r.Place, next)
}

// deleteRules deletes the rules of a listener, which go with it.
func (c *Cloud) deleteRules(listener string) {
	for k, other := range c.things {
		if k.typ == ListenerRuleType && other.Text("ListenerArn") == listener {
			delete(c.things, k)
		}
	}
}

func listenerRuleHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if err := needsAll(reference{ListenerType, "ListenerArn", "One or more listeners not found"})(c, phase, r, next); err != nil {
		return err
	}
	return c.groupsThere(phase, r.Place, next)
}

// groupsThere refuses actions that forward to target groups which do not exist.
func (c *Cloud) groupsThere(phase Phase, place Place, next map[string]any) error {
	if phase != Creating && phase != Updating {
		return nil
	}
	for _, arn := range Forwards(Resource{Props: next}) {
		if _, ok := c.get(place, TargetGroupType, arn); !ok {
			return awsErrorf("One or more target groups not found")
		}
	}
	return nil
}

// Forwards lists the target groups that the actions of a listener, or of a rule of
// one, name.
func Forwards(listener Resource) []string {
	var out []string
	p := wire.Params(listener.Props)
	for _, action := range append(p.Maps("DefaultActions"), p.Maps("Actions")...) {
		if arn := action.String("TargetGroupArn"); arn != "" {
			out = append(out, arn)
		}
		for _, group := range action.Map("ForwardConfig").Maps("TargetGroups") {
			out = append(out, group.String("TargetGroupArn"))
		}
	}
	return out
}
