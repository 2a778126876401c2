package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

const (
	region = "us-east-1"
	// The local AWS takes any key; these open nothing anywhere.
	accessKeyID     = "AKIADEMODEMODEMODEMO" //nolint:gosec // as it says
	secretAccessKey = "demo-only"
)

// cloud is somebody with access to the account besides the operator.
type cloud struct {
	formation  *cloudformation.Client
	parameters *ssm.Client
	identity   *sts.Client
}

func newCloud(endpoint string) *cloud {
	config := aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secretAccessKey, ""),
	}
	return &cloud{
		formation:  cloudformation.NewFromConfig(config),
		parameters: ssm.NewFromConfig(config),
		identity:   sts.NewFromConfig(config),
	}
}

// account is the number of the account that the demo's keys belong to.
func (c *cloud) account(ctx context.Context) (string, error) {
	caller, err := c.identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("ask whose keys these are: %w", err)
	}
	return aws.ToString(caller.Account), nil
}

// cloudEnvironment leads a program to the local AWS, and nowhere else.
func cloudEnvironment(endpoint, home string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"CDK_HOME=" + home,
		"CDK_DISABLE_CLI_TELEMETRY=true",
	}
}

// changeParameter overwrites a parameter's value behind CloudFormation's back.
func (c *cloud) changeParameter(ctx context.Context, name, value string) error {
	_, err := c.parameters.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(name), Value: aws.String(value), Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("change parameter %s: %w", name, err)
	}
	return nil
}

// resourceCount is how many resources a stack has.
func (c *cloud) resourceCount(ctx context.Context, stack string) (int, error) {
	described, err := c.formation.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: aws.String(stack)})
	if err != nil {
		return 0, fmt.Errorf("list resources of %s: %w", stack, err)
	}
	return len(described.StackResources), nil
}

// table is the name of the table that a stack has.
func (c *cloud) table(ctx context.Context, stack string) (string, error) {
	described, err := c.formation.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: aws.String(stack)})
	if err != nil {
		return "", fmt.Errorf("list resources of %s: %w", stack, err)
	}
	for _, resource := range described.StackResources {
		if aws.ToString(resource.ResourceType) == "AWS::DynamoDB::Table" {
			return aws.ToString(resource.PhysicalResourceId), nil
		}
	}
	return "", fmt.Errorf("stack %s has no table", stack)
}

// isGone says whether CloudFormation knows no stack of that name any more.
func (c *cloud) isGone(ctx context.Context, stack string) (bool, error) {
	_, err := c.formation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if err == nil {
		return false, nil
	}
	// CloudFormation has no better code for a stack that does not exist.
	if apiError, ok := errors.AsType[smithy.APIError](err); ok && apiError.ErrorCode() == "ValidationError" {
		return true, nil
	}
	return false, fmt.Errorf("look for stack %s: %w", stack, err)
}
