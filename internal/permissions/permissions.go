// Package permissions tells what a change of a resource newly allows, and to
// whom: IAM policies and attachments, policies of resources, security groups.
// It talks to nobody. Where it cannot tell, it says that something may be
// allowed; what it calls no widening is none.
package permissions

import (
	"encoding/json"
	"slices"
)

// Change is what becomes of one resource.
type Change struct {
	Type string
	// Before and After are the resource as CloudFormation shows it: JSON with
	// "Properties"; nil for none.
	Before, After json.RawMessage
	// Added and Removed say that there is none before, or after.
	Added, Removed bool
	// Properties are the names of what changes, which is all that is known when
	// Before or After is missing.
	Properties []string
}

// Widened says what a change newly allows, a sentence each; nil for nothing.
func Widened(c Change) []string {
	k, known := kinds[c.Type]
	if !known || c.Removed && k.holder {
		return nil
	}
	before, okBefore := properties(c.Before, c.Added)
	after, okAfter := properties(c.After, c.Removed)
	if !okBefore || !okAfter {
		if !c.Removed && !c.Added && !slices.ContainsFunc(c.Properties, k.concerns) {
			return nil
		}
		return []string{"what it allows changes, and CloudFormation does not show how"}
	}
	var all []string
	for _, compare := range k.compare {
		all = append(all, compare(before, after)...)
	}
	return all
}

// Governs says whether resources of a type allow anything to anybody.
func Governs(typ string) bool {
	_, known := kinds[typ]
	return known
}

// tree is JSON as it is decoded.
type tree = map[string]any

// properties are those of one side of a resource; of a side that there is not,
// there are none. ok is false when they are not known.
func properties(side json.RawMessage, none bool) (p tree, ok bool) {
	if none {
		return tree{}, true
	}
	if side == nil {
		return nil, false
	}
	var shown struct{ Properties tree }
	if json.Unmarshal(side, &shown) != nil {
		return nil, false
	}
	if shown.Properties == nil {
		shown.Properties = tree{}
	}
	return shown.Properties, true
}

// comparison says what the properties after a change allow beyond those before.
type comparison func(before, after tree) []string

// kind is how resources of one type are compared.
type kind struct {
	// names are the properties that say what is allowed.
	names []string
	// holder: what it allows is gone with it, so that its removal allows nothing
	// to anybody. A policy of its own may have denied something.
	holder  bool
	compare []comparison
}

func (k kind) concerns(property string) bool { return slices.Contains(k.names, property) }

// policyOf is a kind whose policy is in one property.
func policyOf(property string, holder bool) kind {
	return kind{names: []string{property}, holder: holder, compare: []comparison{documents(property, nobody)}}
}

// kinds are the types that allow something, see
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var kinds = map[string]kind{
	"AWS::IAM::Role": {
		names: []string{"AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "PermissionsBoundary"}, holder: true,
		compare: []comparison{documents("AssumeRolePolicyDocument", nobody), inline("the role"), attached("the role"), boundary("the role")},
	},
	"AWS::IAM::User": {
		names: []string{"Policies", "ManagedPolicyArns", "PermissionsBoundary", "Groups", "LoginProfile"}, holder: true,
		compare: []comparison{inline("the user"), attached("the user"), boundary("the user"), joined("Groups", "the user joins the group %s"), appears("LoginProfile", "the user may sign in to the console")},
	},
	"AWS::IAM::Group": {
		names: []string{"Policies", "ManagedPolicyArns"}, holder: true,
		compare: []comparison{inline("the group"), attached("the group")},
	},
	"AWS::IAM::Policy":        identityPolicy("whoever it is attached to"),
	"AWS::IAM::ManagedPolicy": identityPolicy("whoever it is attached to"),
	"AWS::IAM::RolePolicy":    identityPolicy("the role"),
	"AWS::IAM::UserPolicy":    identityPolicy("the user"),
	"AWS::IAM::GroupPolicy":   identityPolicy("the group"),
	"AWS::IAM::InstanceProfile": {
		names: []string{"Roles"}, holder: true, compare: []comparison{joined("Roles", "instances with this profile act as the role %s")},
	},
	"AWS::IAM::UserToGroupAddition": {
		names: []string{"Users", "GroupName"}, holder: true, compare: []comparison{joined("Users", "the user %s joins the group")},
	},
	"AWS::IAM::AccessKey": {names: []string{"UserName", "Status"}, holder: true, compare: []comparison{joined("UserName", "there is an access key for the user %s")}},
	"AWS::SSO::PermissionSet": {
		names: []string{"InlinePolicy", "ManagedPolicies"}, holder: true,
		compare: []comparison{documents("InlinePolicy", func(tree) string { return "whoever has the permission set" }), joined("ManagedPolicies", "the managed policy %s is attached to the permission set")},
	},

	"AWS::S3::BucketPolicy":                 policyOf("PolicyDocument", false),
	"AWS::S3Express::BucketPolicy":          policyOf("PolicyDocument", false),
	"AWS::S3Tables::TableBucketPolicy":      policyOf("ResourcePolicy", false),
	"AWS::S3::AccessPoint":                  policyOf("Policy", true),
	"AWS::S3::MultiRegionAccessPointPolicy": policyOf("Policy", false),
	"AWS::SQS::QueuePolicy":                 policyOf("PolicyDocument", false),
	"AWS::SQS::QueueInlinePolicy":           policyOf("PolicyDocument", false),
	"AWS::SNS::TopicPolicy":                 policyOf("PolicyDocument", false),
	"AWS::SNS::TopicInlinePolicy":           policyOf("PolicyDocument", false),
	"AWS::KMS::Key":                         policyOf("KeyPolicy", true),
	"AWS::KMS::ReplicaKey":                  policyOf("KeyPolicy", true),
	"AWS::ECR::Repository":                  policyOf("RepositoryPolicyText", true),
	"AWS::ECR::PublicRepository":            policyOf("RepositoryPolicyText", true),
	"AWS::ECR::RegistryPolicy":              policyOf("PolicyText", false),
	"AWS::SecretsManager::ResourcePolicy":   policyOf("ResourcePolicy", false),
	"AWS::EC2::VPCEndpoint":                 {names: []string{"PolicyDocument"}, holder: true, compare: []comparison{endpoint}},
	"AWS::EFS::FileSystem":                  policyOf("FileSystemPolicy", true),
	"AWS::Backup::BackupVault":              policyOf("AccessPolicy", true),
	"AWS::OpenSearchService::Domain":        policyOf("AccessPolicies", true),
	"AWS::Elasticsearch::Domain":            policyOf("AccessPolicies", true),
	"AWS::ApiGateway::RestApi":              policyOf("Policy", true),
	"AWS::Logs::ResourcePolicy":             policyOf("PolicyDocument", false),
	"AWS::Events::EventBus":                 policyOf("Policy", true),
	"AWS::Events::EventBusPolicy":           {names: []string{"Statement", "Action", "Principal", "Condition"}, compare: []comparison{busPolicy}},
	"AWS::Kinesis::ResourcePolicy":          policyOf("ResourcePolicy", false),
	"AWS::CodeArtifact::Domain":             policyOf("PermissionsPolicyDocument", true),
	"AWS::CodeArtifact::Repository":         policyOf("PermissionsPolicyDocument", true),
	"AWS::MediaStore::Container":            policyOf("Policy", true),
	"AWS::IoT::Policy":                      policyOf("PolicyDocument", true),
	"AWS::VpcLattice::AuthPolicy":           policyOf("Policy", false),
	"AWS::VpcLattice::ResourcePolicy":       policyOf("Policy", false),
	"AWS::DynamoDB::Table":                  {names: []string{"ResourcePolicy"}, holder: true, compare: []comparison{within("ResourcePolicy", documents("PolicyDocument", nobody))}},
	"AWS::Lambda::Permission":               {names: []string{"Action", "Principal", "SourceArn", "SourceAccount", "FunctionUrlAuthType", "PrincipalOrgID", "FunctionName", "EventSourceToken"}, holder: true, compare: []comparison{invocation}},
	"AWS::Lambda::LayerVersionPermission":   {names: []string{"Action", "Principal", "OrganizationId"}, holder: true, compare: []comparison{invocation}},
	"AWS::Lambda::Url":                      {names: []string{"AuthType"}, holder: true, compare: []comparison{becomes("AuthType", "NONE", "anyone may call the function by its URL")}},
	"AWS::S3::Bucket":                       {names: []string{"PublicAccessBlockConfiguration", "AccessControl"}, holder: true, compare: []comparison{publicAccess, publicACL}},
	"AWS::RAM::ResourceShare":               {names: []string{"Principals", "ResourceArns"}, holder: true, compare: []comparison{joined("Principals", "it is shared with %s"), joined("ResourceArns", "%s is shared")}},
	"AWS::EC2::SecurityGroup":               {names: []string{"SecurityGroupIngress", "SecurityGroupEgress"}, holder: true, compare: []comparison{groupRules("SecurityGroupIngress", ingress), groupRules("SecurityGroupEgress", egress)}},
	"AWS::EC2::SecurityGroupIngress":        {names: ruleProperties, holder: true, compare: []comparison{oneRule(ingress)}},
	"AWS::EC2::SecurityGroupEgress":         {names: ruleProperties, holder: true, compare: []comparison{oneRule(egress)}},
}

// identityPolicy is a policy of its own that is attached to somebody.
func identityPolicy(otherwise string) kind {
	return kind{
		names:   []string{"PolicyDocument", "Roles", "Users", "Groups"},
		compare: []comparison{documents("PolicyDocument", func(p tree) string { return holders(p, otherwise) }), newHolders},
	}
}
