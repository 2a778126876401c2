package localaws_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/demo/localaws"
	"awscdk.dev/operator/demo/localaws/cloud"
)

// web is a network with a database and a load balancer. The markers stand for
// what tests put into the security group, the target group and the database.
const web = `
Resources:
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  One: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.0.0/24, AvailabilityZone: eu-central-1a}}
  Two: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.1.0/24, AvailabilityZone: eu-central-1b}}
  Gateway: {Type: AWS::EC2::InternetGateway}
  Attachment: {Type: AWS::EC2::VPCGatewayAttachment, Properties: {VpcId: !Ref Network, InternetGatewayId: !Ref Gateway}}
  Routes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Network}}
  Outward: {Type: AWS::EC2::Route, DependsOn: Attachment, Properties: {RouteTableId: !Ref Routes, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}}
  Way: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {RouteTableId: !Ref Routes, SubnetId: !Ref One}}
  Door: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: web, VpcId: !Ref Network /*door*/}}
  Rule: {Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !GetAtt Door.GroupId, IpProtocol: tcp, FromPort: 5432, ToPort: 5432, SourceSecurityGroupId: !Ref Door}}
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Name: web, Subnets: [!Ref One, !Ref Two], SecurityGroups: [!Ref Door]}}
  Servers: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: servers, Port: 80, Protocol: HTTP, VpcId: !Ref Network /*servers*/}}
  Listener: {Type: AWS::ElasticLoadBalancingV2::Listener, Properties: {LoadBalancerArn: !Ref Balancer, Port: 80, Protocol: HTTP, DefaultActions: [{Type: forward, TargetGroupArn: !Ref Servers}]}}
  Subnets: {Type: AWS::RDS::DBSubnetGroup, Properties: {DBSubnetGroupDescription: both, SubnetIds: [!Ref One, !Ref Two]}}
  Database: {Type: AWS::RDS::DBInstance, Properties: {DBInstanceIdentifier: Orders, Engine: aurora-postgresql, DBInstanceClass: db.t4g.micro, AllocatedStorage: 20, MasterUsername: web, MasterUserPassword: only-for-tests, DBSubnetGroupName: !Ref Subnets, VPCSecurityGroups: [!Ref Door] /*database*/}}
Outputs:
  Group: {Value: !GetAtt Door.VpcId}
  Network: {Value: !Ref Network}
  Door: {Value: !Ref Door}
  Servers: {Value: !Ref Servers}
  Address: {Value: !Sub "${Database.Endpoint.Address}:${Database.Endpoint.Port}"}
  DNS: {Value: !GetAtt Balancer.DNSName}
  FullName: {Value: !GetAtt Balancer.LoadBalancerFullName}
  TargetFullName: {Value: !GetAtt Servers.TargetGroupFullName}
`

// webWith fills the markers with properties: "door", ", GroupName: x", …
func webWith(pairs ...string) string {
	out := web
	for i := 0; i < len(pairs); i += 2 {
		out = strings.Replace(out, " /*"+pairs[i]+"*/", pairs[i+1], 1)
	}
	for _, name := range []string{"door", "servers", "database"} {
		out = strings.Replace(out, " /*"+name+"*/", "", 1)
	}
	return out
}

// query calls a service of the query protocol as a client would, by its API version.
func (l *lab) query(service, version, action string, params ...string) (string, int) {
	l.Helper()
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	request, err := http.NewRequestWithContext(l.Context(), http.MethodPost, l.url, strings.NewReader(form.Encode()))
	if err != nil {
		l.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		l.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		l.Fatal(err)
	}
	return string(body), response.StatusCode
}

func (l *lab) ec2(want, action string, params ...string) {
	l.Helper()
	if body, _ := l.query("ec2", "2016-11-15", action, params...); !strings.Contains(body, want) {
		l.Errorf("%s %v: want %s in\n%s", action, params, want, body)
	}
}

func (l *lab) elb(want, action string, params ...string) {
	l.Helper()
	if body, _ := l.query("elasticloadbalancing", "2015-12-01", action, params...); !strings.Contains(body, want) {
		l.Errorf("%s %v: want %s in\n%s", action, params, want, body)
	}
}

func TestNetworksAndDatabasesLiveAndDieWithTheirStack(t *testing.T) {
	l := newLab(t, localaws.Config{})
	got := outputs(l.create("s", webWith(), "CREATE_COMPLETE"))
	for name, pattern := range map[string][2]string{
		"Network": {"vpc-", ""}, "Door": {"sg-", ""}, "Address": {"orders.c", ".eu-central-1.rds.amazonaws.com:5432"},
		"DNS": {"web-", ".eu-central-1.elb.amazonaws.com"}, "FullName": {"app/web/", ""}, "TargetFullName": {"targetgroup/servers/", ""},
	} {
		if v := got[name]; !strings.HasPrefix(v, pattern[0]) || !strings.HasSuffix(v, pattern[1]) {
			t.Errorf("output %s is %q", name, v)
		}
	}
	if got["Group"] != got["Network"] {
		t.Errorf("the group's VPC is %s, not %s", got["Group"], got["Network"])
	}
	if status, found := l.drift("s"); status != types.StackDriftStatusInSync {
		t.Errorf("a new stack is %s: %+v", status, found)
	}
	l.remove("s", "DELETE_COMPLETE")
	if left := l.Cloud.All(); len(left) > 0 {
		t.Errorf("%d resources are left, the first %s %s", len(left), left[0].Type, left[0].ID)
	}
}

func TestDriftNeverShowsPasswords(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", webWith(), "CREATE_COMPLETE")
	if body, status := l.query("rds", "2014-10-31", "ModifyDBInstance", "DBInstanceIdentifier", "orders", "AllocatedStorage", "30", "MasterUserPassword", "another-one"); status != http.StatusOK {
		t.Fatal(body)
	}
	_, found := l.drift("s")
	d := found["Database"]
	if len(d.PropertyDifferences) != 1 || *d.PropertyDifferences[0].PropertyPath != "/AllocatedStorage" {
		t.Errorf("differences = %+v", d.PropertyDifferences)
	}
	if text := aws.ToString(d.ExpectedProperties) + aws.ToString(d.ActualProperties); strings.Contains(text, "only-for-tests") || strings.Contains(text, "another-one") {
		t.Errorf("the drift report tells the password: %s", text)
	}
}

func TestWhatTemplatesLeaveOpenSurvivesUpdates(t *testing.T) {
	l := newLab(t, localaws.Config{})
	got := outputs(l.create("s", webWith(), "CREATE_COMPLETE"))
	ssh := []string{"GroupId", got["Door"], "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "22", "IpPermissions.1.ToPort", "22", "IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"}
	l.ec2("<return>true</return>", "AuthorizeSecurityGroupIngress", ssh...)
	l.ec2("InvalidPermission.Duplicate", "AuthorizeSecurityGroupIngress", ssh...)
	target := []string{"TargetGroupArn", got["Servers"], "Targets.member.1.Id", "i-1"}
	l.elb("RegisterTargetsResult", "RegisterTargets", target...)
	if status, found := l.drift("s"); status != types.StackDriftStatusInSync {
		t.Errorf("the stack is %s though its template says nothing about rules and targets: %+v", status, found)
	}
	l.update("s", webWith("door", ", Tags: [{Key: a, Value: b}]", "servers", ", HealthCheckPath: /health"), "UPDATE_COMPLETE")
	l.ec2("<cidrIp>0.0.0.0/0</cidrIp>", "DescribeSecurityGroups", "GroupId.1", got["Door"], "Filter.1.Name", "ip-permission.from-port", "Filter.1.Value.1", "22")
	l.elb("<State>healthy</State>", "DescribeTargetHealth", "TargetGroupArn", got["Servers"])
	l.ec2("<return>true</return>", "RevokeSecurityGroupIngress", ssh...)
	l.ec2("InvalidPermission.NotFound", "RevokeSecurityGroupIngress", ssh...)
	l.ec2("<securityGroupInfo></securityGroupInfo>", "DescribeSecurityGroups", "GroupId.1", got["Door"], "Filter.1.Name", "ip-permission.from-port", "Filter.1.Value.1", "22")
	l.elb("DeregisterTargetsResult", "DeregisterTargets", target...)
	l.elb("InvalidTarget", "DeregisterTargets", target...)
	l.elb("<TargetHealthDescriptions></TargetHealthDescriptions>", "DescribeTargetHealth", "TargetGroupArn", got["Servers"])
}

func TestWhatTemplatesSayDriftsWhenRulesAndTargetsChange(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := webWith("door", ", SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}]", "servers", ", Targets: [{Id: i-1}]")
	got := outputs(l.create("s", template, "CREATE_COMPLETE"))
	l.ec2("<return>true</return>", "RevokeSecurityGroupIngress", "GroupId", got["Door"], "IpProtocol", "tcp", "FromPort", "80", "ToPort", "80", "CidrIp", "0.0.0.0/0")
	l.ec2("<return>true</return>", "RevokeSecurityGroupIngress", "GroupId", got["Door"], "IpPermissions.1.IpProtocol", "6",
		"IpPermissions.1.FromPort", "5432", "IpPermissions.1.ToPort", "5432", "IpPermissions.1.Groups.1.GroupId", got["Door"])
	l.elb("RegisterTargetsResult", "RegisterTargets", "TargetGroupArn", got["Servers"], "Targets.member.1.Id", "i-2")
	_, found := l.drift("s")
	for logical, want := range map[string]types.StackResourceDriftStatus{
		"Door": types.StackResourceDriftStatusModified, "Rule": types.StackResourceDriftStatusDeleted,
		"Servers": types.StackResourceDriftStatusModified, "Balancer": types.StackResourceDriftStatusInSync,
	} {
		if have := found[logical].StackResourceDriftStatus; have != want {
			t.Errorf("%s is %s, want %s", logical, have, want)
		}
	}
}

func TestSomeChangesNeedANewResource(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", webWith(), "CREATE_COMPLETE")
	for property, want := range map[string]types.Replacement{
		", BackupRetentionPeriod: 3": types.ReplacementFalse, ", StorageEncrypted: true": types.ReplacementTrue,
	} {
		cs := l.changeSet("s", "c"+string(want), webWith("database", property), types.ChangeSetTypeUpdate)
		if len(cs.Changes) != 1 || cs.Changes[0].ResourceChange.Replacement != want {
			t.Errorf("%s: %+v", property, cs.Changes)
		}
	}
}

func TestMistakesInNetworksFailAsOnAWS(t *testing.T) {
	cases := map[string]struct{ resource, reason string }{
		"a subnet in the range of another": {"{Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.0.128/25}}", "conflicts with another subnet"},
		"a subnet outside of its VPC":      {"{Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.1.0.0/24}}", "is invalid"},
		"a group in a VPC nobody has":      {"{Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: x, VpcId: vpc-0}}", "vpc ID 'vpc-0' does not exist"},
		"a balancer in one zone only":      {"{Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [!Ref One]}}", "two different Availability Zones"},
		"a balancer's name that is taken":  {"{Type: AWS::ElasticLoadBalancingV2::LoadBalancer, DependsOn: Balancer, Properties: {Name: web, Subnets: [!Ref One, !Ref Two]}}", "already exists"},
		"a database without a password":    {"{Type: AWS::RDS::DBInstance, Properties: {Engine: mysql, DBInstanceClass: x, MasterUsername: u, AllocatedStorage: 20}}", "MasterUserPassword must be provided"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, localaws.Config{})
			l.create("s", strings.Replace(webWith(), "Outputs:", "  Added: "+tc.resource+"\nOutputs:", 1), "ROLLBACK_COMPLETE")
			if history := strings.Join(l.history("s"), "\n"); !strings.Contains(history, tc.reason) {
				t.Errorf("no event says %q:\n%s", tc.reason, history)
			}
		})
	}
}

func TestWhatIsUsedCannotBeDeleted(t *testing.T) {
	l := newLab(t, localaws.Config{})
	got := outputs(l.create("s", webWith("database", ", DeletionProtection: true"), "CREATE_COMPLETE"))
	for typ, id := range map[string]string{
		cloud.VPCType: got["Network"], cloud.SecurityGroupType: got["Door"], cloud.TargetGroupType: got["Servers"], cloud.DatabaseType: "orders",
	} {
		if err := l.Cloud.Delete(cloud.Deleting, cloud.Place{Account: "123456789012", Region: "eu-central-1"}, typ, id); err == nil {
			t.Errorf("%s was deleted though it is in use", typ)
		}
	}
	l.ec2(got["Network"], "DescribeVpcs")
	l.ec2("<groupName>default</groupName>", "DescribeSecurityGroups")
	l.remove("s", "DELETE_FAILED")
}

func TestTestsSayWhatNobodyCanFindOut(t *testing.T) {
	l := newLab(t, localaws.Config{})
	got := outputs(l.create("s", webWith("servers", ", Targets: [{Id: i-1}, {Id: i-2}]"), "CREATE_COMPLETE"))
	health := []string{"DescribeTargetHealth", "TargetGroupArn", got["Servers"]}
	l.admin("POST", "target-health", `{"targetGroup": "servers", "state": "unhealthy"}`)
	l.admin("POST", "target-health", `{"targetGroup": "Servers", "target": "i-2", "port": 80, "state": "draining", "description": "going"}`)
	l.elb("<Reason>Target.FailedHealthChecks</Reason><State>unhealthy</State>", health[0], health[1:]...)
	l.elb("<Description>going</Description><Reason>Target.DeregistrationInProgress</Reason><State>draining</State>", health[0], health[1:]...)
	l.admin("POST", "target-health", `{"targetGroup": "servers", "state": ""}`)
	if body, _ := l.query("elasticloadbalancing", "2015-12-01", health[0], health[1:]...); strings.Count(body, "<State>healthy</State>") != 2 {
		t.Errorf("targets are not well again: %s", body)
	}
	l.admin("POST", "db-instance?region=eu-central-1", `{"instance": "orders", "address": "127.0.0.1", "port": 15432, "status": "stopped"}`)
	body, _ := l.query("rds", "2014-10-31", "DescribeDBInstances")
	for _, want := range []string{"<Address>127.0.0.1</Address>", "<Port>15432</Port>", "<DBInstanceStatus>stopped</DBInstanceStatus>"} {
		if !strings.Contains(body, want) {
			t.Errorf("want %s in %s", want, body)
		}
	}
	l.admin("PUT", "costs", `[{"service": "Amazon RDS", "amount": "12.5", "date": "2026-11-01"}]`)
	if have := l.admin("GET", "costs", ""); !strings.Contains(string(have), `"amount": "12.5"`) {
		t.Errorf("costs = %s", have)
	}
	for _, refused := range []struct{ method, path, body string }{
		{"POST", "target-health", `{"targetGroup": "servers", "state": "ill"}`}, {"POST", "target-health", `{"targetGroup": "nobody", "state": "healthy"}`},
		{"POST", "db-instance?region=us-east-1", `{"instance": "orders"}`}, {"POST", "load-balancer", `{"name": "web"}`},
		{"PUT", "costs", `[{"service": "x", "amount": "much"}]`}, {"PUT", "costs", `[{"service": "x", "amount": "1", "date": "today"}]`},
	} {
		if status := l.adminStatus(refused.method, refused.path, refused.body); status < 400 {
			t.Errorf("%s %s %s: status %d", refused.method, refused.path, refused.body, status)
		}
	}
}

func (l *lab) adminStatus(method, path, body string) int {
	l.Helper()
	request, err := http.NewRequestWithContext(l.Context(), method, l.url+"/_localaws/"+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		l.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}
