package cloud

import (
	"time"
)

var storageTypes = map[string]*Type{
	"AWS::S3::Bucket": {
		Scope: Everywhere, Named: "BucketName", Replace: []string{"BucketName", "ObjectLockEnabled"},
		MaxName: 63, Lower: true, Delay: 150 * time.Millisecond, Hook: bucketHook,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{
				"Arn":                 "arn:aws:s3:::" + r.ID,
				"DomainName":          r.ID + ".s3.amazonaws.com",
				"RegionalDomainName":  r.ID + ".s3." + r.Place.Region + ".amazonaws.com",
				"DualStackDomainName": r.ID + ".s3.dualstack." + r.Place.Region + ".amazonaws.com",
				"WebsiteURL":          "http://" + r.ID + ".s3-website-" + r.Place.Region + ".amazonaws.com",
			}
		},
	},
	"AWS::S3::BucketPolicy": {
		Scope: Everywhere, Named: "Bucket", Replace: []string{"Bucket"}, Required: []string{"Bucket", "PolicyDocument"},
		NoTags: true, Delay: 40 * time.Millisecond, Hook: needsBucket,
	},
	"AWS::SSM::Parameter": {
		Named: "Name", Replace: []string{"Name", "Type"}, Required: []string{"Type", "Value"}, MaxName: 128,
		Delay: 30 * time.Millisecond, Hook: countVersions,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Type": r.Text("Type"), "Value": r.Text("Value")}
		},
	},
	"AWS::DynamoDB::Table": {
		Named: "TableName", Replace: []string{"TableName", "KeySchema"}, Required: []string{"KeySchema"}, MaxName: 255,
		Delay: 200 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{
				"Arn":       ARN("dynamodb", r.Place, "table/%s", r.ID),
				"StreamArn": ARN("dynamodb", r.Place, "table/%s/stream/%s", r.ID, r.Created.Format("2006-01-02T15:04:05.000")),
			}
		},
	},
	"AWS::ECR::Repository": {
		Named: "RepositoryName", Replace: []string{"RepositoryName", "EncryptionConfiguration"}, MaxName: 200, Lower: true,
		Delay: 60 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{
				"Arn":           ARN("ecr", r.Place, "repository/%s", r.ID),
				"RepositoryUri": r.Place.Account + ".dkr.ecr." + r.Place.Region + ".amazonaws.com/" + r.ID,
			}
		},
	},
	"AWS::KMS::Key": {
		ID: func(*Cloud, *Resource, string) string { return UUID() }, Delay: 80 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Arn": ARN("kms", r.Place, "key/%s", r.ID), "KeyId": r.ID}
		},
	},
	"AWS::KMS::Alias": {
		Named: "AliasName", Replace: []string{"AliasName"}, Required: []string{"AliasName", "TargetKeyId"}, NoTags: true,
		Delay: 20 * time.Millisecond,
	},
}

func bucketHook(c *Cloud, phase Phase, r *Resource, _ map[string]any) error {
	if phase == Creating {
		c.objects[r.ID] = map[string]*Object{}
	}
	if phase == Deleting || phase == Undoing {
		if len(c.objects[r.ID]) > 0 {
			return awsErrorf("The bucket you tried to delete %w", ErrNotEmpty)
		}
	}
	return nil
}

// countVersions numbers a parameter's values; the first has no number yet.
func countVersions(_ *Cloud, phase Phase, r *Resource, _ map[string]any) error {
	if phase == Updating || phase == RollingBack {
		n, _ := r.Attrs["Version"].(int)
		r.Attrs["Version"] = n + 1
	}
	return nil
}

func needsBucket(c *Cloud, phase Phase, _ *Resource, next map[string]any) error {
	if phase != Creating && phase != Updating {
		return nil
	}
	name, _ := next["Bucket"].(string)
	if _, ok := c.get(Place{}, "AWS::S3::Bucket", name); !ok {
		return awsErrorf("The specified bucket %w", ErrNotFound)
	}
	return nil
}
