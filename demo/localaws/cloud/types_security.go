package cloud

import (
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// securityTypes are security groups and the rules that stand on their own.
var securityTypes = map[string]*Type{
	SecurityGroupType: {
		Named: "GroupName", Replace: []string{"GroupName", "GroupDescription", "VpcId"}, Required: []string{"GroupDescription"},
		MaxName: 255, Delay: 60 * time.Millisecond, ID: identified("sg"), Hook: groupHook,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"GroupId": r.ID, "Id": r.ID, "VpcId": r.Text("VpcId"), "GroupName": wire.Text(r.Attrs["Name"])}
		},
	},
	IngressType: ruleType("SourceSecurityGroupId", "SourcePrefixListId"),
	EgressType:  ruleType("DestinationSecurityGroupId", "DestinationPrefixListId"),
}

// ruleType is a rule that is a resource of its own: everything but its
// description needs a new one.
func ruleType(peers ...string) *Type {
	return &Type{
		Replace:  append([]string{"GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6"}, peers...),
		Required: []string{"GroupId", "IpProtocol"}, NoTags: true, Delay: 30 * time.Millisecond, ID: identified("sgr"),
		Hook:       needsAll(reference{SecurityGroupType, "GroupId", noGroup}, reference{SecurityGroupType, peers[0], noGroup}),
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Id": r.ID} },
	}
}

func groupHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if err := needsAll(reference{VPCType, "VpcId", noVPC})(c, phase, r, next); err != nil {
		return err
	}
	return c.unused(phase, r, "resource %s has a dependent object",
		use{LoadBalancerType, "SecurityGroups"}, use{DatabaseType, "VPCSecurityGroups"})
}
