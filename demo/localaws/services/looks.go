package services

import (
	"net/http"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// The handlers here are what hook scripts look at and the local AWS has none
// of: databases, load balancers, security groups, costs. They answer with
// empty lists, as a new account does.

func emptyList(field string) Handler {
	return func(*cloud.Cloud, *wire.Call) (any, error) { return map[string]any{field: []any{}}, nil }
}

var rdsHandlers = map[string]Handler{
	"DescribeDBInstances": emptyList("DBInstances"),
	"DescribeDBClusters":  emptyList("DBClusters"),
}

var balancerHandlers = map[string]Handler{
	"DescribeLoadBalancers": emptyList("LoadBalancers"),
	"DescribeTargetGroups":  emptyList("TargetGroups"),
	"DescribeTargetHealth":  emptyList("TargetHealthDescriptions"),
}

var costHandlers = map[string]Handler{
	"GetCostAndUsage": func(_ *cloud.Cloud, call *wire.Call) (any, error) {
		total := map[string]any{}
		for _, metric := range call.Params.Strings("Metrics") {
			total[metric] = map[string]any{"Amount": "0", "Unit": "USD"}
		}
		period := map[string]any(call.Params.Map("TimePeriod"))
		return map[string]any{"ResultsByTime": []any{map[string]any{"TimePeriod": period, "Total": total, "Groups": []any{}, "Estimated": true}}}, nil
	},
}

var ec2Handlers = map[string]Handler{
	"DescribeSecurityGroups": ec2Empty("securityGroupInfo"),
	"DescribeInstances":      ec2Empty("reservationSet"),
	"DescribeVpcs":           ec2Empty("vpcSet"),
	"DescribeSubnets":        ec2Empty("subnetSet"),
	"DescribeAvailabilityZones": func(_ *cloud.Cloud, call *wire.Call) (any, error) {
		zones := ""
		for _, letter := range []string{"a", "b", "c"} {
			zones += "<item><zoneName>" + call.Region + letter + "</zoneName><zoneState>available</zoneState><regionName>" + call.Region + "</regionName></item>"
		}
		return ec2Answer(call, "<availabilityZoneInfo>"+zones+"</availabilityZoneInfo>"), nil
	},
}

// ec2Empty answers with an empty set in EC2's own dialect of the query protocol.
func ec2Empty(set string) Handler {
	return func(_ *cloud.Cloud, call *wire.Call) (any, error) {
		return ec2Answer(call, "<"+set+"/>"), nil
	}
}

func ec2Answer(call *wire.Call, content string) *wire.Answer {
	name := call.Action + "Response"
	body := `<?xml version="1.0" encoding="UTF-8"?><` + name + ` xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>` +
		call.RequestID + `</requestId>` + content + `</` + name + `>`
	return &wire.Answer{Header: http.Header{"Content-Type": {"text/xml"}}, Body: []byte(body)}
}
