package services

import (
	"net/netip"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var ec2Handlers = map[string]Handler{
	"DescribeVpcs":                  describeVPCs,
	"DescribeSubnets":               describeSubnets,
	"DescribeSecurityGroups":        describeSecurityGroups,
	"AuthorizeSecurityGroupIngress": authorize(cloud.IngressType),
	"AuthorizeSecurityGroupEgress":  authorize(cloud.EgressType),
	"RevokeSecurityGroupIngress":    revoke(cloud.IngressType),
	"RevokeSecurityGroupEgress":     revoke(cloud.EgressType),
	// No template can make instances here, so there are none.
	"DescribeInstances": emptyList("reservationSet"),
	"DescribeAvailabilityZones": func(_ *cloud.Cloud, call *wire.Call) (any, error) {
		zones := []any{}
		for _, letter := range []string{"a", "b", "c"} {
			zones = append(zones, map[string]any{"zoneName": call.Region + letter, "zoneState": "available", "regionName": call.Region})
		}
		return map[string]any{"availabilityZoneInfo": zones}, nil
	},
}

// ec2List answers with the resources that IDs and filters choose.
func ec2List(call *wire.Call, set string, all []cloud.Resource, has func(r cloud.Resource) facts, view func(r cloud.Resource) map[string]any) (any, error) {
	list := []any{}
	for _, r := range all {
		tags, known := r.AllTags(), has(r)
		for k := range tags {
			known["tag-key"] = append(known["tag-key"], k)
		}
		known["owner-id"] = []string{r.Place.Account}
		take, err := chosen(call, call.Params.Maps("Filter"), func(name string) string { return tags[name] }, known)
		if err != nil {
			return nil, err
		}
		if !take {
			continue
		}
		v := view(r)
		v["ownerId"] = r.Place.Account
		if len(tags) > 0 {
			v["tagSet"] = tagSet(tags)
		}
		list = append(list, v)
	}
	return map[string]any{set: list}, nil
}

func tagSet(tags map[string]string) []any {
	out := []any{}
	for _, tag := range cloud.TagList(tags) {
		t := tag.(map[string]any)
		out = append(out, map[string]any{"key": t["Key"], "value": t["Value"]})
	}
	return out
}

func describeVPCs(c *cloud.Cloud, call *wire.Call) (any, error) {
	all, err := wanted(c, call, cloud.VPCType, call.Params.Strings("VpcId"), "InvalidVpcID.NotFound", "The vpc ID '%s' does not exist")
	if err != nil {
		return nil, err
	}
	has := func(r cloud.Resource) facts {
		return facts{
			"vpc-id": {r.ID}, "cidr": {r.Text("CidrBlock")}, "cidr-block-association.cidr-block": {r.Text("CidrBlock")},
			"state": {"available"}, "is-default": {"false"}, "isDefault": {"false"}, "tag-key": nil,
		}
	}
	return ec2List(call, "vpcSet", all, has, func(r cloud.Resource) map[string]any {
		return map[string]any{
			"vpcId": r.ID, "state": "available", "cidrBlock": r.Text("CidrBlock"), "isDefault": false,
			"instanceTenancy": orElse(r, "InstanceTenancy", "default"), "dhcpOptionsId": "default",
			"cidrBlockAssociationSet": []any{map[string]any{
				"associationId":  strings.Replace(r.ID, "vpc-", "vpc-cidr-assoc-", 1),
				"cidrBlock":      r.Text("CidrBlock"),
				"cidrBlockState": map[string]any{"state": "associated"},
			}},
		}
	})
}

func describeSubnets(c *cloud.Cloud, call *wire.Call) (any, error) {
	all, err := wanted(c, call, cloud.SubnetType, call.Params.Strings("SubnetId"), "InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist")
	if err != nil {
		return nil, err
	}
	has := func(r cloud.Resource) facts {
		public := orElse(r, "MapPublicIpOnLaunch", "false")
		return facts{
			"subnet-id": {r.ID}, "vpc-id": {r.Text("VpcId")}, "cidr-block": {r.Text("CidrBlock")}, "cidr": {r.Text("CidrBlock")},
			"availability-zone": {cloud.Zone(&r)}, "state": {"available"}, "map-public-ip-on-launch": {public},
			"default-for-az": {"false"}, "tag-key": nil,
		}
	}
	return ec2List(call, "subnetSet", all, has, func(r cloud.Resource) map[string]any {
		return map[string]any{
			"subnetId": r.ID, "vpcId": r.Text("VpcId"), "state": "available", "cidrBlock": r.Text("CidrBlock"),
			"availabilityZone": cloud.Zone(&r), "availableIpAddressCount": hosts(r.Text("CidrBlock")), "defaultForAz": false,
			"mapPublicIpOnLaunch": orElse(r, "MapPublicIpOnLaunch", "false"), "assignIpv6AddressOnCreation": false,
			"subnetArn": cloud.ARN("ec2", r.Place, "subnet/%s", r.ID),
		}
	})
}

// hosts counts the addresses of a block less the five that AWS keeps.
func hosts(block string) int {
	prefix, err := netip.ParsePrefix(block)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() < 8 {
		return 0
	}
	return 1<<(32-prefix.Bits()) - 5
}

func describeSecurityGroups(c *cloud.Cloud, call *wire.Call) (any, error) {
	all, err := wanted(c, call, cloud.SecurityGroupType, call.Params.Strings("GroupId"), "InvalidGroup.NotFound", "The security group '%s' does not exist")
	if err != nil {
		return nil, err
	}
	if names := call.Params.Strings("GroupName"); len(names) > 0 {
		return nil, notImplemented(call, "parameter GroupName (use the filter group-name)")
	}
	has := func(r cloud.Resource) facts {
		out := facts{
			"group-id": {r.ID}, "group-name": {groupName(r)}, "vpc-id": {r.Text("VpcId")}, "description": {r.Text("GroupDescription")},
			"tag-key": nil,
		}
		rulesAsFacts(out, "ip-permission.", rulesOf(c, r, cloud.IngressType))
		rulesAsFacts(out, "egress.ip-permission.", rulesOf(c, r, cloud.EgressType))
		return out
	}
	return ec2List(call, "securityGroupInfo", all, has, func(r cloud.Resource) map[string]any {
		view := map[string]any{
			"groupId": r.ID, "groupName": groupName(r), "groupDescription": r.Text("GroupDescription"),
			"securityGroupArn":    cloud.ARN("ec2", r.Place, "security-group/%s", r.ID),
			"ipPermissions":       permissions(r, rulesOf(c, r, cloud.IngressType)),
			"ipPermissionsEgress": permissions(r, rulesOf(c, r, cloud.EgressType)),
		}
		if vpc := r.Text("VpcId"); vpc != "" {
			view["vpcId"] = vpc
		}
		return view
	})
}

func groupName(r cloud.Resource) string { return wire.Text(r.Attrs["Name"]) }
