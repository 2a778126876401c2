package battery

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
)

const webTemplate = `
Resources:
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16, Tags: [{Key: Name, Value: web}]}}
  One: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.0.0/24, AvailabilityZone: !Select [0, !GetAZs ""]}}
  Two: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Network, CidrBlock: 10.0.1.0/24, AvailabilityZone: !Select [1, !GetAZs ""]}}
  Door: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: web, VpcId: !Ref Network, SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}]}}
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Name: webapp-prod, Subnets: [!Ref One, !Ref Two], SecurityGroups: [!Ref Door]}}
  Servers: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: servers, Port: 80, Protocol: HTTP, VpcId: !Ref Network, TargetType: ip, Targets: [{Id: 10.0.0.10, Port: 80}]}}
  Listener: {Type: AWS::ElasticLoadBalancingV2::Listener, Properties: {LoadBalancerArn: !Ref Balancer, Port: 80, Protocol: HTTP, DefaultActions: [{Type: forward, TargetGroupArn: !Ref Servers}]}}
  Subnets: {Type: AWS::RDS::DBSubnetGroup, Properties: {DBSubnetGroupDescription: both, SubnetIds: [!Ref One, !Ref Two]}}
  Database:
    Type: AWS::RDS::DBInstance
    Properties: {DBInstanceIdentifier: webapp, Engine: postgres, DBInstanceClass: db.t4g.micro, AllocatedStorage: 20, MasterUsername: web, ManageMasterUserPassword: true, BackupRetentionPeriod: 7, DBSubnetGroupName: !Ref Subnets, VPCSecurityGroups: [!Ref Door]}
  Log: {Type: AWS::S3::Bucket, Properties: {BucketName: access-log}}
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: uploads, BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]}, LoggingConfiguration: {DestinationBucketName: !Ref Log, LogFilePrefix: uploads/}}
Outputs:
  ApplicationUrl: {Value: !Sub "http://${Balancer.DNSName}"}
  Door: {Value: !GetAtt Door.GroupId}
  Servers: {Value: !Ref Servers}
`

// withWeb deploys what the scripts look at, and gives them their tools.
func (s *stage) withWeb() *stage {
	s.Helper()
	s.withAWS()
	if err := os.CopyFS(s.folder, os.DirFS("testdata/seed")); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.folder, "web.yaml"), []byte(webTemplate), 0o600); err != nil {
		s.Fatal(err)
	}
	s.cli("", "cloudformation", "create-stack", "--stack-name", "Web", "--template-body", "file://web.yaml")
	s.settle("Web", "CREATE_COMPLETE")
	return s
}

// passes runs one of the example's scripts, which must be content and say text.
func (s *stage) passes(name, text string) {
	s.Helper()
	s.script(name, true, text)
}

// stops runs one of the example's scripts, which must fail and say text.
func (s *stage) stops(name, text string) {
	s.Helper()
	s.script(name, false, text)
}

func (s *stage) script(name string, content bool, text string) {
	s.Helper()
	out, code := s.run("env", "CDK_STACK_NAME=Web", "CDK_STACK_REGION="+place.Region, "BUCKET_NAME=uploads", "bash", name)
	if (code == 0) != content || !strings.Contains(out, text) {
		s.Errorf("%s: exit code %d, want %q in:\n%s", name, code, text, out)
	}
}

// output is an output of the stack.
func (s *stage) output(name string) string {
	s.Helper()
	out := s.cli("", "cloudformation", "describe-stacks", "--stack-name", "Web", "--output", "text", "--query", "Stacks[0].Outputs[?OutputKey=='"+name+"'].OutputValue")
	return strings.TrimSpace(out)
}

// admin asks the endpoint itself for something.
func (s *stage) admin(method, path, body string) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, s.url+"/_localaws/"+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusNoContent {
		s.Fatalf("%s %s %s: %s", method, path, body, response.Status)
	}
}

func TestScriptsSeeBothVerdicts(t *testing.T) {
	t.Parallel()
	s := newStage(t).withWeb()
	door, servers := s.output("Door"), s.output("Servers")

	s.passes("backups.sh", "Backup retention for webapp: 7 days")
	s.cli("3", "rds", "modify-db-instance", "--db-instance-identifier", "webapp", "--backup-retention-period", "3", "--apply-immediately", "--query", "DBInstance.BackupRetentionPeriod", "--output", "text")
	s.stops("backups.sh", "Insufficient backup retention for webapp: 3 days")

	s.passes("ports.sh", "No security groups with dangerous open access")
	s.cli("", "ec2", "authorize-security-group-ingress", "--group-id", door, "--protocol", "tcp", "--port", "22", "--cidr", "10.0.0.0/8")
	s.passes("ports.sh", "No security groups with dangerous open access")
	s.cli("", "ec2", "authorize-security-group-ingress", "--group-id", door, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0")
	s.stops("ports.sh", "Security groups with open SSH/RDP access detected")
	s.detectDrift("Web")
	s.passes("drift.sh", `"PropertyPath": "/SecurityGroupIngress"`)
	s.passes("drift.sh", `"PropertyPath": "/BackupRetentionPeriod"`)
	s.cli("", "ec2", "revoke-security-group-ingress", "--group-id", door, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0")
	s.passes("ports.sh", "No security groups with dangerous open access")

	s.passes("health.sh", "Target group health: 1/1 healthy")
	s.admin("POST", "target-health", `{"targetGroup": "servers", "target": "10.0.0.10", "state": "unhealthy"}`)
	s.stops("health.sh", "No healthy targets in target group")
	s.cli("", "elbv2", "register-targets", "--target-group-arn", servers, "--targets", "Id=10.0.1.10")
	s.passes("health.sh", "Target group health: 1/2 healthy")
	s.cli("", "elbv2", "deregister-targets", "--target-group-arn", servers, "--targets", "Id=10.0.0.10")
	s.passes("health.sh", "Target group health: 1/1 healthy")
	s.admin("POST", "load-balancer", `{"loadBalancer": "webapp-prod", "state": "failed", "dnsName": "127.0.0.1:8080"}`)
	s.stops("health.sh", "Application Load Balancer not in active state: failed")
	s.cli("127.0.0.1:8080", "elbv2", "describe-load-balancers", "--names", "webapp-prod", "--query", "LoadBalancers[0].DNSName")

	s.passes("outputs.sh", ".eu-central-1.elb.amazonaws.com")
	s.passes("compliance.sh", `"TargetBucket": "access-log"`)
	s.passes("compliance.sh", `"SSEAlgorithm": "AES256"`)
	s.cli("", "cloudformation", "delete-stack", "--stack-name", "Web")
	s.settle("Web", "none")
	s.stops("compliance.sh", "NoSuchBucket")
	s.passes("backups.sh", "")
	s.passes("health.sh", "")
	if left := s.aws.Cloud.All(); len(left) > 0 {
		t.Errorf("deleting the stack left %d resources, the first %s", len(left), left[0].ID)
	}
}

func TestScriptsReachDatabases(t *testing.T) {
	t.Parallel()
	s := newStage(t).withWeb()
	// The scripts want nc, which not every machine has; bash can do as much.
	s.tool("nc", `[ "$1" = -z ] && exec 3<>"/dev/tcp/$2/$3"`)
	// The ports are fixed, so the address must be one nobody else listens at.
	address := fmt.Sprintf("127.%d.%d.9", 64+os.Getpid()>>8&63, os.Getpid()&255)
	s.admin("POST", "db-instance", `{"instance": "webapp", "address": "`+address+`"}`)
	s.stops("databases.sh", "Database connectivity failed: "+address)
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address+":5432")
	if err != nil {
		t.Fatal(err)
	}
	s.passes("databases.sh", "Database connectivity: "+address)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.stops("databases.sh", "Database connectivity failed: "+address)
	s.admin("POST", "db-instance", `{"instance": "webapp", "status": "stopped"}`)
	s.passes("databases.sh", "")
}

func TestScriptsSeeCosts(t *testing.T) {
	t.Parallel()
	s := newStage(t).withWeb()
	today := time.Now()
	figure := "1234.50"
	if today.Day() == 1 {
		// On the first of a month the period is empty: AWS refuses it, and the script takes 0.
		figure = "0.00"
	}
	s.passes("costs.sh", "Current month costs: $0.00")
	s.admin("PUT", "costs", `[{"service": "Amazon RDS", "amount": "1200.25"}, {"service": "AWS Lambda", "amount": "34.25", "tags": {"stack": "Web"}}]`)
	s.passes("costs.sh", "Current month costs: $"+figure)

	ask := func(want string, args ...string) {
		t.Helper()
		out := s.cli("", append([]string{"ce", "get-cost-and-usage", "--granularity", "DAILY", "--metrics", "BlendedCost", "--output", "text"}, args...)...)
		if strings.TrimSpace(out) != want {
			t.Errorf("%v gave %q, want %q", args, out, want)
		}
	}
	day := []string{"--time-period", "Start=2026-11-23,End=2026-11-24"}
	total, byService := "ResultsByTime[0].Total.BlendedCost.Amount", []string{"--group-by", "Type=DIMENSION,Key=SERVICE"}
	if err := os.WriteFile(filepath.Join(s.folder, "cost-filter.json"), []byte(`{"Tags": {"Key": "stack", "Values": ["Web"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	filter := []string{"--filter", "file://cost-filter.json"}
	ask("1234.5", append(day, "--query", total)...)
	ask("34.25", append(append(day, filter...), "--query", total)...)
	// With groups there is no total, as in AWS: the example's own query gets none.
	ask("None", append(append(append(day, byService...), filter...), "--query", total)...)
	ask("AWS Lambda\t34.25\nAmazon RDS\t1200.25", append(append(day, byService...), "--query", "ResultsByTime[0].Groups[].[Keys[0],Metrics.BlendedCost.Amount]")...)
	s.admin("PUT", "costs", `[{"date": "2026-11-22", "service": "Amazon RDS", "amount": "1"}, {"date": "2026-11-23", "service": "Amazon RDS", "amount": "2"}]`)
	ask("1\t2\t0", "--time-period", "Start=2026-11-22,End=2026-11-25", "--query", "ResultsByTime[].Total.BlendedCost.Amount")
	s.admin("DELETE", "costs", "")
	ask("0", append(day, "--query", total)...)
	if out, code := s.run("aws", "ce", "get-cost-and-usage", "--granularity", "DAILY", "--metrics", "BlendedCost", "--time-period", "Start=2026-11-01,End=2026-11-01"); code == 0 || !strings.Contains(out, "ValidationException") {
		t.Errorf("an empty period gave %d: %s", code, out)
	}
}

func TestLooksFindWhatStacksHold(t *testing.T) {
	t.Parallel()
	s := newStage(t).withWeb()
	vpc := s.aws.Cloud.List(place, cloud.VPCType)[0].ID
	for _, look := range []struct{ want, args string }{
		{vpc + "\t10.0.0.0/16\tweb", "ec2 describe-vpcs --query Vpcs[].[VpcId,CidrBlock,Tags[0].Value]"},
		{vpc, "ec2 describe-vpcs --filters Name=tag:Name,Values=w* --query Vpcs[].VpcId"},
		{"", "ec2 describe-vpcs --filters Name=tag:Name,Values=x --query Vpcs[].VpcId"},
		{"10.0.0.0/24\teu-central-1a\t251", "ec2 describe-subnets --filters Name=vpc-id,Values=" + vpc + " Name=availability-zone,Values=eu-central-1a --query Subnets[].[CidrBlock,AvailabilityZone,AvailableIpAddressCount]"},
		{"default", "ec2 describe-security-groups --filters Name=vpc-id,Values=" + vpc + " Name=group-name,Values=default --query SecurityGroups[].GroupName"},
		{"443\t0.0.0.0/0\t-1", "ec2 describe-security-groups --filters Name=description,Values=web --query SecurityGroups[].[IpPermissions[0].FromPort,IpPermissions[0].IpRanges[0].CidrIp,IpPermissionsEgress[0].IpProtocol]"},
		{"webapp\tavailable\t5432\t7", "rds describe-db-instances --db-instance-identifier WEBAPP --query DBInstances[].[DBInstanceIdentifier,DBInstanceStatus,Endpoint.Port,BackupRetentionPeriod]"},
		{"Complete\teu-central-1b", "rds describe-db-subnet-groups --query DBSubnetGroups[].[SubnetGroupStatus,Subnets[?SubnetAvailabilityZone.Name=='eu-central-1b'].SubnetAvailabilityZone.Name|[0]]"},
		{"80\tforward", "elbv2 describe-listeners --query Listeners[].[Port,DefaultActions[0].Type]"},
		{"servers\t80\tip\t1", "elbv2 describe-target-groups --names servers --query TargetGroups[].[TargetGroupName,Port,TargetType,length(LoadBalancerArns)]"},
	} {
		out := s.cli("", append(strings.Fields(look.args), "--output", "text")...)
		if strings.TrimSpace(out) != look.want {
			t.Errorf("aws %s:\n%q, want %q", look.args, out, look.want)
		}
	}
	for _, refusal := range []struct{ want, args string }{
		{"DBInstanceNotFound", "rds describe-db-instances --db-instance-identifier nobody"},
		{"InvalidVpcID.NotFound", "ec2 describe-vpcs --vpc-ids vpc-0"},
		{"InvalidGroup.NotFound", "ec2 authorize-security-group-ingress --group-id sg-0 --protocol tcp --port 22 --cidr 0.0.0.0/0"},
		{"LoadBalancerNotFound", "elbv2 describe-load-balancers --names nobody"},
		{"TargetGroupNotFound", "elbv2 describe-target-health --target-group-arn arn:x"},
		{"NotImplemented", "elb describe-load-balancers"},
		{"NotImplemented", "ec2 describe-vpcs --filters Name=dhcp-options-id,Values=x"},
		{"NotImplemented", "ec2 describe-volumes"},
		{"NotImplemented", "rds modify-db-instance --db-instance-identifier webapp --db-parameter-group-name x"},
	} {
		out, code := s.run("env", append([]string{"AWS_MAX_ATTEMPTS=1", filepath.Join(s.folder, "bin", "aws")}, strings.Fields(refusal.args)...)...)
		if code == 0 || !strings.Contains(out, refusal.want) {
			t.Errorf("aws %s: exit code %d, want %s in:\n%s", refusal.args, code, refusal.want, out)
		}
	}
}
