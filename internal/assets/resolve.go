package assets

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"awscdk.dev/operator/internal/awsconfig"
)

const accountPlaceholder = "${AWS::AccountId}"

// Resolve fills in the placeholders that a cloud assembly leaves for whoever
// deploys it.
func Resolve(s, region, account, partition string) string {
	return strings.NewReplacer(
		accountPlaceholder, account,
		"${AWS::Region}", region,
		"${AWS::Partition}", partition,
	).Replace(s)
}

// resolve fills in a destination. A region of its own counts for its names
// too, as it does for the CDK.
func (d destination) resolve(t Target) destination {
	d.Region = cmp.Or(Resolve(d.Region, t.Region, t.Account, t.Partition), t.Region)
	for _, field := range []*string{&d.BucketName, &d.ObjectKey, &d.AssumeRoleARN, &d.AssumeRoleExternalID} {
		*field = Resolve(*field, d.Region, t.Account, t.Partition)
	}
	d.AssumeRoleAdditionalOptions = []byte(Resolve(string(d.AssumeRoleAdditionalOptions), d.Region, t.Account, t.Partition))
	return d
}

func (d destination) role() (awsconfig.Role, error) {
	session, err := awsconfig.ParseSession(d.AssumeRoleAdditionalOptions)
	return awsconfig.Role{ARN: d.AssumeRoleARN, ExternalID: d.AssumeRoleExternalID, Session: session}, err
}

// complete finds out what the target leaves open: the partition always, the
// account only when a name needs it.
func (p *Publisher) complete(ctx context.Context, t Target, jobs []job) (Target, error) {
	t.Partition = cmp.Or(t.Partition, awsconfig.Partition(t.Region))
	if t.Account != "" || !slices.ContainsFunc(jobs, job.needsAccount) {
		return t, nil
	}
	var err error
	t.Account, err = p.account(ctx, t)
	return t, err
}

func (j job) needsAccount() bool {
	d := j.destination
	return strings.Contains(d.BucketName+d.ObjectKey+d.AssumeRoleARN+d.AssumeRoleExternalID+string(d.AssumeRoleAdditionalOptions), accountPlaceholder)
}

// account asks STS whose the credentials are.
func (p *Publisher) account(ctx context.Context, t Target) (string, error) {
	cfg, err := p.loader.Config(ctx, awsconfig.Target{Credentials: t.Credentials, Region: t.Region})
	if err != nil {
		return "", err
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", awsconfig.Explain("ask AWS who the credentials belong to", t.Credentials, err)
	}
	return aws.ToString(out.Account), nil
}

// unique drops what several manifests ask for alike.
func unique(jobs []job, t Target) []job {
	type place struct{ region, bucket, key string }
	seen := make(map[place]bool, len(jobs))
	return slices.DeleteFunc(jobs, func(j job) bool {
		d := j.destination.resolve(t)
		at := place{d.Region, d.BucketName, d.ObjectKey}
		known := seen[at]
		seen[at] = true
		return known
	})
}

func (r *Report) sort() {
	order := func(a, b Published) int {
		return cmp.Or(strings.Compare(a.Bucket, b.Bucket), strings.Compare(a.Key, b.Key))
	}
	slices.SortFunc(r.Uploaded, order)
	slices.SortFunc(r.Skipped, order)
}

// TemplateURL turns the s3:// URL of a template, its placeholders filled in,
// into the URL that CloudFormation is given. The bucket is in the path, so
// that names with dots work.
func TemplateURL(s3URL, region string) (string, error) {
	rest, ok := strings.CutPrefix(s3URL, "s3://")
	bucket, key, found := strings.Cut(rest, "/")
	if !ok || !found || bucket == "" || key == "" {
		return "", fmt.Errorf("read template URL: %q is not of the form s3://BUCKET/KEY", s3URL)
	}
	return fmt.Sprintf("https://s3.%s.%s/%s/%s", region, awsconfig.URLSuffix(region), bucket, key), nil
}
