package policy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/policy"

	"sigs.k8s.io/yaml"
)

// change is one of a resource with properties in YAML, as CloudFormation shows
// them.
func change(t *testing.T, kind string, action v1alpha1.ChangeAction, before, after string) policy.Change {
	t.Helper()
	return policy.Change{LogicalID: "It", Type: kind, Action: action, Before: shown(t, before), After: shown(t, after)}
}

func shown(t *testing.T, properties string) json.RawMessage {
	t.Helper()
	if properties == "" {
		return nil
	}
	data, err := yaml.YAMLToJSON([]byte(properties))
	if err != nil {
		t.Fatalf("%s: %v", properties, err)
	}
	return []byte(`{"Properties":` + string(data) + `}`)
}

// broken are the rules of a built-in policy that a plan breaks.
func broken(t *testing.T, pack string, plan policy.Plan) []string {
	t.Helper()
	files, err := policy.BuiltIn(pack)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, line := range judgeAll(t, []policy.Source{{Name: "pack", Files: files}}, plan) {
		words := strings.Split(line, " | ")
		rules = append(rules, words[2])
		if strings.Contains(words[4], "could not be evaluated") {
			t.Errorf("%s", line)
		}
	}
	return rules
}

const everybody = "{Statement: {Effect: Allow, Principal: '*', Action: 's3:GetObject', Resource: '*'}}"

func TestTheBuiltInPolicies(t *testing.T) {
	for _, c := range []struct {
		pack, kind string
		// rule is the one that those of breaks break; those of passes break none.
		rule           string
		breaks, passes []string
	}{
		{
			pack: "NoPublicBuckets", kind: "AWS::S3::Bucket", rule: "bucket-acl",
			breaks: []string{"{AccessControl: PublicRead}", "{AccessControl: PublicReadWrite}", "{AccessControl: AuthenticatedRead}"},
			passes: []string{"{}", "{AccessControl: Private}", "{AccessControl: LogDeliveryWrite}", "{AccessControl: '{{changeSet:KNOWN_AFTER_APPLY}}'}", "{AccessControl: {Ref: Acl}}"},
		},
		{
			pack: "NoPublicBuckets", kind: "AWS::S3::Bucket", rule: "bucket-public-access-block",
			breaks: []string{
				"{PublicAccessBlockConfiguration: {}}",
				"{PublicAccessBlockConfiguration: {BlockPublicAcls: true, IgnorePublicAcls: true}}",
				"{PublicAccessBlockConfiguration: {BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: 'false', RestrictPublicBuckets: true}}",
				"{PublicAccessBlockConfiguration: {Ref: Block}}",
				"{} <- {PublicAccessBlockConfiguration: {BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}}",
			},
			passes: []string{
				"{}", "{BucketName: a} <- {}",
				"{PublicAccessBlockConfiguration: {BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}}",
				"{PublicAccessBlockConfiguration: {BlockPublicAcls: 'true', IgnorePublicAcls: 'true', BlockPublicPolicy: 'True', RestrictPublicBuckets: 'true'}}",
			},
		},
		{
			pack: "NoPublicBuckets", kind: "AWS::S3::BucketPolicy", rule: "bucket-policy",
			breaks: []string{
				"{PolicyDocument: " + everybody + "}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: '*'}, Action: ['s3:*'], Resource: a}]}}",
				"{PolicyDocument: {Statement: [{Effect: Deny, Principal: '*'}, {Effect: Allow, Principal: {AWS: ['arn:aws:iam::1:root', '*']}}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, NotPrincipal: {AWS: 'arn:aws:iam::1:root'}}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Condition: {Bool: {'aws:SecureTransport': 'true'}}}]}}",
			},
			passes: []string{
				"{}", "{PolicyDocument: {Statement: []}}",
				"{PolicyDocument: {Statement: [{Effect: Deny, Principal: {AWS: '*'}, Action: 's3:*', Condition: {Bool: {'aws:SecureTransport': 'false'}}}]}}",
				"{PolicyDocument: {Statement: {Effect: Allow, Principal: {Service: cloudfront.amazonaws.com}, Condition: {StringEquals: {'AWS:SourceArn': a}}}}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Condition: {StringEquals: {'aws:PrincipalOrgID': o-1}}}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: {'Fn::GetAtt': [Role, Arn]}}}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: ['{{changeSet:KNOWN_AFTER_APPLY}}']}}]}}",
				"{PolicyDocument: {Ref: Document}}",
			},
		},
		{
			pack: "NoOpenPorts", kind: "AWS::EC2::SecurityGroup", rule: "open-port",
			breaks: []string{
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: 22, ToPort: 22}]}",
				"{SecurityGroupIngress: {CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: '22', ToPort: '22'}}",
				"{SecurityGroupIngress: [{CidrIp: 10.0.0.0/8, IpProtocol: tcp, FromPort: 22, ToPort: 22}, {CidrIpv6: '::/0', IpProtocol: '6', FromPort: 3000, ToPort: 4000}]}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: '-1'}]}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: -1, FromPort: 443, ToPort: 443}]}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: -1, ToPort: -1}]}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: 0, ToPort: 65535}]}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: udp, FromPort: 3389, ToPort: 3389}]}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: {Ref: Port}, ToPort: {Ref: Port}}]}",
			},
			passes: []string{
				"{}", "{SecurityGroupIngress: []}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: 443, ToPort: 443}]}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: '80', ToPort: '443'}]}",
				"{SecurityGroupIngress: [{CidrIp: 10.0.0.0/8, IpProtocol: tcp, FromPort: 22, ToPort: 22}]}",
				"{SecurityGroupIngress: [{CidrIp: {'Fn::GetAtt': [Vpc, CidrBlock]}, IpProtocol: '-1'}]}",
				"{SecurityGroupIngress: [{CidrIp: 0.0.0.0/0, IpProtocol: icmp, FromPort: -1, ToPort: -1}]}",
				"{SecurityGroupIngress: [{CidrIpv6: '::/0', IpProtocol: '58', FromPort: -1, ToPort: -1}]}",
				"{SecurityGroupIngress: [{SourceSecurityGroupId: sg-1, IpProtocol: tcp, FromPort: 22, ToPort: 22}]}",
				"{SecurityGroupEgress: [{CidrIp: 0.0.0.0/0, IpProtocol: '-1'}]}",
				"{SecurityGroupIngress: [{'Fn::If': [Open, {CidrIp: 0.0.0.0/0, IpProtocol: '-1'}, {Ref: 'AWS::NoValue'}]}]}",
			},
		},
		{
			pack: "NoOpenPorts", kind: "AWS::EC2::SecurityGroupIngress", rule: "open-port",
			breaks: []string{"{CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: 20, ToPort: 30}", "{CidrIpv6: '::/0', IpProtocol: tcp, FromPort: '3389', ToPort: '3389'} <- {}"},
			passes: []string{"{CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: 23, ToPort: 3388}", "{SourcePrefixListId: pl-1, IpProtocol: tcp, FromPort: 22, ToPort: 22}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::RDS::DBInstance", rule: "database-instance-encrypted",
			breaks: []string{"{}", "{StorageEncrypted: false}", "{StorageEncrypted: 'false'}", "{KmsKeyId: k}", "{StorageEncrypted: {Ref: P}}"},
			passes: []string{"{StorageEncrypted: true}", "{StorageEncrypted: 'true'}", "{DBClusterIdentifier: c}", "{DBClusterIdentifier: {Ref: C}}", "{DBSnapshotIdentifier: s}", "{SourceDBInstanceIdentifier: s}", "{} <- {}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::RDS::DBCluster", rule: "database-cluster-encrypted",
			breaks: []string{"{Engine: mysql}", "{Engine: aurora-mysql, StorageEncrypted: false}", "{Engine: postgres, StorageEncrypted: 'false'}"},
			passes: []string{"{Engine: aurora-postgresql}", "{Engine: postgres, StorageEncrypted: true}", "{Engine: mysql, SnapshotIdentifier: s}", "{Engine: mysql} <- {Engine: mysql}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::DocDB::DBCluster", rule: "database-cluster-encrypted",
			breaks: []string{"{}"}, passes: []string{"{StorageEncrypted: 'true'}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::Neptune::DBCluster", rule: "database-cluster-encrypted",
			breaks: []string{"{}"}, passes: []string{"{StorageEncrypted: true}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::EC2::Volume", rule: "volume-encrypted",
			breaks: []string{"{}", "{Encrypted: false}", "{SnapshotId: s}"}, passes: []string{"{Encrypted: true}", "{Encrypted: 'true', KmsKeyId: {Ref: K}}", "{} <- {}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::EC2::Instance", rule: "instance-volumes-encrypted",
			breaks: []string{"{BlockDeviceMappings: [{DeviceName: a, Ebs: {VolumeSize: 8}}]}", "{BlockDeviceMappings: [{Ebs: {Encrypted: true}}, {Ebs: {Encrypted: 'false'}}]}"},
			passes: []string{"{}", "{BlockDeviceMappings: [{Ebs: {Encrypted: 'true'}}, {VirtualName: ephemeral0}]}", "{BlockDeviceMappings: {Ref: B}}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::EC2::LaunchTemplate", rule: "launch-template-volumes-encrypted",
			breaks: []string{"{LaunchTemplateData: {BlockDeviceMappings: [{Ebs: {VolumeType: gp3}}]}} <- {}"}, passes: []string{"{}", "{LaunchTemplateData: {BlockDeviceMappings: [{Ebs: {Encrypted: true}}]}}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::EFS::FileSystem", rule: "file-system-encrypted",
			breaks: []string{"{}", "{Encrypted: 'false'}"}, passes: []string{"{Encrypted: true}", "{} <- {}"},
		},
		{
			pack: "EncryptionAtRest", kind: "AWS::SQS::Queue", rule: "queue-encrypted",
			breaks: []string{"{SqsManagedSseEnabled: false}", "{SqsManagedSseEnabled: 'false'} <- {}"},
			passes: []string{"{}", "{SqsManagedSseEnabled: true}", "{KmsMasterKeyId: {'Fn::GetAtt': [K, Arn]}}", "{SqsManagedSseEnabled: false, KmsMasterKeyId: alias/aws/sqs}"},
		},
		{pack: "EncryptionAtRest", kind: "AWS::S3::Bucket", passes: []string{"{}"}},
		{pack: "EncryptionAtRest", kind: "AWS::DynamoDB::Table", passes: []string{"{}"}},
		{
			pack: "BackupRetention", kind: "AWS::RDS::DBInstance", rule: "database-instance-backups",
			breaks: []string{"{}", "{BackupRetentionPeriod: 0}", "{BackupRetentionPeriod: '6'}", "{BackupRetentionPeriod: {Ref: Days}}", "{BackupRetentionPeriod: 1} <- {BackupRetentionPeriod: 7}"},
			passes: []string{"{BackupRetentionPeriod: 7}", "{BackupRetentionPeriod: '35'}", "{DBClusterIdentifier: c}", "{SourceDBInstanceIdentifier: s}"},
		},
		{
			pack: "BackupRetention", kind: "AWS::RDS::DBCluster", rule: "database-cluster-backups",
			breaks: []string{"{}", "{BackupRetentionPeriod: '1'}"}, passes: []string{"{BackupRetentionPeriod: 7}"},
		},
		{
			pack: "BackupRetention", kind: "AWS::DynamoDB::Table", rule: "table-backups",
			breaks: []string{"{}", "{PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: 'false'}}", "{PointInTimeRecoverySpecification: {Ref: P}}"},
			passes: []string{"{PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}}", "{PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: 'true'}}"},
		},
		{
			pack: "BackupRetention", kind: "AWS::DynamoDB::GlobalTable", rule: "global-table-backups",
			breaks: []string{"{Replicas: [{Region: a}]}", "{Replicas: [{PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}}, {Region: b}]}"},
			passes: []string{"{Replicas: [{PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}}]}"},
		},
		{
			pack: "NoBroadIAM", kind: "AWS::IAM::Policy", rule: "broad-statement",
			breaks: []string{
				"{PolicyDocument: {Statement: {Effect: Allow, Action: '*', Resource: 'arn:aws:s3:::a'}}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: ['s3:GetObject', '*'], Resource: '*'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:*', Resource: ['*']}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: ['dynamodb:*'], Resource: 'arn:aws:dynamodb:*:*:*'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, NotAction: 'iam:*', Resource: '*'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: 'iam:PassRole', Resource: '*'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: 'STS:AssumeRole', NotResource: a}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}} <- {PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}}",
			},
			passes: []string{
				"{}", "{PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:*', Resource: 'arn:aws:s3:::a/*'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: ['xray:PutTraceSegments', 'ec2:DescribeInstances'], Resource: '*'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Deny, Action: '*', Resource: '*'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:*', Resource: {'Fn::GetAtt': [B, Arn]}}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: {Ref: A}, Resource: '*'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: 'iam:PassRole', Resource: 'arn:aws:iam::111122223333:role/task'}]}}",
				"{PolicyDocument: {Statement: [{Effect: Allow, Action: '*', Resource: '*'}, {Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}} <- {PolicyDocument: {Statement: {Resource: '*', Effect: Allow, Action: '*'}}}",
			},
		},
		{
			pack: "NoBroadIAM", kind: "AWS::IAM::Role", rule: "broad-statement",
			breaks: []string{
				"{Policies: [{PolicyName: p, PolicyDocument: {Statement: [{Effect: Allow, Action: 'ec2:Describe*', Resource: '*'}, {Effect: Allow, Action: '*:*', Resource: '*'}]}}]}",
				"{Policies: [{PolicyName: q, PolicyDocument: {Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}}]} <- {Policies: [{PolicyName: q, PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:Get*', Resource: '*'}]}}]}",
			},
			passes: []string{
				"{Policies: [{PolicyName: p, PolicyDocument: {Statement: [{Effect: Allow, Action: 'ec2:Describe*', Resource: '*'}]}}]}",
				"{AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: 'sts:AssumeRole'}]}}",
			},
		},
		{
			pack: "NoBroadIAM", kind: "AWS::IAM::Role", rule: "administrator-policy",
			breaks: []string{"{ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess']}", "{ManagedPolicyArns: ['arn:aws-cn:iam::aws:policy/AdministratorAccess']} <- {ManagedPolicyArns: []}"},
			passes: []string{"{ManagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}", "{Description: x, ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess']} <- {ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess']}"},
		},
		{
			pack: "NoBroadIAM", kind: "AWS::IAM::Role", rule: "open-trust",
			breaks: []string{"{AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}]}}", "{AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {AWS: ['*']}, Action: 'sts:AssumeRole'}}}"},
			passes: []string{"{AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: 'arn:aws:iam::111122223333:root'}, Action: 'sts:AssumeRole'}]}}", "{AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {AWS: '*'}, Condition: {StringEquals: {'aws:PrincipalOrgID': o}}}]}}"},
		},
	} {
		for want, list := range map[bool][]string{true: c.breaks, false: c.passes} {
			for _, one := range list {
				after, before, was := strings.Cut(one, " <- ")
				action := v1alpha1.ChangeAdd
				if was {
					action = v1alpha1.ChangeModify
				}
				rules := broken(t, c.pack, policy.Plan{Changes: []policy.Change{change(t, c.kind, action, before, after)}})
				if want && !slices.Equal(rules, []string{c.rule}) || !want && len(rules) > 0 {
					t.Errorf("%s %s breaks %v of %s, want %s: %t", c.kind, one, rules, c.pack, c.rule, want)
				}
			}
		}
	}
}

func TestBaselineHasTheRulesOfAllOthers(t *testing.T) {
	all, err := policy.BuiltIn("Baseline")
	if err != nil {
		t.Fatal(err)
	}
	for _, pack := range []string{"NoPublicBuckets", "NoOpenPorts", "EncryptionAtRest", "BackupRetention", "NoBroadIAM"} {
		files, err := policy.BuiltIn(pack)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pack, len(files), err)
		}
		for name, text := range files {
			if all[name] != text {
				t.Errorf("Baseline lacks %s", name)
			}
		}
	}
	if _, err := policy.BuiltIn("NoSuch"); err == nil {
		t.Error("there is a built-in policy NoSuch")
	}
}

// Where CloudFormation shows no values, those of the template count, with what can
// be told of them.
func TestValuesOfTheTemplate(t *testing.T) {
	plan := policy.Plan{Region: "eu-central-1", Account: "111122223333", StackName: "Web", Creates: true, Parameters: map[string]string{"Open": "0.0.0.0/0", "Stage": "prod"}}
	plan.Template = []byte(`{
		"Parameters": {"Open": {"Type": "String", "Default": "10.0.0.0/8"}, "Days": {"Type": "Number", "Default": 3}, "Acl": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/acl"}, "Stage": {"Type": "String"}, "Secret": {"Type": "String", "NoEcho": true, "Default": "0.0.0.0/0"}},
		"Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, "NotProd": {"Fn::Not": [{"Condition": "Prod"}]}, "Either": {"Fn::Or": [{"Condition": "NotProd"}, {"Condition": "Prod"}]}, "Both": {"Fn::And": [{"Condition": "NotProd"}, {"Fn::Equals": [{"Ref": "Acl"}, "x"]}]}},
		"Resources": {
			"Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [{"CidrIp": {"Ref": "Open"}, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}]}},
			"Hidden": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [{"CidrIp": {"Ref": "Secret"}, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}]}},
			"If": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [{"Fn::If": ["Either", {"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}, {"Ref": "AWS::NoValue"}]}]}},
			"IfNot": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [{"Fn::If": ["Both", {"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}, {"Ref": "AWS::NoValue"}]}]}},
			"Db": {"Type": "AWS::RDS::DBInstance", "Properties": {"StorageEncrypted": true, "BackupRetentionPeriod": {"Ref": "Days"}}},
			"Role": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [{"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/AdministratorAccess"]]}]}},
			"Sub": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AdministratorAccess"}]}},
			"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": {"Ref": "Acl"}}}
		}}`)
	for id, kind := range map[string]string{"Group": "AWS::EC2::SecurityGroup", "Hidden": "AWS::EC2::SecurityGroup", "If": "AWS::EC2::SecurityGroup", "IfNot": "AWS::EC2::SecurityGroup", "Db": "AWS::RDS::DBInstance", "Role": "AWS::IAM::Role", "Sub": "AWS::IAM::Role", "Bucket": "AWS::S3::Bucket"} {
		plan.Changes = append(plan.Changes, policy.Change{LogicalID: id, Type: kind, Action: v1alpha1.ChangeAdd})
	}
	files, err := policy.BuiltIn("Baseline")
	if err != nil {
		t.Fatal(err)
	}
	found := judgeAll(t, []policy.Source{{Name: "b", Files: files}}, plan)
	var got []string
	for _, line := range found {
		words := strings.Split(line, " | ")
		got = append(got, words[2]+" "+words[3])
	}
	slices.Sort(got)
	want := []string{"administrator-policy Role", "administrator-policy Sub", "database-instance-backups Db", "open-port Group", "open-port If"}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v\n%s", got, want, strings.Join(found, "\n"))
	}
	// A stack that is there keeps the value of a parameter that the plan leaves open.
	plan.Creates = false
	plan.Parameters = nil
	for _, line := range judgeAll(t, []policy.Source{{Name: "b", Files: files}}, plan) {
		if strings.Contains(line, "open-port") {
			t.Errorf("%s", line)
		}
	}
}

// A resource of which nothing is known is not let through.
func TestAResourceThatIsNotShown(t *testing.T) {
	plan := policy.Plan{Changes: []policy.Change{{LogicalID: "Inner/Bucket", Type: "AWS::S3::Bucket", Action: v1alpha1.ChangeAdd}}}
	got := judge(t, `rules: [{name: any, resources: ["AWS::S3::Bucket"], expression: "true", message: m}]`, plan)
	if len(got) != 1 || !strings.Contains(got[0], "Inner/Bucket | the rule could not be evaluated: CloudFormation does not show the properties") {
		t.Errorf("%v", got)
	}
	plan = policy.Plan{Unseen: true}
	if got := judge(t, `rules: [{name: any, expression: "true", message: m}]`, plan); len(got) != 1 || !strings.Contains(got[0], "nested stacks") {
		t.Errorf("%v", got)
	}
}

// The templates are what the real CDK made of testdata/app.js.
func TestTemplatesOfTheCDK(t *testing.T) {
	for stack, want := range map[string][]string{
		"good": nil,
		"bad": {
			"administrator-policy", "broad-statement", "bucket-policy", "bucket-public-access-block", "database-instance-backups", "database-instance-encrypted",
			"global-table-backups", "open-port", "open-port", "open-trust", "queue-encrypted", "volume-encrypted",
		},
	} {
		rules := broken(t, "Baseline", planOfTemplate(t, stack))
		slices.Sort(rules)
		if !slices.Equal(rules, want) {
			t.Errorf("%s breaks %v, want %v", stack, rules, want)
		}
	}
}

// planOfTemplate adds all resources of a template.
func planOfTemplate(t testing.TB, name string) policy.Plan {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".template.json"))
	if err != nil {
		t.Fatal(err)
	}
	plan := policy.Plan{Template: data, Creates: true, Region: "eu-central-1", Account: "111122223333"}
	var template struct {
		Resources map[string]struct{ Type string }
	}
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	for id, r := range template.Resources {
		plan.Changes = append(plan.Changes, policy.Change{LogicalID: id, Type: r.Type, Action: v1alpha1.ChangeAdd})
	}
	return plan
}
