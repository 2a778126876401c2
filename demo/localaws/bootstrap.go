package localaws

import (
	"awscdk.dev/operator/demo/localaws/cloud"
)

// bootstrapVersion is what current CDK CLIs write and what apps ask for.
const bootstrapVersion = "32"

// Bootstrap makes what `cdk bootstrap` makes in an account and region, without
// Node and without the stack CDKToolkit: the bucket, the repository, the
// version parameter and the five roles of the default qualifier. An empty
// account is the configured one, an empty region us-east-1. The roles trust
// their own account, as without --trust.
func (s *Server) Bootstrap(account, region string) {
	if account == "" {
		account = s.config.Account
	}
	if region == "" {
		region = "us-east-1"
	}
	place := cloud.Place{Account: account, Region: region}
	suffix := account + "-" + region
	put := func(typ string, props map[string]any) {
		// What is already there stays as it is.
		_, _ = s.Cloud.Create(cloud.Spec{Type: typ, Place: place, Props: props})
	}
	put("AWS::S3::Bucket", map[string]any{"BucketName": "cdk-hnb659fds-assets-" + suffix})
	put("AWS::ECR::Repository", map[string]any{"RepositoryName": "cdk-hnb659fds-container-assets-" + suffix})
	put("AWS::SSM::Parameter", map[string]any{"Name": "/cdk-bootstrap/hnb659fds/version", "Type": "String", "Value": bootstrapVersion})
	account = "arn:aws:iam::" + account + ":root"
	for role, trusted := range map[string]map[string]any{
		"deploy": {"AWS": account}, "file-publishing": {"AWS": account}, "image-publishing": {"AWS": account}, "lookup": {"AWS": account},
		"cfn-exec": {"Service": "cloudformation.amazonaws.com"},
	} {
		put("AWS::IAM::Role", map[string]any{"RoleName": "cdk-hnb659fds-" + role + "-role-" + suffix, "AssumeRolePolicyDocument": map[string]any{
			"Statement": []any{map[string]any{"Effect": "Allow", "Principal": trusted, "Action": []any{"sts:AssumeRole", "sts:TagSession"}}},
		}})
	}
}
