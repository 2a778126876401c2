package decide

import (
	"encoding/json"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/permissions"
	"awscdk.dev/operator/internal/problem"
)

// The bounds of what is said of what a change allows.
const (
	maxAllows    = 5
	maxAllowText = 300
)

// classify says how a change concerns people.
func classify(one *v1alpha1.ResourceChange, c Change) {
	for _, sentence := range allows(c) {
		if len(one.Allows) < maxAllows {
			one.Allows = append(one.Allows, problem.Cut(sentence, maxAllowText))
		}
	}
	from, moved := movedFrom(c)
	switch {
	case destructive(one.Action):
		one.Class = v1alpha1.ChangeDestructive
	case len(one.Allows) > 0:
		one.Class = v1alpha1.ChangeSecurity
	case moved:
		one.Class, one.MovedFrom = v1alpha1.ChangeMoved, problem.CutMiddle(from, maxChangedName)
	}
}

// allows says what a change newly allows, a sentence each. What is imported
// allows what it did before.
func allows(c Change) []string {
	if c.Action == "Import" || c.Action == "SyncWithActual" {
		return nil
	}
	return permissions.Widened(permissions.Change{
		Type: c.Type, Before: c.Before, After: c.After, Added: c.Action == "Add", Removed: c.Action == "Remove", Properties: c.Properties,
	})
}

// movedFrom says that nothing changes of a resource but where its construct is in
// the app, and where that was. CloudFormation knows the path as metadata. When
// values are not shown, a change of nothing but metadata counts as a move.
func movedFrom(c Change) (path string, moved bool) {
	if actionOf(c) != v1alpha1.ChangeModify || len(c.Properties) == 0 || slices.ContainsFunc(c.Properties, func(name string) bool { return name != "Metadata" }) {
		return "", false
	}
	was, is := pathIn(c.Before), pathIn(c.After)
	return was, c.Unvalued() || was != is
}

// pathIn is the construct path in the metadata of one side of a resource.
func pathIn(side json.RawMessage) string {
	var shown struct {
		Metadata struct {
			Path string `json:"aws:cdk:path"`
		}
	}
	_ = json.Unmarshal(side, &shown) // a path that cannot be read is none
	return shown.Metadata.Path
}

// ConstructPath is where a resource is in the app, or was when it is removed.
func ConstructPath(c Change, plan *v1alpha1.Plan) string {
	if plan != nil && plan.ConstructPaths[c.LogicalID] != "" {
		return plan.ConstructPaths[c.LogicalID]
	}
	if path := pathIn(c.After); path != "" {
		return path
	}
	return pathIn(c.Before)
}

// customName is the name that a template gives to a resource and does not
// change although the resource is replaced, "" for none. CloudFormation makes
// the new one before it deletes the old one, so that there would be two.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
func customName(c Change) string {
	was, is := propertiesIn(c.Before), propertiesIn(c.After)
	for _, property := range nameProperties[c.Type] {
		name, _ := is[property].(string)
		if name != "" && name != KnownAfterApply && was[property] == is[property] {
			return name
		}
	}
	return ""
}

func propertiesIn(side json.RawMessage) map[string]any {
	var shown struct{ Properties map[string]any }
	_ = json.Unmarshal(side, &shown)
	return shown.Properties
}

// nameProperties are those that name a resource within its account and region.
var nameProperties = map[string][]string{
	"AWS::ApiGateway::ApiKey":                   {"Name"},
	"AWS::AutoScaling::AutoScalingGroup":        {"AutoScalingGroupName"},
	"AWS::Backup::BackupVault":                  {"BackupVaultName"},
	"AWS::CloudWatch::Alarm":                    {"AlarmName"},
	"AWS::CloudWatch::Dashboard":                {"DashboardName"},
	"AWS::CodeBuild::Project":                   {"Name"},
	"AWS::CodePipeline::Pipeline":               {"Name"},
	"AWS::DocDB::DBCluster":                     {"DBClusterIdentifier"},
	"AWS::DocDB::DBInstance":                    {"DBInstanceIdentifier"},
	"AWS::DynamoDB::GlobalTable":                {"TableName"},
	"AWS::DynamoDB::Table":                      {"TableName"},
	"AWS::EC2::KeyPair":                         {"KeyName"},
	"AWS::EC2::LaunchTemplate":                  {"LaunchTemplateName"},
	"AWS::EC2::SecurityGroup":                   {"GroupName"},
	"AWS::ECR::Repository":                      {"RepositoryName"},
	"AWS::ECS::Cluster":                         {"ClusterName"},
	"AWS::ECS::Service":                         {"ServiceName"},
	"AWS::EKS::Cluster":                         {"Name"},
	"AWS::ElastiCache::CacheCluster":            {"ClusterName"},
	"AWS::ElastiCache::ReplicationGroup":        {"ReplicationGroupId"},
	"AWS::ElastiCache::ServerlessCache":         {"ServerlessCacheName"},
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {"Name"},
	"AWS::ElasticLoadBalancingV2::TargetGroup":  {"Name"},
	"AWS::Events::EventBus":                     {"Name"},
	"AWS::Events::Rule":                         {"Name"},
	"AWS::IAM::Group":                           {"GroupName"},
	"AWS::IAM::InstanceProfile":                 {"InstanceProfileName"},
	"AWS::IAM::ManagedPolicy":                   {"ManagedPolicyName"},
	"AWS::IAM::Role":                            {"RoleName"},
	"AWS::IAM::User":                            {"UserName"},
	"AWS::KMS::Alias":                           {"AliasName"},
	"AWS::Kinesis::Stream":                      {"Name"},
	"AWS::KinesisFirehose::DeliveryStream":      {"DeliveryStreamName"},
	"AWS::Lambda::Function":                     {"FunctionName"},
	"AWS::Logs::LogGroup":                       {"LogGroupName"},
	"AWS::MSK::Cluster":                         {"ClusterName"},
	"AWS::Neptune::DBCluster":                   {"DBClusterIdentifier"},
	"AWS::OpenSearchService::Domain":            {"DomainName"},
	"AWS::RDS::DBCluster":                       {"DBClusterIdentifier"},
	"AWS::RDS::DBInstance":                      {"DBInstanceIdentifier"},
	"AWS::RDS::DBSubnetGroup":                   {"DBSubnetGroupName"},
	"AWS::Redshift::Cluster":                    {"ClusterIdentifier"},
	"AWS::S3::Bucket":                           {"BucketName"},
	"AWS::SNS::Topic":                           {"TopicName"},
	"AWS::SQS::Queue":                           {"QueueName"},
	"AWS::SSM::Parameter":                       {"Name"},
	"AWS::SecretsManager::Secret":               {"Name"},
	"AWS::StepFunctions::StateMachine":          {"StateMachineName"},
	"AWS::Synthetics::Canary":                   {"Name"},
	"AWS::WAFv2::WebACL":                        {"Name"},
}
