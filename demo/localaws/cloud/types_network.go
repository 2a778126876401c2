package cloud

import (
	"net/netip"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Types that other packages name too.
const (
	VPCType           = "AWS::EC2::VPC"
	SubnetType        = "AWS::EC2::Subnet"
	SecurityGroupType = "AWS::EC2::SecurityGroup"
	IngressType       = "AWS::EC2::SecurityGroupIngress"
	EgressType        = "AWS::EC2::SecurityGroupEgress"

	gatewayType    = "AWS::EC2::InternetGateway"
	attachmentType = "AWS::EC2::VPCGatewayAttachment"
	routesType     = "AWS::EC2::RouteTable"
)

var networkTypes = map[string]*Type{
	VPCType: {
		Replace: []string{"CidrBlock"}, Delay: 100 * time.Millisecond, ID: identified("vpc"), Hook: vpcHook,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{
				"VpcId": r.ID, "CidrBlock": r.Text("CidrBlock"), "DefaultSecurityGroup": wire.Text(r.Attrs["DefaultSecurityGroup"]),
			}
		},
	},
	SubnetType: {
		Replace: []string{"VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId"}, Required: []string{"VpcId"},
		Delay: 60 * time.Millisecond, ID: identified("subnet"), Hook: subnetHook,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{
				"SubnetId": r.ID, "VpcId": r.Text("VpcId"), "CidrBlock": r.Text("CidrBlock"), "AvailabilityZone": Zone(r),
			}
		},
	},
	gatewayType: {
		Delay: 60 * time.Millisecond, ID: identified("igw"),
		Attributes: func(r *Resource) map[string]any { return map[string]any{"InternetGatewayId": r.ID} },
		Hook: func(c *Cloud, phase Phase, r *Resource, _ map[string]any) error {
			return c.unused(phase, r, "The internetGateway '%s' has dependencies and cannot be deleted.", use{attachmentType, "InternetGatewayId"})
		},
	},
	attachmentType: {
		Replace: []string{"VpcId"}, Required: []string{"VpcId"}, NoTags: true, NoDrift: true, Delay: 40 * time.Millisecond,
		ID:   func(_ *Cloud, r *Resource, _ string) string { return "IGW|" + r.Text("VpcId") },
		Hook: needsAll(reference{VPCType, "VpcId", noVPC}, reference{gatewayType, "InternetGatewayId", "The internetGateway ID '%s' does not exist"}),
		Attributes: func(*Resource) map[string]any {
			return map[string]any{"AttachmentType": "IGW"}
		},
	},
	routesType: {
		Replace: []string{"VpcId"}, Required: []string{"VpcId"}, Delay: 40 * time.Millisecond, ID: identified("rtb"),
		Hook:       needsAll(reference{VPCType, "VpcId", noVPC}),
		Attributes: func(r *Resource) map[string]any { return map[string]any{"RouteTableId": r.ID} },
	},
	"AWS::EC2::Route": {
		Replace:  []string{"RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"},
		Required: []string{"RouteTableId"}, NoTags: true, Delay: 40 * time.Millisecond,
		Hook: needsAll(reference{routesType, "RouteTableId", noRoutes}, reference{gatewayType, "GatewayId", "The gateway ID '%s' does not exist"}),
		ID: func(_ *Cloud, r *Resource, _ string) string {
			return r.Text("RouteTableId") + "|" + r.Text("DestinationCidrBlock") + r.Text("DestinationIpv6CidrBlock")
		},
		Attributes: func(r *Resource) map[string]any { return map[string]any{"CidrBlock": r.Text("DestinationCidrBlock")} },
	},
	"AWS::EC2::SubnetRouteTableAssociation": {
		Replace: []string{"SubnetId", "RouteTableId"}, Required: []string{"SubnetId", "RouteTableId"}, NoTags: true,
		Delay: 30 * time.Millisecond, ID: identified("rtbassoc"),
		Hook:       needsAll(reference{routesType, "RouteTableId", noRoutes}, reference{SubnetType, "SubnetId", noSubnet}),
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Id": r.ID} },
	},
}

const (
	noVPC    = "The vpc ID '%s' does not exist"
	noSubnet = "The subnet ID '%s' does not exist"
	noGroup  = "The security group '%s' does not exist"
	noRoutes = "The routeTable ID '%s' does not exist"
)

// vpcHook gives a VPC its default security group and takes it away again.
func vpcHook(c *Cloud, phase Phase, r *Resource, _ map[string]any) error {
	group, _ := r.Attrs["DefaultSecurityGroup"].(string)
	own := key{r.Place, SecurityGroupType, group}
	switch phase {
	case Creating:
		group = hexID("sg")
		r.Attrs["DefaultSecurityGroup"] = group
		c.things[key{r.Place, SecurityGroupType, group}] = &Resource{
			Type: SecurityGroupType, ID: group, Place: r.Place, Created: c.Now(), Changed: c.Now(),
			Props: map[string]any{
				"GroupName": "default", "GroupDescription": "default VPC security group", "VpcId": r.ID,
				"SecurityGroupIngress": []any{map[string]any{"IpProtocol": "-1", "SourceSecurityGroupId": group}},
			},
			Attrs: map[string]any{"Name": "default"},
		}
	case Deleting, Undoing:
		kept := c.things[own]
		delete(c.things, own)
		err := c.unused(phase, r, "The vpc '%s' has dependencies and cannot be deleted.",
			use{SubnetType, "VpcId"}, use{SecurityGroupType, "VpcId"}, use{attachmentType, "VpcId"}, use{routesType, "VpcId"})
		if err != nil && kept != nil {
			c.things[own] = kept
		}
		return err
	}
	return nil
}

// Zone is the availability zone of a subnet; one without gets the region's first.
func Zone(r *Resource) string {
	if zone := r.Text("AvailabilityZone"); zone != "" {
		return zone
	}
	return r.Place.Region + "a"
}

func subnetHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if phase == Deleting || phase == Undoing {
		return c.unused(phase, r, "The subnet '%s' has dependencies and cannot be deleted.",
			use{LoadBalancerType, "Subnets"}, use{SubnetGroupType, "SubnetIds"})
	}
	if err := needsAll(reference{VPCType, "VpcId", noVPC})(c, phase, r, next); err != nil || phase != Creating {
		return err
	}
	vpc, _ := c.get(r.Place, VPCType, r.Text("VpcId"))
	block, err := netip.ParsePrefix(r.Text("CidrBlock"))
	whole, err2 := netip.ParsePrefix(vpc.Text("CidrBlock"))
	if err != nil || err2 == nil && (!whole.Contains(block.Addr()) || block.Bits() < whole.Bits()) {
		return awsErrorf("The CIDR '%s' is invalid.", r.Text("CidrBlock"))
	}
	for _, other := range c.list(r.Place, SubnetType) {
		taken, err := netip.ParsePrefix(other.Text("CidrBlock"))
		if err == nil && other.Text("VpcId") == vpc.ID && taken.Overlaps(block) {
			return awsErrorf("The CIDR '%s' conflicts with another subnet", block)
		}
	}
	return nil
}
