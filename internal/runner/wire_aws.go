package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"awscdk.dev/operator/internal/assets"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/decide"
)

// awsAttempt bounds one HTTP exchange with AWS: the largest asset goes up in one.
const awsAttempt = 10 * time.Minute

// awsIdentity asks STS.
type awsIdentity struct {
	loader *awsconfig.Loader
	target awsconfig.Target
}

// Account implements Identity.
func (i awsIdentity) Account(ctx context.Context) (string, error) {
	const doing = "check the AWS credentials"
	cfg, err := i.loader.Config(ctx, i.target)
	if err != nil {
		return "", awsconfig.Explain(doing, i.target.Credentials, err)
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", awsconfig.Explain(doing, i.target.Credentials, err)
	}
	return aws.ToString(out.Account), nil
}

// s3Publisher publishes to the buckets that the assembly names.
type s3Publisher struct {
	assets      *assets.Publisher
	credentials awsconfig.Credentials
}

func (p s3Publisher) target(stack Stack) assets.Target {
	return assets.Target{Credentials: p.credentials, Region: stack.Plan.Region, Account: stack.Plan.Account}
}

// PublishPlan implements Publisher.
func (p s3Publisher) PublishPlan(ctx context.Context, stack Stack, plan []byte, out io.Writer) (decide.PlanAt, error) {
	digest := sha256.Sum256(plan)
	at := decide.PlanAt{
		Key: "awscdk-operator/plans/" + hex.EncodeToString(digest[:]) + ".json", SHA256: hex.EncodeToString(digest[:]), Bytes: len(plan),
		Account: stack.Plan.Account, Role: stack.Plan.DeployRoleARN, RoleExternalID: stack.Plan.DeployRoleExternalID, RoleSession: stack.Plan.DeployRoleSession,
	}
	done, err := p.assets.PublishBeside(ctx, assets.Extra{
		Name: "plan of " + stack.Plan.StackName, Key: at.Key, Data: plan,
		Manifests: stack.Manifests, Root: stack.Root, Qualifier: stack.Qualifier, Target: p.target(stack),
	})
	if err != nil {
		return decide.PlanAt{}, err
	}
	at.Bucket, at.Region = done.Bucket, done.Region
	fmt.Fprintf(out, "the plan has %d bytes and goes by s3://%s/%s\n", at.Bytes, at.Bucket, at.Key)
	return at, nil
}

// Publish implements Publisher.
func (p s3Publisher) Publish(ctx context.Context, stack Stack, out io.Writer) (string, bool, error) {
	target := p.target(stack)
	report, err := p.assets.Publish(ctx, assets.Request{Manifests: stack.Manifests, Root: stack.Root, Target: target})
	if err != nil {
		return "", false, err
	}
	for _, a := range report.Uploaded {
		fmt.Fprintf(out, "uploaded %s (%d bytes) to s3://%s/%s\n", a.Name, a.Bytes, a.Bucket, a.Key)
	}
	for _, a := range report.Skipped {
		fmt.Fprintf(out, "s3://%s/%s is there already\n", a.Bucket, a.Key)
	}
	if stack.Plan.TemplateURL != "" {
		return stack.Plan.TemplateURL, len(report.Uploaded) == 0, nil
	}
	url, err := p.assets.PublishTemplate(ctx, assets.Template{Path: stack.TemplateFile, StackName: stack.Plan.StackName, Qualifier: stack.Qualifier, Target: target})
	return url, false, err
}
